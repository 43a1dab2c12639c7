"""Vendi scores, kernel distances and FID are those of Vendi-Score and torchmetrics, from the same features."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torchmetrics.image.fid import _compute_fid
from torchmetrics.image.kid import poly_mmd
from vendi_score import vendi as peer

from ganbench.gan.metrics.diversity import diversity, vendi
from ganbench.gan.metrics.frechet import frechet_distance
from ganbench.gan.metrics.kernel import kid_full
from ganbench.gan.statistics import moments

pytestmark = pytest.mark.long


def sample(seed: int, n: int, d: int = 24, shift: float = 0.0) -> np.ndarray:
    """Non-negative skewed features, float32, as pooled activations are."""
    x = np.random.default_rng(seed).standard_normal((n, d)) * np.arange(1, d + 1) ** -0.5
    return (np.maximum(2 * x, 0) + shift).astype(np.float32)


def rows_of(similarities: np.ndarray) -> np.ndarray:
    """Features with these inner products."""
    w, vectors = np.linalg.eigh(similarities)
    return vectors * np.sqrt(w.clip(0))


def old_scipy(monkeypatch) -> None:
    """SciPy keeps sparse matrices elsewhere now; `score_K` asks for the old place to tell dense from sparse."""
    import scipy.sparse

    monkeypatch.setattr(scipy.sparse, "csr", scipy.sparse, raising=False)


def test_vendi_has_the_numbers_of_its_authors_readme():
    """2.9999 of six numbers in three pairs, 2.1573 of a matrix; it leaves off what comes after four places."""
    numbers = np.array([0, 0, 10, 10, 20, 20])
    pairs = np.exp(-np.abs(numbers[:, None] - numbers))
    matrix = np.array([[1.0, 0.9, 0.0], [0.9, 1.0, 0.0], [0.0, 0.0, 1.0]])
    for similarities, printed in ((pairs, 2.9999), (matrix, 2.1573)):
        assert printed <= vendi(rows_of(similarities)).value < printed + 1e-4


@pytest.mark.parametrize("n", [200, 24, 10])
def test_vendi_is_theirs_on_features_and_in_their_dual(n, monkeypatch):
    """They keep the features' precision, so they get float64: what is left is the order of sums."""
    old_scipy(monkeypatch)
    x = sample(1, n).astype(np.float64)
    x[:, 0] += 0.1                      # no row is all zeros
    assert vendi(x).value == pytest.approx(peer.score_X(x), rel=1e-9)
    assert vendi(x).value == pytest.approx(peer.score_dual(x), rel=1e-9)
    for q in (2, 5):
        assert vendi(x, q=q).value == pytest.approx(peer.score_dual(x, q=q), rel=1e-9)
    assert vendi(x, q=np.inf).value == pytest.approx(peer.score_dual(x, q="inf"), rel=1e-9)


def test_diversity_is_theirs_but_for_images_with_themselves():
    x = sample(1, 60).astype(np.float64) + 0.1
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    assert diversity(x).value * 59 / 60 == pytest.approx(peer.intdiv_K(unit @ unit.T), rel=1e-9)


def test_kid_of_all_images_is_torchmetrics_of_one_subset():
    """In float64: it adds in the features' precision."""
    drawn, real = sample(1, 300, shift=0.05), sample(2, 300)
    theirs = poly_mmd(*(torch.from_numpy(x).double() for x in (real, drawn))).item()
    assert kid_full(real, drawn).value == pytest.approx(theirs, rel=1e-9)


@pytest.mark.parametrize("n", [2000, 300])
def test_fid_is_torchmetrics(n):
    """The root of a product that is not symmetric: theirs is good to about 1e-8 of the trace."""
    drawn, real = (moments(x).statistics() for x in (sample(1, n, shift=0.05), sample(2, n)))
    sides = [torch.from_numpy(array) for side in (real, drawn) for array in (side.mu, side.sigma)]
    assert frechet_distance(real, drawn) == pytest.approx(_compute_fid(*sides).item(), rel=1e-7)
