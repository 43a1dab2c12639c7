"""What a Fréchet distance is made of: the images that cost most and help most, and what each class costs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gan.features.extract import Chunks
from gan.measure import reference_statistics
from gan.metrics.frechet import by_class, frechet_distance, influence
from gan.statistics import accumulate
from gan.store import Store
from gan.types import Estimate, Features


@dataclass(frozen=True)
class Attribution:
    """`psi[i] / n` is by how much the distance would fall, to first order, without image i; the mean of psi is 0."""

    distance: float
    psi: np.ndarray                     # (n,) float64
    classes: dict[int, Estimate]        # what each costs; they add up to 0

    @property
    def worst(self) -> np.ndarray:
        """Rows, the costliest first."""
        return np.argsort(-self.psi, kind="stable")


def attribute(generated: Features, reference: Features, labels: np.ndarray | None, store: Store) -> Attribution:
    """`labels`: (n,) classes of the generated images, if they are known."""
    real, root = reference_statistics(reference, store)
    chunks = Chunks(generated)
    found = accumulate(chunks).statistics()
    classes = by_class(real, found, chunks, labels, root) if labels is not None else {}
    return Attribution(frechet_distance(real, found, root), influence(real, found, chunks, root), classes)
