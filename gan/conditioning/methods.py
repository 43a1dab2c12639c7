"""Five ways to images of a class.  They know the guide and never the judge.

Each offers images; those that the guide accepts are kept (all of `direct`), with what they were made of and what they
cost.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count

import numpy as np
import torch
from torch import Tensor

from ganbench.gan.conditioning.classifiers import ImageClassifier
from ganbench.gan.conditioning.source import Rows, Source, joined
from ganbench.gan.drawing import Tick, silent
from ganbench.gan.generators.base import FiniteModel, LatentModel, Space, seed_of
from ganbench.gan.interpolation import space_named
from ganbench.gan.latent.guided import climbed
from ganbench.gan.latent.labelled import Direction, along, normal_of, projected, shifted, typical
from ganbench.gan.types import BadInput

METHODS = {         # those first whose images are nearest to what the model draws by itself
    "direct": "the model is asked for the class",
    "rejection": "draws that the guide accepts",
    "search": "latents climb the guide's log-probability of the class",
    "projection": "latents are moved along what is left of the normal without those of the classes it leads to instead",
    "direction": "latents are moved along the normal of the class",
}
PRECISION, RECALL = 0.95, 0.25      # of the guide's acceptance, on real images
HALF = 0.5                          # more probable than all other classes together
FIT = 2_000                         # draws that directions are fitted to
LEAST = 10                          # of them of a class, for its normal
TRIED = 40                          # draws that a shift is tried with
SHIFTS = 1.0, 1.5, 2.0, 2.5, 3.0, 4.0       # standard deviations
ASTRAY, INSTEAD = 2.0, 2            # how far a normal is followed, and how many of the classes that it leads to count
ENOUGH = 0.5                        # share of shifted draws that the guide should accept
PATIENCE = 4                        # offered images for each that is wanted, but of rejection; one if none is accepted
STARTS, STEPS, RATE = 4, 60, 0.1    # of a search: draws of which the best begins, and steps


@dataclass(frozen=True)
class Wanted:
    """A class, and how probable the guide must find it: `accept` an image, or `sure` enough to search no further."""

    number: int
    accept: float
    sure: float

    def accepts(self, probabilities: np.ndarray) -> np.ndarray:
        """(n, classes) -> (n,) bool."""
        return np.asarray(probabilities[:, self.number] >= self.accept)


def wanted(number: int, probabilities: np.ndarray, labels: np.ndarray) -> Wanted:
    """The least probability from which on PRECISION of the real images that the guide accepts are of the class, if it
    accepts RECALL of the class there; otherwise that of the best precision.  At least one half, where that leaves
    RECALL: images of a model are less like a class than real ones.  Sure: the median of those accepted.

    `probabilities` (m, classes) of real images that it has not learnt from, `labels` (m,).
    """
    of_class, value = labels == number, probabilities[:, number]
    order = np.argsort(-value, kind="stable")
    hits = np.cumsum(of_class[order])
    precision, recall = hits / np.arange(1, len(order) + 1), hits / of_class.sum()
    last = np.append(np.diff(value[order]) != 0, True)      # of equal probabilities
    fit = last & (recall >= RECALL)
    good = np.flatnonzero(fit & (precision >= PRECISION))
    place = good[-1] if len(good) else np.flatnonzero(fit)[precision[fit].argmax()]
    accept = float(value[order[place]])
    if (value[of_class] >= HALF).mean() >= RECALL:
        accept = max(accept, HALF)
    return accepting(number, accept, value[of_class])


def accepting(number: int, accept: float, real: np.ndarray) -> Wanted:
    """`real`: the probabilities of real images of the class."""
    return Wanted(number, accept, float(np.median(real[real >= accept])))


def lenient(target: Wanted, probabilities: np.ndarray, labels: np.ndarray) -> Wanted | None:
    """The same class, accepted from one half on, for a model of which nothing stricter is met: its images may be less
    typical than real ones, and the judge has the last word.  None if it is accepted from there already."""
    real = probabilities[labels == target.number, target.number]
    return accepting(target.number, HALF, real) if target.accept > HALF else None


@dataclass(frozen=True, eq=False)
class Offer:
    """Finished images, and how many were decoded for them, gradient steps included."""

    images: np.ndarray
    rows: Rows
    decodes: int


@dataclass(frozen=True, eq=False)
class Found:
    """What a method found: images that the guide accepts, and what they cost."""

    method: str
    images: np.ndarray              # (k, C, H, W) uint8
    rows: Rows | None               # None: no images
    offered: int                    # finished images, up to the last one that was wanted
    decodes: int                    # images that were decoded for them
    seconds: float
    setup: int = 0                  # images decoded before the first one, and seconds
    setup_seconds: float = 0.0
    note: str = ""                  # what was fitted, or why nothing was found

    def __len__(self) -> int:
        return len(self.images)


@dataclass(eq=False)
class Survey:
    """The guide's probabilities of the first draws of the model's seed, as many as somebody has looked at."""

    source: Source
    guide: ImageClassifier
    seconds: float = 0.0
    parts: list[np.ndarray] = field(default_factory=list)

    def draw(self) -> tuple[np.ndarray, Rows, np.ndarray]:
        """The next micro-batch: images, rows, probabilities."""
        begun, size = time.perf_counter(), self.source.size
        rows = self.source.rows(range(len(self.parts) * size, (len(self.parts) + 1) * size), self.source.seed)
        images = self.source.images(rows)
        self.parts.append(self.guide.probabilities(images))
        self.seconds += time.perf_counter() - begun
        return images, rows, self.parts[-1]

    def first(self, n: int) -> np.ndarray:
        """(n, classes) of the first draws."""
        while sum(map(len, self.parts)) < n:
            self.draw()
        return np.concatenate(self.parts)[:n]

    @property
    def seconds_each(self) -> float:
        return self.seconds / max(1, sum(map(len, self.parts)))


def methods_for(source: Source, guide: ImageClassifier, asked: str) -> list[str]:
    """The methods that were asked for, comma-separated, or those that the model allows: of a conditional model
    `direct`, and rejection beside it; of others all that move latents, or rejection alone."""
    names = list(dict.fromkeys(word.strip() for word in asked.split(","))) if asked else []
    unknown = next((name for name in names if name not in METHODS), None)
    if unknown is not None:
        raise BadInput("unknown-choice", f"No method {unknown!r}, expected one of {', '.join(METHODS)}.")
    if not names:
        usual = ["direct", "rejection"] if source.generator.n_classes else [*METHODS][1:]
        return [name for name in usual if not refusal(name, source, guide)]
    for refused in filter(None, (refusal(name, source, guide) for name in names)):
        raise refused
    return [name for name in METHODS if name in names]


def check_model(source: Source) -> None:
    if isinstance(source.generator, FiniteModel):
        raise BadInput("no-latent-space",
                       f"{source.spec.name} is a set of images: expected a model, which can make other ones.")


def refusal(method: str, source: Source, guide: ImageClassifier) -> BadInput | None:
    """Why a method cannot be used with a model."""
    name = source.spec.name
    if method == "direct" and not source.generator.n_classes:
        return BadInput("missing-labels", f"{name} has no classes that it could be asked for: leave direct out.")
    if method in ("search", "projection", "direction") and not isinstance(source.generator, LatentModel):
        return BadInput("no-latent-space",
                        f"{name} has no latent space, which {method} moves through: rejection works without one.")
    if method == "search" and not has_gradients(source, guide):
        return BadInput("not-differentiable",
                        f"The class of an image of {name} has no gradient with respect to its latent, since the model "
                        f"or the guide ({guide.name}) is not differentiable, which a search needs.")
    return None


def has_gradients(source: Source, guide: ImageClassifier) -> bool:
    """Whether the guide's log-probability of an image depends differentiably on its latent; tried once."""
    if guide.slope is None:
        return False
    rows = source.filled(source.rows([0], source.seed))
    latents = source.tensor(rows.latents).requires_grad_(True)
    try:
        value = log_probability(source, guide, rows, 0)(latents).sum()
        return bool(torch.autograd.grad(value, latents)[0].isfinite().all())
    except (RuntimeError, BadInput):    # of torch, or of a user's code that asks for the values of its latents
        return False


