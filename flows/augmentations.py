"""What `ganbench augment` prints, and what is logged of it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ganbench.flows.answers import Answer
from ganbench.flows.screen import Grid as Table
from ganbench.flows.screen import Line, Screen
from ganbench.flows.tables import DASH
from ganbench.gan.applications.augment.arms import ALONE, ORACLE
from ganbench.gan.applications.augment.augmenting import Augmented
from ganbench.gan.applications.augment.cells import batch_for
from ganbench.gan.applications.augment.experiment import Experiment
from ganbench.gan.applications.augment.grid import ENOUGH
from ganbench.gan.applications.augment.judging import BINS, HEADROOM, Outcome, Points, difference

# Words

def answer_of(made: Augmented) -> Answer:
    return Answer(screen_of(made), json_of(made), tuple(map(str, artifacts_of(made))))


def screen_of(made: Augmented) -> Screen:
    found = made.found
    return [
        *(Line(text) for text in sentences(found)),
        table_of(found), classes_of(found),
        *(Line(text) for text in about(made)), Line(""), *(Line(file, whole=True) for file in made.files),
    ]


def sentences(found: Experiment) -> list[str]:
    """The verdict, whose images it may owe to, and the exchange rate."""
    return [verdict_said(found), oracle_said(found), open_said(found), *exchange_said(found), *alone_said(found)]


def gained(points: Points) -> str:
    """`+2.3 points (95 % interval +1.2 to +3.4)`."""
    return f"{points.value:+z.1f} points (95 % interval {points.low:+.1f} to {points.high:+.1f})"


def verdict_said(found: Experiment) -> str:
    verdict, grid, name = found.verdict, found.grid, found.spec.name
    outcome = grid.outcomes[verdict.arm]
    said = (f"with {outcome.images - grid.real:,} synthetic images beside {grid.real:,} real ones "
            f"{outcome.accuracy.value:.1f} % of the test images are recognised, {gained(verdict.gain)} beside the real "
            f"ones with {grid.reference}")
    if verdict.state != "cannot tell":
        state = {"helps": "helps", "harms": "harms", "neutral": "is neutral"}[verdict.state]
        return f"{name} {state}: {said}."
    why = {"no oracle": "no real images are left to see whether more images would help at all",
           "headroom": f"real images in place of the synthetic ones gain less than {HEADROOM:.0f} points",
           "too few": f"a difference of {HEADROOM:.0f} points could be overlooked; give more --seeds or test images"}
    return f"This task cannot tell whether {name} helps, since {why[verdict.why]}: {said}."


def oracle_said(found: Experiment) -> str:
    room = found.verdict.oracle
    if room is None:
        return f"There is no oracle: {found.grid.skipped[ORACLE]}; --unseen takes more real images."
    images = found.grid.outcomes[ORACLE].images - found.grid.real
    return f"{images:,} real images that nobody has seen, added instead, gain {gained(room)}."


def open_said(found: Experiment) -> str:
    learnt = found.learnt
    if found.openness == "open":
        return (f"Open set: {found.spec.name} has learnt from {learnt.n:,} real images ({learnt.data}), the classifier "
                f"from {found.grid.real:,}, so that a gain may be owed to those images.")
    if found.openness == "closed":
        return f"Closed set: {found.spec.name} has learnt from no other images than these ({learnt.data})."
    return (f"Open or closed set: unknown. Nothing says what {found.spec.name} has learnt from; if that is more than "
            "the classifier has, a gain may be owed to those images.")


def exchange_said(found: Experiment) -> list[str]:
    rate, added = found.exchange, found.grid.outcomes[found.verdict.arm].images - found.grid.real
    if rate is None:
        return ["Exchange rate: none, since synthetic images gain nothing, or there are no more real ones to compare "
                "with."]
    high = "no bound" if math.isinf(rate.high) else f"{rate.high:.1f}"
    if rate.beyond:
        return [f"Exchange rate: {added:,} synthetic images do more than {rate.real - found.grid.real:,.0f} more real "
                f"ones, as many as there are: fewer than {rate.value:.1f} for a real one (95 % interval up to {high})."]
    return [f"Exchange rate: {added:,} synthetic images do as much as {rate.real - found.grid.real:,.0f} more real "
            f"ones: {rate.value:.1f} synthetic images for a real one (95 % interval {rate.low:.1f} to {high})."]


def alone_said(found: Experiment) -> list[str]:
    """Both ways between real and synthetic."""
    said = []
    if ALONE in found.grid.outcomes:
        alone = found.grid.outcomes[ALONE].accuracy
        said.append(f"Trained on synthetic images alone, tested on real ones: {interval(alone)} %.")
    if found.grid.on_synthetic:
        values = 100 * np.array(found.grid.on_synthetic)
        said.append(f"Trained on real images alone, tested on synthetic ones: {values.mean():.1f} % "
                    f"({values.min():.1f} to {values.max():.1f} over seeds).")
    else:
        said.append("The model was asked for no classes: a guide that has learnt from the real images alone names "
                    "them, so that testing real on synthetic would go round in a circle.")
    return said


def interval(points: Points) -> str:
    return f"{points.value:.1f} ({points.low:.1f} to {points.high:.1f})"


def about(made: Augmented) -> list[str]:
    """How it was measured."""
    found, grid = made.found, made.found.grid
    real, seeds = found.real, found.asked.plan.seeds
    left = (f" {found.left_out:,} were left out, since they are copies of images that were learnt from."
            if found.left_out else "")
    return [
        f"{seeds} seeds, each with its own {grid.real:,} real images, which all arms share; {len(real.test):,} test "
        f"images and {len(real.validation):,} by which steps, flips and the verdict's arm are chosen.{left}",
        steps_said(found),
        "Intervals: Student's t between seeds, and the normal distribution between test images, both paired. "
        f"Calibration error: of the likeliest class, {BINS} bins of equal width, in points.",
        *(f"No {name}: {why}." for name, why in grid.skipped.items()),
        f"{grid.computed:,} of {grid.total:,} classifiers were trained now; the others were in the store.",
    ]


def steps_said(found: Experiment) -> str:
    grid = found.grid
    steps = grid.steps
    said = f"Every classifier learns for {steps.chosen:,} steps of {batch_for(grid.real)} images"
    if not steps.tried:
        return f"{said}, as asked for."
    tried = ", ".join(f"{n:,}: {value:.1f} %" for n, value in steps.tried.items())
    if len(steps.tried) > 1 and steps.gain < ENOUGH:
        return f"{said}: a last doubling gained less than {ENOUGH} points ({tried})."
    return (f"{said}, the most that --most-steps allows, though doubling may still gain ({tried}): more steps favour "
            "the arms with more images.")


# Tables

def table_of(found: Experiment) -> Table:
    grid = found.grid
    base = grid.outcomes[grid.reference]
    heads = ("arm", "images", "recognised, % (95 %)", f"beside {grid.reference}", "calibration error")
    rows = []
    for arm in grid.arms:
        if arm.name in grid.outcomes:
            one = grid.outcomes[arm.name]
            gain = difference(one, base)
            beside = DASH if arm.name == grid.reference else gain.with_signs
            rows.append((arm.name, f"{one.images:,}", interval(one.accuracy), beside, f"{100 * one.calibration:.1f}"))
    return Table(f"{found.spec.name} for {found.real.name}", heads, tuple(rows))


def classes_of(found: Experiment) -> Table:
    """Recall by class of the reference, the verdict's arm and the oracle."""
    grid = found.grid
    shown = [name for name in (grid.reference, found.verdict.arm, ORACLE) if name in grid.outcomes]
    recalls = [grid.outcomes[name].recalls(found.real.classes) for name in shown]
    rows = tuple((name, *(DASH if np.isnan(one[k]) else f"{100 * one[k]:.1f}" for one in recalls))
                 for k, name in enumerate(found.real.names))
    return Table("Recall, %", ("class", *shown), rows)


