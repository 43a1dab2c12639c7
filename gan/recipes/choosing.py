"""Which snapshot of a training is the best one: by KID against held-out images, with its error.

Snapshots are drawn with one seed and measured as soon as they are made; the best one is measured again with another
seed, since the least of several values is smaller than it should be.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ganbench.gan.evaluate import evaluate
from ganbench.gan.files import atomic_write
from ganbench.gan.question import Question
from ganbench.gan.training.loop import PARTS
from ganbench.gan.types import BadInput, Estimate, ModelSpec, Workspace
from ganbench.gan.uncertainty import difference, p_value

DRAWN, DRAWN_SLOW = 500, 200                                    # images of each snapshot: of a GAN, of slower models
SEED, AGAIN = 1, 2                                          # of the draws: of each snapshot, of the best one once more
SLOW = ("diffusion", "dit", "gpt", "maskgit")
YOUNG = 1_000                                               # steps, in which no training is stopped
LEVEL = 0.05                                                # of tests
METRIC = "kid"
NAME = "quality.csv"


@dataclass(frozen=True)
class Scored:
    """KID of a snapshot against the held-out images; nan where it could not be measured."""

    step: int
    seconds: float
    kid: Estimate

    @property
    def known(self) -> bool:
        return math.isfinite(self.kid.value)


@dataclass(frozen=True)
class Choice:
    """The snapshot of the least KID, those that do not differ from it significantly, and KID of a fresh draw of it."""

    best: Scored
    ties: tuple[Scored, ...]
    again: Estimate | None = None


def kid_of(spec: ModelSpec, held_out: Path, workspace: Workspace, seed: int = SEED) -> Estimate:
    """KID of DRAWN or DRAWN_SLOW images; nan where they are refused, as those of an untrained network may be."""
    n = DRAWN_SLOW if spec.family in SLOW else DRAWN
    try:
        scores = evaluate(spec, Question(reference=str(held_out), metrics=METRIC), n=n, seed=seed,
                          workspace=workspace, workers=1)
    except BadInput:
        return Estimate(math.nan, math.nan)
    (score,) = (score for score in scores if score.metric.startswith(METRIC))
    return Estimate(score.value, score.se)


def add(folder: Path, scored: Scored) -> None:
    """Write it among the others of the folder."""
    rows = {row.step: row for row in scores_in(folder)} | {scored.step: scored}
    lines = ["step,seconds,kid,kid.se", *(
        f"{row.step},{row.seconds:.1f},{row.kid.value:.8g},{row.kid.se:.8g}" for _, row in sorted(rows.items()))]
    atomic_write(folder / NAME, lambda path: path.write_text("\n".join(lines) + "\n", "utf-8"))


def scores_in(folder: Path) -> list[Scored]:
    """What has been measured, in the order of steps."""
    if not (folder / NAME).exists():
        return []
    with (folder / NAME).open(encoding="utf-8", newline="") as file:
        return [Scored(int(row["step"]), float(row["seconds"]), Estimate(float(row["kid"]), float(row["kid.se"])))
                for row in csv.DictReader(file)]


def choose(rows: Sequence[Scored]) -> Choice | None:
    """None before the first snapshot that could be measured."""
    known = [row for row in rows if row.known]
    if not known:
        return None
    best = min(known, key=lambda row: row.kid.value)
    return Choice(best, tuple(row for row in known if row is not best and not differs(row, best)))


def differs(row: Scored, best: Scored) -> bool:
    return p_value(difference(row.kid, best.kid)) < LEVEL


def is_over(rows: Sequence[Scored], patience: int) -> bool:
    """Whether the last `patience` snapshots all are worse than the best one before them, each one-sided at
    LEVEL / patience; not in the first half of a training, nor in its first YOUNG steps, where much happens."""
    known = [row for row in rows if row.known]
    if not patience or len(known) <= max(patience, PARTS // 2) or known[-1].step <= YOUNG:
        return False
    before, last = known[:-patience], known[-patience:]
    best = min(before, key=lambda row: row.kid.value)
    gaps = [difference(row.kid, best.kid) for row in last]
    return all(gap.value > 0 and p_value(gap) / 2 < LEVEL / patience for gap in gaps)
