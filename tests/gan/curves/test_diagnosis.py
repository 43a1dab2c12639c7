"""The rules on runs whose problems are known, half of them held out; and that every sentence can be said."""

from dataclasses import replace

import numpy as np
import pytest

from ganbench.gan.curves.diagnosis import FAMILIES, RULES, Verdict, diagnose, loss_of
from ganbench.gan.curves.sentences import ADVICE, FOUND, LOST, NAMES, advice, evidence, form_of, lost, unjudged
from ganbench.gan.curves.table import Points, run_of
from ganbench.gan.types import Caveat
from ganbench.gan.words import FORMS
from tests.gan.curves.cases import HELD_OUT, TUNING, found_in, measured, run_of_case
from tests.gan.test_words import EXAMPLES, fields
from tests.refusals import is_sentence


@pytest.mark.parametrize("case", [*TUNING, *HELD_OUT], ids=lambda case: case.name)
def test_a_run_has_the_problems_that_are_found(case):
    assert found_in(case) == case.truth


def test_precision_and_recall_on_the_runs_held_out():
    precision, recall, _ = measured(HELD_OUT)
    assert precision >= 0.9
    assert recall >= 0.9


def test_half_of_the_runs_are_held_out_and_every_rule_has_one_on_either_side():
    made = [[case for case in half if case.make] for half in (TUNING, HELD_OUT)]
    assert [len(half) for half in made] == [6, 6]
    assert len({case.name for case in (*TUNING, *HELD_OUT)}) == len(TUNING) + len(HELD_OUT)
    for rule in RULES.keys() - {"collapse", "restart", "not finite"}:
        assert all(any(rule in case.truth for case in half) for half in (TUNING, HELD_OUT)), rule


@pytest.mark.long
def test_other_seeds_of_the_made_runs_are_judged_as_well():
    cases = [replace(case, seed=1_000 + 100 * k + case.seed) for case in (*TUNING, *HELD_OUT) if case.make
             for k in range(20)]
    precision, recall, _ = measured(cases)
    assert precision >= 0.9
    assert recall >= 0.9


@pytest.mark.parametrize("loss", ["wasserstein", "denoising", "cross-entropy"])
def test_rules_that_need_probabilities_do_not_apply_to_other_losses(loss):
    run = run_of_case(HELD_OUT[1])
    said = {row.rule: row.said for row in diagnose(run, loss)}
    assert said["discriminator wins"] == said["generator wins"] == "not applicable"
    assert {row.rule: row.said for row in diagnose(run, "non-saturating")}["discriminator wins"] == "found"


def test_no_loss_says_that_images_have_collapsed():
    for case in (*TUNING, *HELD_OUT):
        run = run_of_case(case)
        losses = {name: series for name, series in run.series.items() if name in ("discriminator", "generator")}
        (found,) = [row for row in diagnose(replace(run, series=losses), case.loss) if row.rule == "collapse"]
        assert found.said == "not logged"


@pytest.mark.parametrize(("values", "loss"), [
    ({"discriminator": -1.0, "generator": -0.5}, "wasserstein"), ({"discriminator": 1.0, "generator": -0.5}, "hinge"),
    ({"discriminator": 1.0, "generator": 0.5}, "non-saturating"), ({"denoising": 1.0}, "denoising"),
    ({"cross_entropy": 1.0}, "cross-entropy"), ({"accuracy": 1.0}, ""),
])
def test_the_family_of_a_loss_is_seen_from_its_signs(values, loss):
    points = {name: Points() for name in values}
    for name, value in values.items():
        points[name].add(np.arange(100), None, np.full(100, value))
    assert loss_of(run_of("run", "made", points)) == loss
    assert loss in {*FAMILIES, ""}


def test_a_handful_of_points_or_a_constant_are_not_judged_rashly():
    for n in (1, 3, 20):
        points = {name: Points() for name in ("discriminator", "generator")}
        for part in points.values():
            part.add(np.arange(n), None, np.full(n, 0.7))
        assert not [row.rule for row in diagnose(run_of("run", "made", points)) if row.said == "found"]


# Sentences

@pytest.mark.parametrize("row", [*FOUND, *LOST])
@pytest.mark.parametrize("language", ["en", "fr"])
def test_both_languages_say_the_same_facts(row, language):
    english, french = (FOUND | LOST)[row]
    assert english != french
    assert fields(english) == fields(french)
    assert set(fields(english).values()) <= set(FORMS)
    facts = {name: EXAMPLES.get(form, 1 if row == "restart once" else 1234.5)
             for name, form in fields(english).items()} | ({"count": 1} if row == "restart once" else {})
    said = lost(Caveat(row, facts), language) if row in LOST else evidence(
        Verdict(row.removesuffix(" by probabilities").removesuffix(" once"), "found", "info", facts), language)
    assert "{" not in said
    assert is_sentence(said)


def test_every_rule_has_a_name_and_advice_in_both_languages():
    assert RULES.keys() == NAMES.keys() == ADVICE.keys()
    for rule in RULES:
        one, other = (advice(Verdict(rule, "found"), language) for language in ("en", "fr"))
        assert one != other
        assert is_sentence(one)
        assert is_sentence(other)


def test_evidence_names_the_numbers():
    (found,) = [row for row in diagnose(run_of_case(HELD_OUT[6]), "non-saturating") if row.said == "found"]
    assert form_of(found) == "discriminator wins by probabilities"
    assert f"{found.facts['step']:,}" in evidence(found)
    assert "0,0" in evidence(found, "fr")


def test_what_does_not_apply_is_said_in_one_line():
    rows = diagnose(run_of_case(HELD_OUT[8]), "wasserstein")
    assert unjudged(rows, "not applicable") == (
        "Not applicable to this loss: discriminator winning, generator winning, plateau.")
