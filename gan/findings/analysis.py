"""The analysis of one model: all tests against real images, and the findings that follow from them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from ganbench.gan import attribution, gates
from ganbench.gan.findings import appearance, copies, gallery, modes, quality, rules, spectrum
from ganbench.gan.findings.appearance import Appearance
from ganbench.gan.findings.copies import Matches, Memorisation
from ganbench.gan.findings.evidence import LEAST, Assignment, Assignments, Evidence, NeighbourSearch, assign_slices
from ganbench.gan.findings.gallery import Gallery, Item
from ganbench.gan.findings.modes import Mode
from ganbench.gan.findings.pixels import ImageStatistics, image_statistics
from ganbench.gan.findings.quality import Quality
from ganbench.gan.findings.rules import Test, decide
from ganbench.gan.findings.shares import Deviation, Shares, corrected, counted, deviations
from ganbench.gan.findings.spectrum import RealSet, Spectrum
from ganbench.gan.findings.stratification import Strata
from ganbench.gan.rows import Rows
from ganbench.gan.slices import Sliced, Slicing, measure_slices
from ganbench.gan.sources import source_digest
from ganbench.gan.store import Store, remember
from ganbench.gan.types import BadInput, Estimate, Finding, digest_of

RATIO = 0.2                     # least deviation that is reported, relative to the expected share
MISSING = 0.1                   # ratio to the expected share, up to which a class is missing
MUCH = 0.05                     # a deviation of this share of all images, and by a factor of 2, is an alert
COSTLY = 0.1                    # least share of the Fréchet distance that is reported
RELIABLE = 0.5                  # precision relative to that of real images, below which classes are uncertain
RELIABLE_BESIDE_CAUSES = 0.75   # the same where defects of the pixels explain it
VARIED = 0.6                    # coverage relative to that of real images of the same slices: the same
LITTLE = 1e-3                   # the least share of a class in ratios
SURE = 4.0                      # standard errors from which on two shares are taken to differ
CLASSES = 2_000                 # most classes: the covariance of their shares is a matrix of this size
FRECHET = 1.0                   # least number of images per feature for attributing a Fréchet distance
ALIKE = 0.25                    # relative to the real share: the largest deviation, errors included, of equal shares
OF_CLASSES = {"missing", "rare", "frequent", "renamed", "added", "slice_unlike"}
STILL_TRUE = {"copies", "duplicates", "flat", "unlike", "uncovered"}    # of variants of a few images
REPEATED = 0.5                  # of the images: near-duplicates of others


@dataclass(frozen=True)
class Slice:
    """A class, or a cluster of the real images; `cost` is its share of the Fréchet distance."""

    name: str
    share: Estimate
    real_share: Estimate
    p: float                    # unadjusted; of the hypothesis that the share does not deviate
    precision: Estimate | None = None
    recall: Estimate | None = None
    coverage: Estimate | None = None
    kid: Estimate | None = None
    cost: Estimate | None = None


@dataclass(frozen=True)
class Analysis:
    """One model: its findings, the most important first, and the results behind them."""

    findings: tuple[Finding, ...]
    by: str                     # class or cluster
    slices: tuple[Slice, ...]
    spectrum: Spectrum
    appearance: tuple[Appearance, ...]
    modes: tuple[Mode, ...]
    memorisation: Memorisation
    gallery: Gallery


def analyse(evidence: Evidence, store: Store) -> tuple[Analysis, bool]:
    """The analysis, and whether it was computed now.  It depends on pixels, features, labels and class names."""
    check(evidence)
    sets = {name: images.digest if images else None for name, images in
            (("generated", evidence.generated), ("reference", evidence.reference), ("held_out", evidence.held_out),
             ("training", evidence.training))}
    labels = evidence.reference.labels
    key = digest_of({
        "stage": "findings", "sets": sets, "classes": evidence.classes, "source": source_digest("findings"),
        "labels": None if labels is None else labels.tolist(), "labelled": evidence.labelled,
    })
    found, computed = remember(store, "findings", key, lambda: asdict(analyse_now(evidence, store)))
    return restored(found), computed


def check(evidence: Evidence) -> None:
    sets = (("generated", evidence.generated), ("reference", evidence.reference), ("held-out", evidence.held_out))
    for name, images in sets:
        if images is not None and images.n < LEAST:
            raise BadInput("too-few-images", f"An analysis needs at least {LEAST} {name} images, got {images.n:,}.")
    given = [("reference", evidence.reference), *([("generated images", evidence.generated)] * evidence.labelled)]
    for name, images in given:
        labels = images.labels
        if labels is not None and not 0 <= labels.min() <= labels.max() < CLASSES:
            raise BadInput("labels-do-not-fit",
                           f"An analysis takes labels from 0 to {CLASSES - 1:,}, those of the {name} go from "
                           f"{labels.min():,} to {labels.max():,}.")
    shapes = {images.samples.shape for images in (evidence.generated, *evidence.real)}
    if len(shapes) > 1:
        raise BadInput("unequal-sizes",
                       f"An analysis needs images of one shape, got {' and '.join(map(str, sorted(shapes)))}.")


def analyse_now(evidence: Evidence, store: Store) -> Analysis:
    near = NeighbourSearch(evidence, store)
    whole = quality.quality(near)
    kinds = with_class_ratios(assign_slices(evidence, near), evidence)
    of_pixels = pixel_results(evidence, kinds, classes_reliable(whole, RELIABLE))
    rows, share_tests, share_strengths = slice_results(evidence, kinds, store, alike=not of_pixels.causes)
    found_modes, mode_tests = modes.modes(evidence, kinds)
    near_training = copies.matches(evidence, near, kinds)
    by_slice = {row.name: row.precision for row in rows if row.precision}
    of_kinds = quality.slice_tests(by_slice, kinds, evidence, whole)
    if kinds.generated.exact or slices_known(whole, kinds, RELIABLE_BESIDE_CAUSES if of_pixels.causes else RELIABLE):
        of_kinds = [*named_apart(share_tests, kinds), *of_kinds]
    else:
        of_kinds = [*held_back(share_tests, whole, kinds), *of_kinds]
        mode_tests = as_notes(mode_tests) if of_pixels.causes else mode_tests
        share_strengths = []
    far = bool(of_pixels.causes) or not slices_known(whole, kinds, RELIABLE_BESIDE_CAUSES)
    of_copies = [copies.copies_test(near_training, evidence, far), *copies.duplicates_test(kinds, near, far)]
    of_all = quality.quality_tests(whole)
    tests = [*of_kinds, *escalate_causes(of_pixels, of_all), *of_copies, *mode_tests, *of_all]
    tests = after_collapse(tests, evidence, kinds.generated.exact)
    memory = copies.memorisation(near_training, (evidence.training or evidence.reference).n)
    strengths = [*share_strengths, *of_pixels.strengths, *strengths_of(whole, near_training, memory)]
    return Analysis(decide(tests, strengths), kinds.by, tuple(rows), of_pixels.spectrum, tuple(of_pixels.appearance),
                    tuple(found_modes), memory, gallery.gallery(near.overlap, near_training))


def after_collapse(tests: list[Test], evidence: Evidence, exact: bool) -> list[Test]:
    """The same tests; where images are variants of a few pictures, that first, and nothing of what these few happen to
    look like: tests take images for independent ones.  So it is where most are copies of each other."""
    facts = gates.collapsed(evidence.generated.samples, evidence.reference.samples)
    again = any(test.finding.facts["share"] >= REPEATED and test.p < appearance.TELLING
                for test in tests if test.finding.rule == "duplicates")
    kept = [test for test in tests if test.finding.rule in STILL_TRUE | (OF_CLASSES if exact else set())]
    if facts is None:
        return kept if again else tests
    return [Test(Finding("alert", "collapse", facts, None, "gallery:duplicated"), 0.0, True), *kept]


def held_back(tests: list[Test], whole: Quality, kinds: Assignments) -> list[Test]:
    """Of shares that would be told, only that they cannot be."""
    if not any(test.enough and test.p < rules.LEVEL for test in tests):
        return []
    facts = {"what": kinds.by, "value": whole.precision.value, "real": whole.real_precision.value,
             "covered": whole.coverage.value, "usual": whole.real_coverage.value}
    return [Test(Finding("info", "classes_unknown", facts, None, "slices"), 0.0, True)]


def named_apart(tests: list[Test], kinds: Assignments) -> list[Test]:
    """The tests of shares, but of classes that one side has no name for: that is said instead, since a class may only
    have another name there."""
    if not kinds.generated.exact:
        return tests
    mine, real = (np.bincount(slices, minlength=len(kinds.names)) for slices in (kinds.generated.slice, kinds.truth))
    added = [kinds.names[k] for k in np.flatnonzero((mine > 0) & (real == 0))]
    if not added:
        return tests
    lacking = [kinds.names[k] for k in np.flatnonzero((mine == 0) & (real > 0))]
    share = float(mine[real == 0].sum() / mine.sum())
    facts = {"added": added, **({"lacking": lacking} if lacking else {"share": share})}
    said = Test(Finding("warning", "renamed" if lacking else "added", facts, None, "slices"), 0.0, True)
    return [said, *(test for test in tests if test.finding.facts.get("name") not in (*added, *lacking))]


def with_class_ratios(kinds: Assignments, evidence: Evidence) -> Assignments:
    """The assignments with `class_ratio`: the generated over the real frequency of each class; 1 where the two do not
    clearly differ, since errors of the ratio would enter every mean."""
    if kinds.by == "cluster":
        return kinds
    k = len(kinds.names)
    mine, real = corrected(kinds.generated, kinds), counted(kinds.truth, k)
    errors = np.array([np.hypot(mine.estimate(i).se, real.estimate(i).se) for i in range(k)])
    ratio = np.where(np.abs(mine.value - real.value) > SURE * errors,
                     mine.value.clip(LITTLE) / np.maximum(real.value, LITTLE), 1.0)
    held_out, labels = kinds.held_out, evidence.held_out.labels if evidence.held_out else None
    if held_out is not None and labels is not None and 0 <= labels.min() <= labels.max() < k:
        held_out = replace(held_out, class_ratio=ratio[labels])
    return replace(kinds, reference=replace(kinds.reference, class_ratio=ratio[kinds.truth]), held_out=held_out)


def classes_reliable(whole: Quality, share: float) -> bool:
    return whole.precision.value >= share * whole.real_precision.value


def slices_known(whole: Quality, kinds: Assignments, share: float) -> bool:
    """Whether images are in the slices that they are taken for: most look like real ones, and each slice is as varied
    as it is among these."""
    return classes_reliable(whole, share) and quality.covered_within(whole, kinds) >= VARIED


def escalate_causes(of_pixels: PixelResults, of_all: list[Test]) -> list[Test]:
    """The tests of pixels.  Checkerboard artefacts, blur and noise become alerts where precision or coverage is one:
    networks are sensitive to such details, so they may have changed the features of nearly all images."""
    grave = any(test.finding.severity == "alert" and test.enough and test.p < appearance.TELLING for test in of_all)
    causes = [test for test in of_pixels.causes if grave and test.finding.figure == "spectrum"]
    return [replace(test, finding=replace(test.finding, severity="alert")) if test in causes else test
            for test in of_pixels.tests]


def as_notes(tests: list[Test]) -> list[Test]:
    """The same tests with severity `info`: defects of the pixels explain artefact modes."""
    return [replace(test, finding=replace(test.finding, severity="info")) for test in tests]


# Slices

def slice_results(
    evidence: Evidence, kinds: Assignments, store: Store, alike: bool
) -> tuple[list[Slice], list[Test], list[Finding]]:
    """Rows in the order of the slices, tests in the order of `deviations`.  `alike`: generated images look like real
    images of their class; otherwise the classifier's errors on them may differ from those on real images."""
    k = len(kinds.names)
    real = [counted(kinds.truth, k)]
    mine = corrected(kinds.generated, kinds)
    if kinds.held_out and kinds.held_out.exact == kinds.generated.exact:
        real.append(corrected(kinds.held_out, kinds))
    found = deviations(mine if alike else replace(mine, drift=1.0), real)
    measured, _ = measure_slices(Slicing(kinds.names, kinds.generated.slice, kinds.reference.slice),
                                 evidence.generated.features, evidence.reference.features, {}, store)
    costs = slice_costs(evidence, kinds, store)
    p = {one.slice: one.p for one in found}
    rows = [_row(i, kinds, mine, real[0], p, measured, costs) for i in range(k)]
    tests = [_share_test(one, kinds, mine, real[0]) for one in found]
    return rows, [*tests, *_cost_tests(rows, kinds)], _share_strengths(mine, real[0], kinds)


