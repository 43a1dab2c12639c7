"""What came of each strategy: scores on held-out images, copies of training images, variety, and what is forgotten."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import floor
from pathlib import Path

import numpy as np

from ganbench.gan.compare import holm
from ganbench.gan.copying import RATE, Audit, Match, look_for_copies
from ganbench.gan.drawing import Tick, silent
from ganbench.gan.evaluate import features_of, sample_one
from ganbench.gan.metrics.intra import intra_diversity
from ganbench.gan.metrics.kernel import kid
from ganbench.gan.metrics.manifold import coverage
from ganbench.gan.metrics.neighbours import Neighbours, nearest, overlap
from ganbench.gan.models.loading import resolve
from ganbench.gan.parts import Part, real_part, samples_of
from ganbench.gan.recipes.running import Stage
from ganbench.gan.recipes.training_set import FEW, HELD_OUT_FILE, as_images
from ganbench.gan.recipes.transfer import STRATEGIES
from ganbench.gan.rows import Rows
from ganbench.gan.sampling import shards_of
from ganbench.gan.slices import centres_of
from ganbench.gan.specialise.target import lead
from ganbench.gan.store import image_of
from ganbench.gan.types import Estimate, Features, ModelSpec, Samples, Workspace
from ganbench.gan.uncertainty import difference, p_value

SEED, AGAIN, FIRST = 3, 4, 5                                # of the source's draws, and of the first strategy's; the
                                                            # snapshots were chosen with others
CLUSTERS = 10                                               # in which variety is measured, at most
UNSEEN = 20                                                 # held-out images, below which copies are not looked for
LEVEL = 0.05
TESTS = 10                                                  # two for each of five strategies
SOURCE, REAL = "source", "real images"
BASE = "finetune"                                           # with which the others are compared
SHOWN = 8                                                   # images of a row


@dataclass(frozen=True)
class Specialist:
    """Estimates of a model's images; None where they do not apply.

    kid: against the held-out images.  copies: share of images that are listed as copies of training images, of which
    shares below `finest` cannot be told; nearer: share that is nearer to a training image than RATE of the held-out
    images are.  diversity: inside clusters around training images, at most CLUSTERS.  kept: coverage of the source's
    images.
    """

    name: str
    kid: Estimate | None
    copies: Estimate | None = None
    nearer: Estimate | None = None
    finest: float = 0.0
    certain: int = 0                                         # copies listed at LEVEL / TESTS
    excess: float | None = None                             # p-value of so many `nearer`, without copying
    diversity: Estimate | None = None
    kept: Estimate | None = None


@dataclass(frozen=True)
class Drawn:
    """Images and their features."""

    samples: Samples
    features: Features

    @property
    def rows(self) -> np.ndarray:
        return Rows(self.features)[:]


@dataclass(frozen=True)
class Sets:
    """What specialists are compared with: two draws of the source, and real images."""

    source: Drawn
    again: Drawn
    training: Drawn
    held_out: Drawn

    @cached_property
    def around_source(self) -> Neighbours:
        """Of each of the source's images."""
        return nearest(self.source.rows)

    @cached_property
    def centres(self) -> np.ndarray:
        """The training images, or the centres of their clusters, (k, d) float32."""
        points = self.training.rows
        return points if len(points) <= CLUSTERS else centres_of(points.astype(np.float64), CLUSTERS, 0).astype("f4")


def drawn(part: Part, workspace: Workspace, tick: Tick = silent, extractor: str = "") -> Drawn:
    """`extractor`: '' for that of all comparisons."""
    features = features_of(part, extractor or lead(), workspace, 1, tick)
    shards = [sample_one(part, index, rows, workspace) for index, rows in shards_of(part.n)]
    return Drawn(samples_of(part, shards), features)


def sets_of(source: ModelSpec, stage: Stage, n: int, workspace: Workspace, tick: Tick = silent) -> Sets:
    """`stage`: a training, in whose folder the images lie."""
    training = training_images(stage)
    held_out = training.with_name(HELD_OUT_FILE)
    real = [real_part(str(path), None, workspace) for path in (training, held_out)]
    parts = [Part(source, SEED, n), Part(source, AGAIN, n), *real]
    return Sets(*(drawn(part, workspace, tick) for part in parts))


def training_images(stage: Stage) -> Path:
    """What a training learns from."""
    if stage.images is None:
        raise ValueError(f"{stage.name} has no images.")
    return as_images(stage.images)


