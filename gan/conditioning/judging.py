"""What the judge says of the images that the methods found, and what follows: the class is reachable, or is not.

The judge confirms some images of other classes, too, and most of all those that look like the class.  So what a method
found is compared with *impostors*: real images of other classes that the guide accepts or nearly accepts.  A class is
reached when the judge confirms significantly more of a method's images than of impostors (Fisher's exact test).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import beta, fisher_exact

from ganbench.gan.conditioning.classifiers import ImageClassifier
from ganbench.gan.conditioning.methods import METHODS, Found, Wanted
from ganbench.gan.datasets import ImageSet
from ganbench.gan.features.base import Extractor
from ganbench.gan.features.passing import extract
from ganbench.gan.metrics.diversity import vendi
from ganbench.gan.types import BadInput
from ganbench.gan.uncertainty import wilson

ALPHA = 0.05            # of all methods together
IMPOSTORS = 20          # at least so many, even if the guide accepts fewer
WHOLE = 0.9             # of the judge's share of real images: what a method's interval must reach
LEAST = 3               # images that have a Vendi score


@dataclass(frozen=True)
class Share:
    """A count of n, with its 95 % interval by Wilson."""

    count: int
    n: int

    @property
    def value(self) -> float:
        return self.count / self.n if self.n else float("nan")

    @property
    def interval(self) -> tuple[float, float]:
        return wilson(self.value, self.n) if self.n else (0.0, 1.0)


@dataclass(frozen=True)
class Bench:
    """What guide and judge make of real images that neither has learnt from."""

    guide_accuracy: float
    judge_accuracy: float
    accepted: Share             # of the class, by the guide
    confirmed: Share            # of the class, by the judge: what a perfect model would get
    impostors: Share            # of the impostors, by the judge: what a model without the class would get


@dataclass(frozen=True)
class Judged:
    """A method's images in the judge's eyes."""

    method: str
    confirmed: Share                            # by the judge, of the images that the guide accepted
    leaks: tuple[tuple[int, int], ...]          # (class, images) of the others, most first
    p: float                                    # of no more confirmations than of impostors; one-sided
    vendi: float | None                         # of the confirmed images
    beside_rejection: float | None = None       # its ratio to that of as many of rejection's
    beside_real: float | None = None            # and of as many real ones


@dataclass(frozen=True)
class Verdict:
    """`state`: reachable, partly reachable, unreachable or undecided.  `method`: that whose images to take, '' where
    there is none.  `why` it is undecided: "blind", the judge cannot tell real images of the class from impostors, or
    "few" images."""

    state: str
    method: str = ""
    why: str = ""


# Real images

def bench_of(guide: np.ndarray, judge: np.ndarray, labels: np.ndarray, target: Wanted) -> Bench:
    """From probabilities (m, classes) of real images, and their labels (m,)."""
    of_class, says = labels == target.number, judge.argmax(axis=1)
    among = impostors(guide[:, target.number], of_class, target.accept)
    return Bench(
        float((guide.argmax(axis=1) == labels).mean()), float((says == labels).mean()),
        Share(int(target.accepts(guide[of_class]).sum()), int(of_class.sum())),
        Share(int((says[of_class] == target.number).sum()), int(of_class.sum())),
        Share(int((says[among] == target.number).sum()), len(among)))


def impostors(value: np.ndarray, of_class: np.ndarray, accept: float) -> np.ndarray:
    """Numbers of the images of other classes that the guide accepts, or of IMPOSTORS that it finds most like it."""
    others = np.flatnonzero(~of_class)
    ordered = others[np.argsort(-value[others], kind="stable")]
    return ordered[: max(int((value[ordered] >= accept).sum()), IMPOSTORS)]


# Methods

def judged(
    found: Sequence[Found], judge: ImageClassifier, eyes: Extractor, held_out: ImageSet, target: Wanted,
    impostors: Share,
) -> list[Judged]:
    """Every method's images, by the judge; their variety by features that are neither the guide's nor the judge's.

    Variety is that of the confirmed images, so that it cannot come from other classes, and at equal numbers.
    """
    says = {one.method: classes_of(one, judge) for one in found}
    own = {one.method: features_of(one.images[says[one.method] == target.number], eyes) for one in found}
    most = max(map(len, own.values()), default=0)
    real = features_of(held_out.read(np.flatnonzero(held_out.labels == target.number)[:most].tolist()), eyes)
    return [judgement(one, says[one.method], own, real, target.number, impostors) for one in found]


def classes_of(found: Found, judge: ImageClassifier) -> np.ndarray:
    return judge.probabilities(found.images).argmax(axis=1) if len(found) else np.empty(0, np.int64)


def features_of(images: np.ndarray, eyes: Extractor) -> np.ndarray:
    return extract(images, eyes)["features"] if len(images) else np.empty((0, 1), np.float32)


def judgement(
    found: Found, says: np.ndarray, own: Mapping[str, np.ndarray], real: np.ndarray, number: int, impostors: Share
) -> Judged:
    confirmed = Share(int((says == number).sum()), len(says))
    others, counts = np.unique(says[says != number], return_counts=True)
    leaks = sorted(zip(others.tolist(), counts.tolist(), strict=True), key=lambda pair: -pair[1])
    mine = own[found.method]
    return Judged(
        found.method, confirmed, tuple(leaks), more_than(confirmed, impostors),
        vendi(mine).value if len(mine) >= LEAST else None,
        None if found.method == "rejection" else ratio(mine, own.get("rejection")), ratio(mine, real))


def ratio(mine: np.ndarray, other: np.ndarray | None) -> float | None:
    """Of the Vendi scores of as many rows of both as both have; None where that is too few."""
    n = min(len(mine), 0 if other is None else len(other))
    return None if other is None or n < LEAST else vendi(mine[:n]).value / vendi(other[:n]).value


def more_than(one: Share, other: Share) -> float:
    """The p-value of one share being no larger than another, by Fisher's exact test (1922, JRSS 85, 87-94)."""
    table = [[one.count, one.n - one.count], [other.count, other.n - other.count]]
    return float(fisher_exact(table, alternative="greater").pvalue) if one.n and other.n else 1.0