def _row(
    i: int, kinds: Assignments, mine: Shares, real: Shares, p: Mapping[int, float], measured: Sliced,
    costs: Mapping[int, Estimate]
) -> Slice:
    found: Mapping[str, Estimate] = measured.get(kinds.names[i], {})
    return Slice(kinds.names[i], mine.estimate(i), real.estimate(i), p.get(i, 1.0), found.get("precision"),
                 found.get("recall"), found.get("coverage"), found.get("kid"), costs.get(i))


def slice_costs(evidence: Evidence, kinds: Assignments, store: Store) -> dict[int, Estimate]:
    """The contribution of each slice to the Fréchet distance, as a share of it; {} with fewer images than features."""
    features = evidence.generated.features
    n, m = evidence.generated.n, evidence.reference.n
    if n < FRECHET * Rows(features).shape[1] or min(n, m) < LEAST:
        return {}
    found = attribution.attribute(features, evidence.reference.features, kinds.generated.slice, store)
    whole = found.distance or 1.0
    return {k: Estimate(one.value / whole, one.se / whole) for k, one in found.classes.items()}


def _share_test(one: Deviation, kinds: Assignments, mine: Shares, real: Shares) -> Test:
    """Tested relative to the other slices.  Reported are the shares of all images, as the tables show them, and nothing
    where these deviate less or in the other direction: there the other slices deviate."""
    gap, share, expected = one.share - one.expected, float(mine.value[one.slice]), float(real.value[one.slice])
    seen, ratio = share - expected, share / expected if expected > 0 else np.inf
    rule = "missing" if ratio <= MISSING else "rare" if seen < 0 else "frequent"
    much = abs(seen) >= MUCH and not 0.5 < ratio < 2
    facts = {"name": kinds.names[one.slice], "by": kinds.by, "share": max(share, 0.0), "expected": expected}
    severity = "alert" if rule == "missing" or much else "warning"
    enough = (seen * gap > 0 and abs(gap) >= RATIO * one.expected + one.tolerance
              and abs(seen) >= RATIO * expected + one.tolerance)
    return Test(Finding(severity, rule, facts, one.p, "slices"), one.p, enough)


