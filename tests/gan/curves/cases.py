"""Runs whose problems are known: 12 made by formulas with seeds, 5 trained; half are held out of choosing thresholds.

HELD_OUT was written down before any threshold of `ganbench.gan.curves.diagnosis` was.  A first version of the rules
found 7 of its 8 problems: it looked only at the end of a run, where the discriminator of "rate x10" no longer wins.
That run then went over to TUNING, and the same training with another seed, begun before the rule was changed and read
after that, took its place; the made runs of HELD_OUT got new seeds.  `truth`: the rules that must fire, and no other
may.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ganbench.gan.curves.diagnosis import diagnose
from ganbench.gan.curves.readers import read_file, together
from ganbench.gan.curves.readers.rows import Column, runs_of
from ganbench.gan.curves.table import Run

RUNS = Path(__file__).parent / "runs"
ZOO = Path(__file__).parents[3] / "gan" / "zoo"
STEPS = 2_000
Columns = dict[str, np.ndarray]


@dataclass(frozen=True)
class Case:
    """A run with its loss, and what is wrong with it.  `make` for a made one, `files` for a trained one."""

    name: str
    loss: str
    truth: frozenset[str]
    make: Callable[[np.random.Generator], Columns] | None = None
    seed: int = 0
    files: tuple[Path, ...] = ()


def steps() -> np.ndarray:
    return np.arange(1, STEPS + 1)


def wander(random: np.random.Generator, level: float, noise: float) -> np.ndarray:
    """(STEPS,): noise around a level that itself drifts by a tenth."""
    drift = np.cumsum(random.normal(0, 0.1 * abs(level) / np.sqrt(STEPS), STEPS))
    return level + drift + random.normal(0, noise, STEPS)


def healthy_non_saturating(random: np.random.Generator) -> Columns:
    return {"discriminator": np.abs(wander(random, 0.9, 0.15)), "generator": np.abs(wander(random, 1.6, 0.35))}


def healthy_hinge(random: np.random.Generator) -> Columns:
    return {"discriminator": np.abs(wander(random, 1.3, 0.2)), "generator": wander(random, 0.4, 0.4)}


def discriminator_wins_hinge(random: np.random.Generator) -> Columns:
    gone = np.exp(-steps() / 250)
    return {"discriminator": np.abs(1.6 * gone + random.normal(0, 0.012, STEPS)),
            "generator": 5 - 4.5 * gone + random.normal(0, 0.4, STEPS)}


def discriminator_wins_non_saturating(random: np.random.Generator) -> Columns:
    gone = np.exp(-steps() / 400)
    return {"discriminator": np.abs(1.3 * gone + random.exponential(0.02, STEPS)),
            "generator": 9 - 8 * gone + random.normal(0, 0.8, STEPS)}


def oscillation_non_saturating(random: np.random.Generator) -> Columns:
    wave = np.sin(2 * np.pi * steps() / 160)
    return {"discriminator": np.abs(0.9 + 0.5 * wave + random.normal(0, 0.15, STEPS)),
            "generator": np.abs(1.8 - 1.1 * wave + random.normal(0, 0.3, STEPS))}


def oscillation_wasserstein(random: np.random.Generator) -> Columns:
    wave = np.sin(2 * np.pi * steps() / 230 + random.uniform(0, 6))
    return {"discriminator": -6 + 3 * wave + random.normal(0, 1.0, STEPS),
            "generator": 4 * wave + random.normal(0, 1.5, STEPS)}


def divergence_wasserstein(random: np.random.Generator) -> Columns:
    grown = np.exp(np.maximum(0, steps() - 900) / 180)
    return {"discriminator": -4 * grown * (1 + random.normal(0, 0.2, STEPS)),
            "generator": 3 * grown * (1 + random.normal(0, 0.3, STEPS))}


def divergence_relativistic(random: np.random.Generator) -> Columns:
    grown = np.exp(np.maximum(0, steps() - 1_200) / 150)
    return {"discriminator": np.abs(wander(random, 0.6, 0.1)) * grown,
            "generator": np.abs(wander(random, 1.1, 0.2)) * grown}


def plateau_denoising(random: np.random.Generator) -> Columns:
    return {"denoising": 0.2 + 1.2 * np.exp(-steps() / 90) + random.normal(0, 0.02, STEPS)}


def plateau_kid(random: np.random.Generator) -> Columns:
    """A healthy game whose images stop improving after a third of the run; evaluated every hundred steps."""
    at = steps() % 100 == 0
    kid = 0.03 + 0.3 * np.exp(-steps() / 160) + random.normal(0, 0.002, STEPS)
    return {**healthy_non_saturating(random), "kid": np.where(at, kid, np.nan),
            "kid.se": np.where(at, 0.002, np.nan)}


def generator_wins_then_nan(random: np.random.Generator) -> Columns:
    gone = np.exp(-steps() / 300)
    found = {"discriminator": np.abs(3.2 - 1.8 * gone + random.normal(0, 0.2, STEPS)),
             "generator": np.abs(0.08 + 1.2 * gone + random.normal(0, 0.02, STEPS))}
    found["discriminator"][1_900:] = np.nan
    return found


def generator_wins_after_restart(random: np.random.Generator) -> Columns:
    """Resumed at step 1,001 after 1,200: the steps between are logged twice."""
    gone = np.exp(-steps() / 350)
    found = {"discriminator": np.abs(4 - 2.6 * gone + random.normal(0, 0.3, STEPS)),
             "generator": np.abs(0.12 + 1.0 * gone + random.normal(0, 0.03, STEPS))}
    twice = np.r_[0:1_200, 1_000:STEPS]
    return {"step": steps()[twice], **{name: values[twice] for name, values in found.items()}}


def made(make: Callable[[np.random.Generator], Columns], loss: str, *truth: str, seed: int) -> Case:
    return Case(make.__name__, loss, frozenset(truth), make, seed)


def trained(name: str, loss: str, *truth: str, files: tuple[Path, ...]) -> Case:
    return Case(name, loss, frozenset(truth), files=files)


def of_zoo(recipe: str) -> tuple[Path, ...]:
    return ZOO / f"{recipe}.csv", ZOO / f"{recipe}-quality.csv"


TUNING = (
    made(healthy_non_saturating, "non-saturating", seed=1),
    made(discriminator_wins_hinge, "hinge", "discriminator wins", seed=2),
    made(oscillation_non_saturating, "non-saturating", "oscillation", seed=3),
    made(divergence_wasserstein, "wasserstein", "divergence", seed=4),
    made(plateau_denoising, "denoising", "plateau", seed=5),
    made(generator_wins_then_nan, "non-saturating", "generator wins", "not finite", seed=6),
    trained("healthy DCGAN", "non-saturating", files=of_zoo("dcgan-fashion-mnist")),
    trained("discriminator rate x10", "non-saturating", "discriminator wins", files=(RUNS / "rate-x10.csv",)),
    trained("NaN", "non-saturating", "not finite", files=(RUNS / "nan.csv",)),
)
HELD_OUT = (
    made(healthy_hinge, "hinge", seed=201),
    made(discriminator_wins_non_saturating, "non-saturating", "discriminator wins", seed=202),
    made(oscillation_wasserstein, "wasserstein", "oscillation", seed=203),
    made(divergence_relativistic, "relativistic", "divergence", seed=204),
    made(plateau_kid, "non-saturating", "plateau", seed=205),
    made(generator_wins_after_restart, "non-saturating", "generator wins", "restart", seed=206),
    trained("discriminator rate x10, again", "non-saturating", "discriminator wins",
            files=(RUNS / "rate-x10-again.csv",)),
    trained("collapsed", "non-saturating", "collapse", files=of_zoo("collapsed-fashion-mnist")),
    trained("healthy WGAN-GP", "wasserstein", files=of_zoo("wgan-gp-fashion-mnist")),
)


# Judging

def run_of_case(case: Case) -> Run:
    """A made run by way of the reader's rows, so that NaN that nobody logged are no values; a trained one as read."""
    if case.files:
        return together(case.name, [run for path in case.files for run in read_file(path)])[0]
    columns = case.make(np.random.default_rng(case.seed))
    step = columns.pop("step", steps())
    sparse = ("kid", "kid.se")
    cells = {"step": Column(np.arange(len(step)), step.astype(float))}
    for name, values in columns.items():
        rows = np.flatnonzero(np.isfinite(values)) if name in sparse else np.arange(len(values))
        cells[name] = Column(rows, values[rows])
    return runs_of(case.name, "made", cells, len(step))[0]


def found_in(case: Case) -> frozenset[str]:
    return frozenset(row.rule for row in diagnose(run_of_case(case), case.loss) if row.said == "found")


def measured(cases: Sequence[Case]) -> tuple[float, float, list[tuple[str, str, str]]]:
    """Precision and recall over (run, rule) pairs, and for each run what is true and what was found."""
    rows, right, said, true = [], 0, 0, 0
    for case in cases:
        found = found_in(case)
        right, said, true = right + len(found & case.truth), said + len(found), true + len(case.truth)
        rows.append((case.name, ", ".join(sorted(case.truth)), ", ".join(sorted(found))))
    return right / max(1, said), right / max(1, true), rows


if __name__ == "__main__":
    for title, cases in (("tuning", TUNING), ("held out", HELD_OUT))[: 1 if "--tuning" in sys.argv else 2]:
        precision, recall, rows = measured(cases)
        print(f"{title}: precision {precision:.2f}, recall {recall:.2f}")
        for row in rows:
            print("| " + " | ".join(text or "nothing" for text in row) + " |")