def verdict_of(rows: Sequence[Judged], bench: Bench, n: int) -> Verdict:
    """Reachable: by the first of METHODS whose images are confirmed significantly more often than impostors, and not
    significantly less than WHOLE of real images are (partly reachable where none is), if it found all n; otherwise by
    that with most confirmed ones.  Undecided: the judge cannot tell real images of the class from impostors, or too few
    images were found to tell.

    The judge decides whether a method counts, and not which of those that do is the best.
    """
    level = ALPHA / max(1, len(rows))
    if more_than(bench.confirmed, bench.impostors) > level:
        return Verdict("undecided", why="blind")
    reached = [row for row in sorted(rows, key=lambda row: list(METHODS).index(row.method)) if row.p <= level]
    wholly = [row for row in reached if row.confirmed.interval[1] >= WHOLE * bench.confirmed.value]
    if reached:
        best = wholly or reached
        full = [row for row in best if row.confirmed.n == n] or [max(best, key=lambda row: row.confirmed.count)]
        return Verdict("reachable" if wholly else "partly reachable", full[0].method)
    few = any(row.confirmed.count and row.confirmed.n < n and row.confirmed.value > bench.impostors.value
              for row in rows)
    return Verdict("undecided", why="few") if few else Verdict("unreachable")


def at_most(count: int, n: int, level: float = 0.95) -> float:
    """The upper bound of a share of which `count` of n were seen: Clopper & Pearson 1934, Biometrika 26, 404-413; for
    none of n nearly 3 / n."""
    return 1.0 if count >= n else float(beta.ppf(level, count + 1, n - count))


def check_counts(n_classes: int, names: Sequence[str], model: str, data: str) -> None:
    """A model's class k is class k of the data."""
    if n_classes and n_classes != len(names):
        raise BadInput("labels-do-not-fit",
                       f"{model} has {n_classes} classes and {data} {len(names)}: expected real images of the model's "
                       "own classes, in their order.")