def _cost_tests(rows: list[Slice], kinds: Assignments) -> list[Test]:
    """The slice with the largest contribution; severity `info`, since it is not a defect in itself."""
    priced = [row for row in rows if row.cost]
    if not priced:
        return []
    worst = max(priced, key=lambda row: row.cost.value if row.cost else 0.0)
    cost = worst.cost or Estimate(0.0, 1.0)
    p = min(1.0, len(priced) * one_sided(cost))
    facts = {"name": worst.name, "by": kinds.by, "share": cost.value}
    return [Test(Finding("info", "cost", facts, p, "slices"), p, cost.value >= COSTLY)]


def one_sided(found: Estimate) -> float:
    """One-sided p-value of the hypothesis that the value is 0 or below."""
    from scipy.stats import norm

    return float(norm.sf(found.value / found.se)) if found.se > 0 else 1.0


def _share_strengths(mine: Shares, real: Shares, kinds: Assignments) -> list[Finding]:
    """A strength if no share is farther than ALIKE from the real one, errors included."""
    there = np.flatnonzero((real.value > 0) | (mine.value > 0))
    within = max((_reach(int(k), mine, real) for k in there), default=np.inf)
    if within > ALIKE or len(there) < 2:
        return []
    facts = {"by": kinds.by, "slices": len(there), "within": float(within)}
    return [Finding("strength", "shares_alike", facts, None, "slices")]