def log_probability(source: Source, guide: ImageClassifier, rows: Rows, number: int) -> Callable[[Tensor], Tensor]:
    """Latents in place of those of the rows -> the guide's log-probability of the class, (n,)."""
    slope = guide.slope
    assert slope is not None
    return lambda latents: slope(source.pixels(latents, rows)).log_softmax(1)[:, number]


# What is offered

def direct(source: Source, label: int) -> Iterator[Offer]:
    """Draws that are asked for the class."""
    for start in count(0, source.size):
        rows = source.rows(range(start, start + source.size), source.seed, label)
        yield Offer(source.images(rows), rows, source.size)


def rejection(survey: Survey) -> Iterator[Offer]:
    """Draws, from the first on."""
    survey.parts.clear()
    survey.seconds = 0.0
    while True:
        images, rows, _ = survey.draw()
        yield Offer(images, rows, len(images))


def search(source: Source, guide: ImageClassifier, target: Wanted) -> Iterator[Offer]:
    """The best of some draws each, which climb until the guide is sure."""
    seed, size = seed_of(source.seed, "search"), source.size
    distribution = space_of(source, "").distribution
    for start in count(0, size * STARTS):
        rows = source.rows(range(start, start + size * STARTS), seed)
        value = guide.probabilities(source.images(rows))[:, target.number].reshape(size, STARTS)
        rows = rows.chosen(np.arange(size) * STARTS + value.argmax(axis=1))

        def nearest(latents: Tensor) -> Tensor:
            flat = latents.cpu().numpy().reshape(size, -1).astype(np.float64)
            return source.tensor(typical(flat, distribution).astype(np.float32).reshape(latents.shape))

        best, steps = climbed(source.tensor(rows.latents), log_probability(source, guide, rows, target.number), nearest,
                              float(np.log(target.sure)), STEPS, RATE)
        rows = replace(rows, latents=best.cpu().numpy())
        yield Offer(source.images(rows), rows, size * (STARTS + steps + 1))


