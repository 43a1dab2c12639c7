"""Attribution of a Fréchet distance: the contribution of each image and of each class."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ganbench.gan.metrics import frechet
from ganbench.gan.metrics.frechet import by_class, frechet_distance, influence
from ganbench.gan.needs.moments import reference_statistics
from ganbench.gan.rows import Chunks, Rows
from ganbench.gan.sources import source_digest
from ganbench.gan.statistics import accumulate, moments
from ganbench.gan.store import Store, remember
from ganbench.gan.types import Estimate, Features, Statistics, digest_of

LEAST = 50      # least number of images of a point of the curve


@dataclass(frozen=True)
class Attribution:
    """`psi[i] / n` is, to first order, how much the distance would fall without image i; the mean of psi is 0."""

    distance: float
    psi: np.ndarray                     # (n,) float64
    classes: dict[int, Estimate]        # contribution of each class; they add up to 0

    @property
    def worst(self) -> np.ndarray:
        """Rows, the largest contribution first."""
        return np.argsort(-self.psi, kind="stable")


def attribute(generated: Features, reference: Features, labels: np.ndarray | None, store: Store) -> Attribution:
    """`labels`: (n,) classes of the generated images, if they are known."""
    real, root = reference_statistics(reference, store)
    chunks = Chunks(generated)
    found = accumulate(chunks).statistics()
    classes = by_class(real, found, chunks, labels, root) if labels is not None else {}
    return Attribution(frechet_distance(real, found, root), influence(real, found, chunks, root), classes)


def against_n(generated: Features, reference: Features, store: Store, parts: int = 5) -> list[tuple[int, Estimate]]:
    """The Fréchet distance of the first n / 2^k images, fewest first; stored."""
    sizes = sorted({size for k in range(parts) if (size := generated.n >> k) >= LEAST})
    source = source_digest("against n")
    key = digest_of({"stage": "against n", "generated": generated.digest, "reference": reference.digest, "sizes": sizes,
                     "source": source})

    def compute() -> list[tuple[int, float, float]]:
        real, root = reference_statistics(reference, store)
        rows = Rows(generated)
        found = [(size, distance_of(rows[:size], real, root)) for size in sizes]
        return [(size, distance.value, distance.se) for size, distance in found]

    return [(size, Estimate(value, se)) for size, value, se in remember(store, "scores", key, compute)[0]]


def distance_of(features: np.ndarray, real: Statistics, root: np.ndarray) -> Estimate:
    return frechet.frechet(real, moments(features).statistics(), [features], root)