def _reach(k: int, mine: Shares, real: Shares) -> float:
    """How far a share may be from the real one, over that."""
    one, other = mine.estimate(k), real.estimate(k)
    far = abs(one.value - other.value) + 2 * np.hypot(one.se, other.se)
    return float(far / other.value) if other.value > 0 else np.inf


# Pixels

@dataclass(frozen=True)
class PixelResults:
    """The results that depend on pixels alone."""

    spectrum: Spectrum
    appearance: list[Appearance]
    tests: list[Test]
    strengths: list[Finding]

    @property
    def causes(self) -> list[Test]:
        """The tests with large enough effects and very small p-values."""
        return [test for test in self.tests if test.enough and test.p < appearance.TELLING]


def pixel_results(evidence: Evidence, kinds: Assignments, known: bool) -> PixelResults:
    """`known`: most images look like real ones, so that the assignment to slices can be trusted."""
    mine = image_statistics(evidence.generated.pixels())
    slices = [kinds.reference, *([kinds.held_out] if kinds.held_out else [])]
    real: list[RealSet] = [(image_statistics(images.pixels()), strata_of(kinds, kind, known))
                           for images, kind in zip(evidence.real, slices, strict=True)]
    focus = spectrum.sharpness_test(mine, real)
    in_focus = not (focus.enough and focus.p < appearance.TELLING)
    checkerboards = spectrum.checkerboard_tests(mine, real, blurred=not in_focus and focus.finding.rule == "blurred")
    tests = [focus, *checkerboards, *appearance.appearance_tests(mine, real, in_focus)]
    return PixelResults(spectrum.spectrum(mine, real[0][0]), appearance.appearance(mine, real), tests,
                        pixel_strengths(mine, real, checkerboards))