def moved(source: Source, direction: Direction, at_least: float, space: str) -> Iterator[Offer]:
    """Fresh draws, moved along a direction."""
    seed = seed_of(source.seed, "direction")
    for start in count(0, source.size):
        rows = shift(source, source.rows(range(start, start + source.size), seed, space=space), direction, at_least)
        yield Offer(source.images(rows), rows, source.size)


def shift(source: Source, rows: Rows, direction: Direction, at_least: float) -> Rows:
    flat, shape = flattened(rows), np.asarray(rows.latents).shape
    distribution = space_of(source, rows.space).distribution
    return replace(rows, latents=shifted(flat, direction, at_least, distribution).astype(np.float32).reshape(shape))


def flattened(rows: Rows) -> np.ndarray:
    """The latents as (n, d) float64."""
    return np.asarray(rows.latents, np.float64).reshape(len(rows), -1)


def space_of(source: Source, name: str) -> Space:
    assert isinstance(source.generator, LatentModel)
    return source.generator.spaces[name or next(iter(source.generator.spaces))]


# Directions

def normals_of(latents: np.ndarray, classes: np.ndarray) -> dict[int, np.ndarray]:
    """The normals (d,) of all classes that have LEAST of the latents (n, d) and leave as many, by their number."""
    counts = np.bincount(classes)
    fit = (counts >= LEAST) & (counts <= len(classes) - LEAST)
    return {k: normal_of(latents, classes == k) for k in np.flatnonzero(fit).tolist()}


def conditional(number: int, normals: Mapping[int, np.ndarray], instead: Sequence[int]) -> np.ndarray | None:
    """A class's normal without its components along those of the classes that it leads to instead, (d,); None where
    nothing is left.

    Not of all others: an image has one class, so the normals of k classes that share out a space span only k - 1
    dimensions, and nothing but the errors of the fit would be left.
    """
    most = min(INSTEAD, len(normals) - 2)
    others = [normals[k] for k in instead if k in normals and k != number][: max(most, 0)]
    return projected(normals[number], others) if others else None


def led_to(source: Source, guide: ImageClassifier, target: Wanted, direction: Direction, rows: Rows) -> list[int]:
    """The classes of the images that the guide does not accept, ASTRAY along a direction; the most frequent first."""
    probabilities = guide.probabilities(source.images(shift(source, rows, direction, ASTRAY)))
    counts = np.bincount(probabilities[~target.accepts(probabilities)].argmax(axis=1), minlength=target.number + 1)
    counts[target.number] = 0
    return [k for k in np.argsort(-counts, kind="stable").tolist() if counts[k]]


