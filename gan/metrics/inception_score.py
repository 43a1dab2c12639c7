"""Inception Score: exp(E KL(p(y|x) || p(y))), in nats.  Salimans et al. 2016, arXiv:1606.03498.

Printed as IS only with the 2015 Inception network, whose logits come without the bias of the last layer.
"""

from __future__ import annotations

import numpy as np
from scipy.special import entr, softmax

from ganbench.gan.statistics import check_features
from ganbench.gan.types import BadInput, Estimate

ROWS = 2000     # images at a time: a tile of 2000 x 1008 probabilities takes 16 MB


def inception_score(
    generated_logits: np.ndarray, splits: int = 1, shuffle_seed: int | None = 2020, block: int | None = None
) -> Estimate:
    """The mean score over splits of (n, classes) logits, and its standard error.

    Scores with different numbers of splits, or of images per split, are not comparable.  A single split is least
    biased; `splits=10, shuffle_seed=2020` is torch-fidelity's rule, `block=5000` (unshuffled blocks instead of splits,
    the last one shorter) is ADM's.  The error refers to the expected score at this n.  It is the leave-one-out
    jackknife in each split, which, unlike the delta method score * std KL(p_i || p) / sqrt(n), is valid where a split
    has fewer images than there are classes.  It is not the standard deviation over splits.
    """
    scores, errors = _scores(generated_logits, splits, shuffle_seed, block)
    return Estimate(float(scores.mean()), float(np.sqrt((errors**2).sum()) / len(errors)))


def deviation_over_splits(logits: np.ndarray, splits: int = 10, shuffle_seed: int | None = 2020) -> float:
    """What papers report after the +-: the standard deviation (ddof 0) over splits; not a standard error."""
    scores, _ = _scores(logits, splits, shuffle_seed, None)
    return float(scores.std())


def _scores(
    logits: np.ndarray, splits: int, shuffle_seed: int | None, block: int | None
) -> tuple[np.ndarray, np.ndarray]:
    """Score and standard error of every split, each (splits,)."""
    check_features(logits)
    parts = _parts(len(logits), splits, shuffle_seed, block)
    pairs = [_score(logits, part) for part in parts]
    return np.array([score for score, _ in pairs]), np.array([error for _, error in pairs])


def _parts(n: int, splits: int, shuffle_seed: int | None, block: int | None) -> list[np.ndarray]:
    """Row numbers of every split."""
    if block is not None:
        splits = -(-n // block) if block > 0 else 0
    if splits < 1 or n < splits:
        raise BadInput("too-few-images",
                       f"An Inception Score over {splits} splits needs at least {max(splits, 1)} images, got {n}.")
    if block is not None:
        return np.split(np.arange(n), range(block, n, block))
    order = np.arange(n) if shuffle_seed is None or splits == 1 else _permutation(n, shuffle_seed)
    return [order[i * n // splits : (i + 1) * n // splits] for i in range(splits)]


def _permutation(n: int, seed: int) -> np.ndarray:
    return np.random.RandomState(seed).permutation(n)   # the legacy stream is the convention


def _score(logits: np.ndarray, part: np.ndarray) -> tuple[float, float]:
    """(n, classes) logits, row numbers of one split -> score and its jackknife error, in float64.

    log score = H(mean of p_i) - mean of H(p_i), with 0 log 0 = 0; leaving one image out changes both means.
    """
    n = len(part)
    tiles = [part[start : start + ROWS] for start in range(0, n, ROWS)]
    total = sum(_probabilities(logits[tile]).sum(axis=0) for tile in tiles)     # (classes,)
    own = np.concatenate([entr(_probabilities(logits[tile])).sum(axis=1) for tile in tiles])    # H(p_i), nats
    score = float(np.exp(entr(total / n).sum() - own.mean()))
    if n == 1:
        return score, 0.0
    marginal = np.concatenate([_entropy_without(logits[tile], total, n) for tile in tiles])
    without = np.exp(marginal - (own.sum() - own) / (n - 1))                    # (n,) scores of n - 1 images
    return score, float(np.sqrt((n - 1) * without.var()))


def _entropy_without(tile: np.ndarray, total: np.ndarray, n: int) -> np.ndarray:
    """H(p) of the other n - 1 images, for every image of a tile."""
    return entr(np.maximum(total - _probabilities(tile), 0) / (n - 1)).sum(axis=1)


def _probabilities(logits: np.ndarray) -> np.ndarray:
    return softmax(logits.astype(np.float64), axis=1)
