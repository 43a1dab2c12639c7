"""Perceptual path length (Karras, Laine & Aila 2019, arXiv:1812.04948, section 4.1).

l = E[ d(G(p(t)), G(p(t + epsilon))) / epsilon^2 ] over paths p between latents.  `ganbench.gan.stepping` says what the
paths, t, epsilon and d are; here is the mean.
"""

from __future__ import annotations

import math

import numpy as np

from ganbench.gan.types import BadInput, Estimate

TAIL = 1.0                                                  # per cent of the paths that are left out at either end


def ppl(paths: np.ndarray) -> Estimate:
    """Mean of (n,) terms d / epsilon^2 from the 1st to the 99th percentile."""
    return trimmed_mean(paths, TAIL)


def ppl_w(w_paths: np.ndarray) -> Estimate:
    """`ppl` of paths through W."""
    return ppl(w_paths)


def trimmed_mean(values: np.ndarray, tail: float) -> Estimate:
    """Mean of the values between two percentiles, and its standard error.

    Percentiles are values, the nearest outside the interpolated place (`metrics/perceptual_path_length.py` in
    NVlabs/stylegan3: "lower" and "higher"), so g = floor(tail (n - 1) / 100) values are left out at either end.  The
    error is s_w / ((1 - 2 g / n) sqrt(n)), where s_w is the standard deviation of the winsorised values: those that are
    left out replaced by the nearest that is not (Tukey & McLaughlin 1963, Sankhya A 25, 331).
    """
    n = len(values)
    if n < 2:
        raise BadInput("too-few-images", f"A mean and its error need at least 2 paths, got {n}.")
    low, high = np.percentile(values, tail, method="lower"), np.percentile(values, 100 - tail, method="higher")
    kept = values[(values >= low) & (values <= high)]
    spread = values.clip(low, high).std(ddof=1)
    share = 1 - 2 * math.floor(tail / 100 * (n - 1)) / n
    return Estimate(float(kept.mean()), float(spread / (share * math.sqrt(n))))