def best_shift(
    source: Source, guide: ImageClassifier, target: Wanted, direction: Direction, rows: Rows
) -> tuple[float, int]:
    """The smallest of SHIFTS after which the guide accepts ENOUGH of the rows, or that after which it accepts most;
    and how many images that took."""
    shares: list[float] = []
    for at_least in SHIFTS:
        images = source.images(shift(source, rows, direction, at_least))
        shares.append(float(target.accepts(guide.probabilities(images)).mean()))
        if shares[-1] >= ENOUGH:
            break
    best = len(shares) - 1 if shares[-1] >= ENOUGH else int(np.argmax(shares))
    return SHIFTS[best], len(shares) * len(rows)


# Who is run

def run(
    method: str, survey: Survey, target: Wanted, n: int, draws: int, tick: Tick = silent
) -> Found:
    """n images by a method, or as many as it finds: rejection among so many draws, others in PATIENCE n offers, or n
    where none of them is accepted."""
    source, guide = survey.source, survey.guide
    if method == "direct":
        every = np.ones(source.size, bool)
        return collected(method, direct(source, target.number), lambda images: every, n, (n, n), tick)
    if method in ("projection", "direction"):
        return by_direction(method, survey, target, n, tick)
    offers, most = ((rejection(survey), (draws, draws)) if method == "rejection" else
                    (search(source, guide, target), (n, PATIENCE * n)))
    return collected(method, offers, lambda images: target.accepts(guide.probabilities(images)), n, most, tick)


def by_direction(method: str, survey: Survey, target: Wanted, n: int, tick: Tick) -> Found:
    source, guide = survey.source, survey.guide
    assert isinstance(source.generator, LatentModel)
    space = space_named(source.generator, "")
    classes = survey.first(FIT).argmax(axis=1)
    begun = time.perf_counter()
    rows = source.rows(range(FIT), source.seed, space=space)
    normals, first = normals_of(flattened(rows), classes), rows.chosen(np.arange(TRIED))
    unit, tried = normals.get(target.number), 0
    if method == "projection" and unit is not None:
        instead = led_to(source, guide, target, along(flattened(rows), unit), first)
        unit, tried = conditional(target.number, normals, instead), TRIED
    if unit is None:
        return nothing(method, FIT + tried, FIT * survey.seconds_each, why_none(classes, target.number))
    direction = along(flattened(rows), unit)
    at_least, more = best_shift(source, guide, target, direction, first)
    seconds = FIT * survey.seconds_each + time.perf_counter() - begun
    found = collected(method, moved(source, direction, at_least, space),
                      lambda images: target.accepts(guide.probabilities(images)), n, (n, PATIENCE * n), tick)
    return replace(found, setup=FIT + tried + more, setup_seconds=seconds, note=f"{at_least:g} sigma in {space}")


def why_none(classes: np.ndarray, number: int) -> str:
    """Why there is no direction."""
    of_class = int((classes == number).sum())
    if LEAST <= of_class <= len(classes) - LEAST:
        return "nothing is left of the class's normal without those of the classes that it leads to instead"
    return (f"{of_class:,} of {len(classes):,} draws are of the class for the guide, and to fit a direction at least "
            f"{LEAST} must be, and as many not")


def nothing(method: str, setup: int, seconds: float, note: str) -> Found:
    return Found(method, np.empty((0, 1, 1, 1), np.uint8), None, 0, 0, 0.0, setup, seconds, note)


def collected(
    method: str, offers: Iterator[Offer], accepts: Callable[[np.ndarray], np.ndarray], n: int, most: tuple[int, int],
    tick: Tick,
) -> Found:
    """The first n accepted images; of at most `most` offered ones, as long as none is accepted, and afterwards."""
    begun, have, offered, decodes = time.perf_counter(), 0, 0, 0
    images: list[np.ndarray] = []
    rows: list[Rows] = []
    while offered < most[have > 0] and have < n:
        offer = next(offers)
        usable = min(len(offer.images), most[1] - offered)
        accepted = np.flatnonzero(accepts(offer.images)[:usable])[: n - have]
        have += len(accepted)
        offered += int(accepted[-1]) + 1 if have == n else usable
        decodes += offer.decodes
        images.append(offer.images[accepted])
        rows.append(offer.rows.chosen(accepted))
        tick(len(accepted))
    return Found(method, np.concatenate(images), joined(rows), offered, decodes, time.perf_counter() - begun)
