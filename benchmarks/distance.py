"""Seconds for the trace term of a Fréchet distance, beside scipy's `sqrtm` and torch-fidelity.

    python benchmarks/distance.py [--rounds 3]

Covariances of 10,000 feature vectors whose variances fall as a power law, as those of real features do.  Ours is
`frechet_distance` with the root of the reference, which is made once per reference and kept; the root, and the
distance with its standard error, stand in rows of their own.  All get one BLAS thread, then one per core.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from functools import partial

import numpy as np
from machine import cores, in_turn, measuring, table, threads

from ganbench.gan.metrics.frechet import frechet, frechet_distance, frechet_distance_few, matrix_root
from ganbench.gan.statistics import moments
from ganbench.gan.types import Statistics

N, FEW = 10_000, 1_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    with measuring("Seconds for one Fréchet distance", "numpy", "scipy", "torch-fidelity"):
        for d in (2048, 1280):
            contenders = programs(d)
            for count in sorted({1, cores()}):
                with threads(count):
                    title = f"d = {d:,}, n = {N:,}, {count} BLAS thread{'s' if count > 1 else ''}"
                    print(table(title, "seconds", in_turn(contenders, rounds), faster=False) + "\n", flush=True)


def programs(d: int) -> Mapping[str, Callable[[], float]]:
    """What is timed, by name; all but the one of few images answer with the same distance, which is checked."""
    x, y = features(d, seed=1, shift=0), features(d, seed=2, shift=0.01)
    real, generated, few = (moments(rows).statistics() for rows in (x, y, y[:FEW]))
    root = matrix_root(real.sigma)
    chunks = np.array_split(y, N // 1_000)
    found: dict[str, Callable[[], float]] = {
        "ganbench, root of the reference at hand": partial(frechet_distance, real, generated, root),
        "torch-fidelity: eigenvalues of the product": partial(by_torch_fidelity, real, generated),
        "pytorch-fid, clean-fid: scipy.linalg.sqrtm": partial(by_sqrtm, real, generated),
        "ganbench, root included": partial(frechet_distance, real, generated),
        "ganbench, with the standard error": lambda: frechet(real, generated, chunks, root).value,
    }
    values = [run() for run in found.values()]
    if max(values) - min(values) > 1e-6 * max(values):
        raise SystemExit(f"The programs disagree: {dict(zip(found, values, strict=True))}.")
    name = f"ganbench, from {FEW:,} images only (nuclear norm)"
    return {**found, name: partial(frechet_distance_few, real, few, y[:FEW], root)}


def features(d: int, seed: int, shift: float) -> np.ndarray:
    """(N, d) float32: rectified and correlated, with variances that fall as 1/k before the mixing."""
    mixing = np.random.default_rng(0).standard_normal((d, d)) / d**0.5
    rows = np.random.default_rng(seed).standard_normal((N, d)) * np.arange(1, d + 1) ** -0.5
    return (np.maximum(rows @ mixing, 0) + shift).astype(np.float32)


def by_torch_fidelity(real: Statistics, generated: Statistics) -> float:
    from torch_fidelity.metric_fid import KEY_METRIC_FID, fid_statistics_to_metric

    pair = [{"mu": side.mu, "sigma": side.sigma} for side in (generated, real)]
    return float(fid_statistics_to_metric(*pair, verbose=False)[KEY_METRIC_FID])


def by_sqrtm(real: Statistics, generated: Statistics) -> float:
    """The formula of TTUR and all that came after it, with today's `sqrtm`, which needs no `disp=False`."""
    from scipy.linalg import sqrtm

    shift = real.mu - generated.mu
    root = sqrtm(real.sigma @ generated.sigma)
    return float(shift @ shift + np.trace(real.sigma) + np.trace(generated.sigma) - 2 * np.trace(root).real)


if __name__ == "__main__":
    main()
