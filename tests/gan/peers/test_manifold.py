"""Precision, recall, density and coverage are prdc's and torch-fidelity's, from the same features."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from prdc import compute_prdc
from torch_fidelity.metric_prc import calculate_precision_recall_full

from ganbench.gan.metrics.manifold import coverage, density, precision, recall
from ganbench.gan.metrics.neighbours import nearest, overlap

pytestmark = pytest.mark.long

METRICS = {"precision": precision, "recall": recall, "density": density, "coverage": coverage}


def features(seed: int, n: int, d: int, wider: float = 1.0) -> np.ndarray:
    """Non-negative skewed features, float32, as pooled activations are."""
    x = np.random.default_rng(seed).standard_normal((n, d)) * np.arange(1, d + 1) ** -0.5
    return np.maximum(wider * x + 0.2, 0).astype(np.float32)


@pytest.mark.parametrize("k", [3, 5])
@pytest.mark.parametrize(("m", "n", "d"), [(500, 500, 64), (1300, 700, 256), (400, 1100, 2048)])
def test_all_four_numbers_are_prdcs(m, n, d, k):
    """Exactly: they are shares of counted images, and no two distances of these features are equal."""
    real, generated = features(1, m, d), features(2, n, d, wider=1.1)
    found, theirs = overlap(real, generated, nearest(real)), compute_prdc(real, generated, k)
    assert 0 < theirs["recall"] < 1
    for name, metric in METRICS.items():
        assert metric(found, k, closed=False).value == pytest.approx(theirs[name], rel=1e-12)     # sums of floats


@pytest.mark.parametrize(("m", "n", "d"), [(500, 500, 64), (1300, 700, 256)])
def test_precision_and_recall_are_torch_fidelitys(m, n, d):
    real, generated = features(1, m, d), features(2, n, d, wider=1.1)
    found = overlap(real, generated, nearest(real))
    theirs = calculate_precision_recall_full(torch.from_numpy(generated), torch.from_numpy(real), 3)
    # it takes means in float32, and distances by a product of matrices in float32, which may move an image or two
    assert precision(found).value == pytest.approx(theirs[0], abs=2 / n)
    assert recall(found).value == pytest.approx(theirs[1], abs=2 / m)


def test_the_border_of_a_ball_belongs_to_it_for_torch_fidelity_and_not_for_prdc():
    """Twelve whole numbers: distances are exact, ties are many, and the border decides."""
    real, generated = (np.random.default_rng(seed).integers(0, 2, (60, 12)).astype(np.float32) for seed in (1, 2))
    found = overlap(real, generated, nearest(real))
    closed = calculate_precision_recall_full(torch.from_numpy(generated), torch.from_numpy(real), 3)
    with_border, without = (precision(found, 3, closed).value for closed in (True, False))
    assert with_border == pytest.approx(closed[0], rel=1e-6)        # means of float32
    assert recall(found).value == pytest.approx(closed[1], rel=1e-6)
    assert without == pytest.approx(compute_prdc(real, generated, 3)["precision"], rel=1e-12)
    assert without < with_border