def strata_of(kinds: Assignments, real: Assignment, known: bool) -> Strata:
    """Strata by class.  Clusters of features depend on brightness and blur and would hide both: then one stratum."""
    if kinds.by == "class" and known:
        return Strata(kinds.generated.slice, real.slice, real.class_ratio)
    return Strata(np.zeros_like(kinds.generated.slice), np.zeros_like(real.slice))


def pixel_strengths(mine: ImageStatistics, real: list[RealSet], checkerboards: list[Test]) -> list[Finding]:
    found = []
    decibels, error, _ = spectrum.sharpness(mine, real)
    if abs(decibels) + 2 * error <= spectrum.SOFT:
        found.append(Finding("strength", "sharp", {"decibels": decibels, "se": error}, None, "spectrum"))
    faint = spectrum.checkerboards_at_most(mine, real)
    if checkerboards and faint is not None and faint <= spectrum.FAINTEST:
        found.append(Finding("strength", "no_lattice", {"amplitude": faint}, None, "spectrum"))
    value, se, _ = appearance.mean_test("brightness", mine, real)
    if abs(value) + 2 * se <= 2 * appearance.LEAST["brightness"][0]:
        facts = {"difference": value, "se": se}
        found.append(Finding("strength", "well_exposed", facts, None, "appearance:brightness"))
    return found


def strengths_of(whole: Quality, matches: Matches, memory: Memorisation) -> list[Finding]:
    found = []
    for rule, mine, real in (("like_real", whole.precision, whole.real_precision),
                             ("covers", whole.coverage, whole.real_coverage)):
        if real.value - mine.value + 2 * np.hypot(mine.se, real.se) <= quality.LEAST:
            facts = {"value": mine.value, "real": real.value}
            found.append(Finding("strength", rule, facts, None, "scores"))
    below = copies.at_most(matches)
    if memory.copies and memory.copies.value == 0 and below <= copies.SPARE:
        facts_: dict[str, Any] = {"n": memory.n_training, "below": below}
        found.append(Finding("strength", "no_copies", facts_, None, "memorisation"))
    return found


# From the store

def restored(found: Mapping[str, Any]) -> Analysis:
    """The inverse of `asdict`."""
    parts: dict[str, Callable[[Any], Any]] = {
        "findings": lambda rows: tuple(Finding(**row) for row in rows),
        "slices": lambda rows: tuple(Slice(**_estimates(row)) for row in rows),
        "spectrum": lambda row: Spectrum(**row),
        "appearance": lambda rows: tuple(Appearance(**_estimates(row)) for row in rows),
        "modes": lambda rows: tuple(Mode(**_estimates(row)) for row in rows),
        "memorisation": lambda row: Memorisation(**_estimates(row)),
        "gallery": lambda row: Gallery(**{name: [Item(**item) for item in items] for name, items in row.items()}),
    }
    return Analysis(**{name: parts.get(name, lambda same: same)(value) for name, value in found.items()})


def _estimates(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: Estimate(**value) if isinstance(value, dict) else value for name, value in row.items()}