# What is logged

def numbers_of(made: Augmented) -> dict[str, float]:
    """Accuracies and gains by arm in points, and the exchange rate."""
    grid, rate = made.found.grid, made.found.exchange
    base = grid.outcomes[grid.reference]
    found = with_ends("gain", made.found.verdict.gain)
    for name, one in grid.outcomes.items():
        key = name.replace(" ", "_")
        found |= {**with_ends(f"accuracy.{key}", one.accuracy), **with_ends(f"beside.{key}", difference(one, base)),
                  f"calibration_error.{key}": 100 * one.calibration}
    return found | ({"synthetic_per_real": rate.value} if rate else {})


def with_ends(name: str, found: Points) -> dict[str, float]:
    return {name: found.value, f"{name}.low": found.low, f"{name}.high": found.high}


def artifacts_of(made: Augmented) -> list[Path]:
    """The pictures; exported images stay where they are."""
    return [Path(file) for file in made.files if Path(file).is_file()]


# JSON

def json_of(made: Augmented) -> str:
    found, request, grid = made.found, made.request, made.found.grid
    base, rate = grid.outcomes[grid.reference], found.exchange
    facts = {
        "model": found.spec.name, "digest": found.pool.digest, "data": found.real.name, "task": request.task,
        "test": found.real.test.images.name, "verdict": found.verdict.state, "why": found.verdict.why or None,
        "arm": found.verdict.arm, "gain": points_json(found.verdict.gain), "oracle": points_json(found.verdict.oracle),
        "set": found.openness, "learnt": found.learnt.data or None, "learnt_images": found.learnt.n or None,
        "exchange": rate and {"synthetic_per_real": rate.value, "low": rate.low,
                              "high": None if math.isinf(rate.high) else rate.high, "as_many_real": rate.real,
                              "beyond": rate.beyond},
        "real_images": grid.real, "seeds": found.asked.plan.seeds, "seed": request.seed, "steps": grid.steps.chosen,
        "steps_tried": {str(n): value for n, value in grid.steps.tried.items()}, "reference": grid.reference,
        "test_images": len(found.real.test), "validation_images": len(found.real.validation),
        "left_out": found.left_out, "classes": list(found.real.names),
        "real_on_synthetic": list(grid.on_synthetic), "sentences": sentences(found), "files": list(made.files),
    }
    arms = [arm_json(arm.name, arm.what, grid.outcomes[arm.name], base, found.real.classes)
            for arm in grid.arms if arm.name in grid.outcomes]
    return json.dumps({"augment": facts, "arms": arms, "skipped": dict(grid.skipped)}, indent=1, allow_nan=False)


def points_json(points: Points | None) -> Mapping[str, float] | None:
    if points is None:
        return None
    return {"value": points.value, "low": points.low, "high": points.high, "se_of_seeds": points.of_seeds,
            "se_of_images": points.of_images}


def arm_json(name: str, what: str, one: Outcome, base: Outcome, classes: int) -> dict[str, Any]:
    by_seed = one.correct.mean(axis=1).tolist()
    return {
        "arm": name, "what": what, "images": one.images, "accuracy": points_json(one.accuracy), "by_seed": by_seed,
        "validation_by_seed": one.validation.tolist(), "beside_reference": points_json(difference(one, base)),
        "calibration_error": one.calibration,
        "recall": [None if np.isnan(value) else float(value) for value in one.recalls(classes)],
    }
