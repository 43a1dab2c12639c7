"""From tests to findings: one family-wise error rate over all tests of a model, and a least effect size for each rule.

Holm's adjustment keeps the probability of any finding about a model without defects below LEVEL.  With many images,
defects that are too small to matter become significant; these are not reported.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ganbench.gan.compare import holm
from ganbench.gan.types import Finding

LEVEL = 0.01
SEVERITIES = ("alert", "warning", "info", "strength")
# Causes before their consequences: a missing class lowers coverage, blur lowers precision.
ORDER = (
    "collapse", "copies", "duplicates", "renamed", "added", "missing", "frequent", "rare", "lattice", "blurred",
    "noisy", "bright", "dark", "pale", "vivid", "cast", "hue", "mode", "flat", "harsh", "appearance_distribution",
    "unlike", "uncovered", "slice_unlike", "classes_unknown", "cost",
)


# A strength is not reported together with a finding that contradicts it, however small.
CONTRARY = {
    "well_exposed": {"bright", "dark", "collapse"}, "sharp": {"blurred", "noisy", "lattice", "collapse"},
    "no_lattice": {"lattice", "collapse"}, "like_real": {"unlike"}, "covers": {"uncovered", "collapse"},
    "shares_alike": {"missing", "rare", "frequent", "renamed", "added", "collapse"}, "no_copies": {"copies"},
}


@dataclass(frozen=True)
class Test:
    """A candidate finding: `p` is unadjusted, `enough` says whether the effect is large enough to matter."""

    finding: Finding
    p: float
    enough: bool


def decide(tests: Sequence[Test], strengths: Sequence[Finding] = ()) -> tuple[Finding, ...]:
    """The significant findings, the most important first: by severity, then causes before consequences, then in the
    order of a rule's tests, large effects before small ones."""
    adjusted = holm([test.p for test in tests])
    found = [replace(test.finding, p=None if test.finding.p is None else p)     # what is seen needs no test
             for test, p in zip(tests, adjusted, strict=True) if test.enough and p < LEVEL]
    said = {finding.rule for finding in found}
    kept = [strength for strength in strengths if not said & CONTRARY.get(strength.rule, set())]
    return tuple(sorted([*found, *kept], key=importance))


def importance(finding: Finding) -> tuple[int, int]:
    rank = ORDER.index(finding.rule) if finding.rule in ORDER else len(ORDER)
    return SEVERITIES.index(finding.severity), rank
