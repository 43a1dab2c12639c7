"""Do the error bars of FD-infinity, CMMD, Vendi, diversity and FLD hold?  As `coverage.py`, for these.

    OMP_NUM_THREADS=1 python benchmarks/coverage_diversity.py [draws] [seed]

FD-infinity, of which the value at n = infinity is known, has to hold that: its `bias` is the mean of its values less
that distance, in true standard errors, beside what FD's would be.  The columns are those of `coverage.py`.
"""

from __future__ import annotations

import platform
import sys
import time
from collections.abc import Iterator
from itertools import product

import numpy as np
from coverage import Draw, activations, features, reference, row

from ganbench.gan.metrics.diversity import diversity, vendi
from ganbench.gan.metrics.extrapolation import fd_infinity
from ganbench.gan.metrics.frechet import frechet_distance, matrix_root
from ganbench.gan.metrics.kernel import cmmd
from ganbench.gan.metrics.likelihood import fld, fld_gap, fld_precision
from ganbench.gan.statistics import accumulate, moments
from ganbench.gan.types import Estimate, Statistics
from ganbench.gan.uncertainty import interval

BEHIND = 40     # times 10,000 images, in place of infinitely many


def infinity_rows(draws: int, seed: int) -> Iterator[str]:
    laws = ("equal", "mean", "covariance", "relu equal", "relu both", "tails equal", "tails mean")
    cases = [*product((64,), ("flat", "power", "steep"), laws), *product((192,), ("flat", "power"), ("equal", "mean"))]
    for d, spectrum, law in cases:
        real, truth = known(d, spectrum, law)
        for ratio, points in ((1.5, 0), (5, 0), (10, 0), (10, 15)):
            rng, found, plain, root = np.random.default_rng(seed), [], [], matrix_root(real.sigma)
            for i in range(draws if not points else draws // 4):
                x = tailed(rng, int(ratio * d), d, spectrum, law)
                generated = moments(x).statistics()
                found.append(fd_infinity(real, generated, [x], root, points, seed=i))
                plain.append(frechet_distance(real, generated, root))
            rule = ", line" if points else ""
            yield against(f"FD-inf d={d} {spectrum} n/d={ratio} {law}{rule}", found, plain, truth)


def known(d: int, spectrum: str, law: str) -> tuple[Statistics, float]:
    """The reference, and its distance from the law that the generated images come from."""
    rng, heavy = np.random.default_rng(1), law.startswith("tails")
    base = moments(tailed(np.random.default_rng(0), 50_000, d, spectrum, "tails equal")).statistics() if heavy else None
    real = base or reference(d, spectrum, law)
    behind = accumulate(tailed(rng, 10_000, d, spectrum, law) for _ in range(BEHIND)).statistics()
    return real, frechet_distance(real, behind)


def tailed(rng: np.random.Generator, n: int, d: int, spectrum: str, law: str) -> np.ndarray:
    """`features`, or with tails those of a multivariate t of 8 degrees of freedom."""
    if not law.startswith("tails"):
        return features(rng, n, d, spectrum, law)
    lengths = np.sqrt(6 / rng.chisquare(8, (n, 1)))
    return (features(rng, n, d, spectrum, "equal") * lengths + (0.1 if law.endswith("mean") else 0)).astype(np.float32)


def against(name: str, found: list[Estimate], plain: list[float], truth: float) -> str:
    values = np.array([estimate.value for estimate in found])
    true_se = values.std(ddof=1)
    ratio = np.mean([estimate.se for estimate in found]) / true_se
    covered = np.mean([low <= truth <= high for low, high in map(interval, found)])
    mark = "" if 0.9 <= ratio <= 1.5 and covered >= 0.92 else " !"
    bias, of_fd = (values.mean() - truth) / true_se, (np.mean(plain) - truth) / np.std(plain, ddof=1)
    return f"{name:<44} {truth:10.4g} {true_se:9.3g} {ratio:6.2f} {covered:6.1%} {bias:6.1f} {of_fd:7.1f}{mark}"


def cmmd_rows(draws: int, seed: int) -> Iterator[str]:
    for spectrum, (m, n) in product(("flat", "power", "steep"), ((400, 400), (2000, 400))):
        real = activations(np.random.default_rng(0), m, 64, spectrum, 0)
        for shift, law in ((0.0, "equal"), (0.05, "near"), (0.3, "apart")):

            def draw(rng: np.random.Generator, shift: float = shift) -> Estimate:
                return cmmd(real, activations(rng, n, 64, spectrum, shift))                 # noqa: B023

            yield row(f"CMMD d=64 {spectrum} m={m} n={n} {law}", draw, draws, seed)


def diversity_rows(draws: int, seed: int) -> Iterator[str]:
    for name, metric in (("Vendi", vendi), ("diversity", diversity)):
        for spectrum, law, n in product(("flat", "power"), ("equal", "mean", "relu equal"), (48, 64, 96, 640)):

            def draw(rng: np.random.Generator) -> Estimate:
                return metric(features(rng, n, 64, spectrum, law))                          # noqa: B023

            yield row(f"{name} d=64 {spectrum} n={n} {law}", draw, draws, seed)


def likelihood_rows(draws: int, seed: int) -> Iterator[str]:
    for score, (d, n), spectrum in product((fld, fld_gap, fld_precision), ((16, 200), (64, 200)), ("flat", "power")):
        for law in ("equal", "mean", "relu both", "one in four a copy"):
            yield row(f"{score.__name__} d={d} {spectrum} n={n} {law}", of_model(score, d, n, spectrum, law),
                      draws // 4, seed)


def of_model(score, d: int, n: int, spectrum: str, law: str) -> Draw:
    base = np.random.default_rng(0)
    training, test = (features(base, m, d, spectrum, "relu equal" if "relu" in law else "equal") for m in (2 * n, n))

    def draw(rng: np.random.Generator) -> Estimate:
        x = features(rng, n, d, spectrum, law)
        if law.endswith("copy"):
            copied = rng.random(n) < 0.25
            x[copied] = training[rng.integers(0, 2 * n, copied.sum())]
        return score(training, test, x)

    return draw


if __name__ == "__main__":
    draws, seed = (int(sys.argv[i]) if len(sys.argv) > i else default for i, default in ((1, 400), (2, 1)))
    began = time.process_time()
    print(f"{draws} draws (a quarter of them for lines and FLD), seed {seed}, {platform.machine()}, "
          f"numpy {np.__version__}")
    print(f"{'':<44} {'truth':>10} {'true se':>9} {'ratio':>6} {'cover':>6} {'bias':>6} {'of FD':>7}")
    for line in infinity_rows(draws, seed):
        print(line, flush=True)
    print(f"{'':<44} {'value':>10} {'true se':>9} {'ratio':>6} {'cover':>6} {'A=B':>6}")
    for rows in (cmmd_rows, diversity_rows, likelihood_rows):
        for line in rows(draws, seed):
            print(line, flush=True)
    print(f"{(time.process_time() - began) / 60:.0f} minutes of one core")