def images_of(stage: Stage, n: int, workspace: Workspace, tick: Tick = silent) -> Drawn:
    """Of the best snapshot of a strategy; draws of several are independent."""
    best, last = (stage.folder / name for name in ("best.toml", "last.toml"))
    spec = resolve(str(best if best.exists() else last), workspace)     # no best one: none could be measured
    seed = FIRST + STRATEGIES.index(stage.folder.name) if stage.folder.name in STRATEGIES else FIRST
    return drawn(Part(spec, seed, n), workspace, tick)


# Measuring

def measured(name: str, images: Drawn, sets: Sets) -> tuple[Specialist, Audit | None]:
    """The model's images beside the sets; the audit lists the images that look like copies."""
    rows = images.rows
    found = audited(images, sets) if images.samples.shape == sets.training.samples.shape else None
    around = overlap(sets.source.rows, rows, sets.around_source)
    row = Specialist(name, kid(sets.held_out.rows, rows), diversity=intra_diversity(rows, sets.centres),
                     kept=coverage(around))
    return (with_copies(row, found) if found else row), found


def with_copies(row: Specialist, found: Audit) -> Specialist:
    p = np.array([1.0 if match.p is None else match.p for match in found.matches])      # the smallest come first
    strictly = np.flatnonzero(p <= LEVEL / TESTS * np.arange(1, len(p) + 1) / found.n)
    return replace(row, copies=found.copies, nearer=found.nearer, excess=found.p,
                   finest=min(1.0, 1 / (RATE * (found.n_unseen + 1))),
                   certain=int(strictly[-1]) + 1 if len(strictly) else 0)


def audited(images: Drawn, sets: Sets) -> Audit | None:
    """None with too few held-out images."""
    if sets.held_out.features.n < UNSEEN:
        return None
    roles = {"generated": images, "training": sets.training, "unseen": sets.held_out}
    return look_for_copies({role: one.samples for role, one in roles.items()},
                           {role: one.features for role, one in roles.items()}, "unseen", silent, FEW)


def reference_rows(sets: Sets) -> list[Specialist]:
    """The source, whose second draw says how much of itself a model covers that forgot nothing; and real images: what
    KID and variety can be, and the share of held-out images that are as near to training images, by its definition."""
    source, _ = measured(SOURCE, sets.again, sets)
    training, unseen = sets.training.rows, sets.held_out.rows
    enough = min(len(training), len(unseen)) >= UNSEEN
    near = Estimate(floor(RATE * (len(unseen) + 1) + 1e-9) / (len(unseen) + 1), 0.0)
    return [source, Specialist(
        REAL, kid(unseen, training) if enough else None, nearer=near if len(unseen) >= UNSEEN else None,
        diversity=intra_diversity(unseen, sets.centres) if enough else None)]


# Conclusions

def against_base(specialists: Sequence[Specialist]) -> dict[str, tuple[Estimate, float]]:
    """KID minus that of BASE, and its p-value after Holm over all strategies; the errors are those of the draws alone,
    and not of other seeds."""
    known = {row.name: row.kid for row in specialists if row.kid and row.name not in (SOURCE, REAL)}
    if BASE not in known:
        return {}
    gaps = {name: difference(value, known[BASE]) for name, value in known.items() if name != BASE}
    adjusted = holm([p_value(gap) for gap in gaps.values()])
    return {name: (gap, p) for (name, gap), p in zip(gaps.items(), adjusted, strict=True)}


def memorises(row: Specialist) -> bool:
    """Whether it draws copies, or more images near to training images than a model that does not copy: each at LEVEL
    over the tests of all strategies."""
    return row.certain > 0 or (row.excess is not None and row.excess < LEVEL / TESTS)


# Pictures

@dataclass(frozen=True)
class Row:
    """Images of one origin, for a picture."""

    images: tuple[np.ndarray, ...]
    caption: str


def some_of(drawn: Drawn, caption: str) -> Row:
    return Row(tuple(image_of(drawn.samples, i) for i in range(min(SHOWN, drawn.samples.n))), caption)


def suspicious(name: str, images: Drawn, found: Audit, sets: Sets) -> list[Row]:
    """The images most like training images, and those."""
    matches: tuple[Match, ...] = found.matches[:SHOWN]
    return [Row(tuple(image_of(images.samples, match.image) for match in matches), f"{name}:\nlikest to\ntraining"),
            Row(tuple(image_of(sets.training.samples, match.by_pixels) for match in matches), "training\nimages")]
