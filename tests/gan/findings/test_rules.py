"""What is told of all that was tested: with one error for everything, causes first, and nothing that contradicts."""

from ganbench.gan.findings import rules as house
from ganbench.gan.findings.rules import CONTRARY, decide
from ganbench.gan.types import Finding
from ganbench.gan.words import SENTENCES


def of(rule, p, enough=True, severity="warning"):
    return house.Test(Finding(severity, rule, {}, p), p, enough)


def rules(*tests, strengths=()):
    return [finding.rule for finding in decide(tests, [Finding("strength", rule, {}) for rule in strengths])]


def test_holms_rule_counts_everything_that_was_tested():
    assert rules(of("blurred", 0.004)) == ["blurred"]
    assert rules(of("blurred", 0.004), *(of("mode", 0.5) for _ in range(9))) == []
    assert decide([of("blurred", 0.001), of("mode", 0.5)])[0].p == 0.002


def test_effects_too_small_to_matter_are_not_told_however_sure():
    assert rules(of("blurred", 1e-30, enough=False)) == []


def test_alerts_come_first_and_causes_before_what_follows_from_them():
    found = rules(of("unlike", 1e-9, severity="alert"), of("cost", 1e-9, severity="info"), of("lattice", 1e-9),
                  of("missing", 1e-9, severity="alert"), strengths=["well_exposed"])
    assert found == ["missing", "unlike", "lattice", "cost", "well_exposed"]


def test_no_strength_contradicts_a_finding():
    assert rules(of("bright", 1e-9), strengths=["well_exposed", "sharp"]) == ["bright", "sharp"]
    assert CONTRARY.keys() <= SENTENCES.keys()
    assert set().union(*CONTRARY.values()) <= SENTENCES.keys()
