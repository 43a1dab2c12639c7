"""Do the error bars hold?  Simulation of every standard error over fresh draws, as a small table.

    OMP_NUM_THREADS=1 python benchmarks/coverage.py [draws]

`ratio` is the mean standard error over the true one, `cover` how often value -+ 1.96 se holds E[value at this n]
given the reference (95 % is right), `A=B` how often two draws of one law differ significantly (5 % is right),
`zero` how often an unbiased distance between equal laws, fresh reference included, is called different from 0.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator

import numpy as np

from gan.metrics.frechet import frechet, matrix_root
from gan.metrics.inception_score import inception_score
from gan.metrics.kernel import kid_full, kid_subsets, mean_self_similarity
from gan.statistics import moments
from gan.types import Estimate, Statistics
from gan.uncertainty import difference, interval, p_value

Draw = Callable[[np.random.Generator], Estimate]


def row(name: str, draw: Draw, draws: int) -> str:
    rng = np.random.default_rng(1)
    estimates = [draw(rng) for _ in range(draws)]
    values = np.array([e.value for e in estimates])
    truth, true_se = values.mean(), values.std(ddof=1)
    covered = np.mean([low <= truth <= high for low, high in map(interval, estimates)])
    pairs = [difference(a, b) for a, b in zip(estimates[::2], estimates[1::2], strict=False)]
    rejected = np.mean([p_value(pair) < 0.05 for pair in pairs])
    ratio = np.mean([e.se for e in estimates]) / true_se
    return f"{name:<44} {truth:10.4g} {true_se:9.3g} {ratio:6.2f} {covered:6.1%} {rejected:6.1%}"


def scales(d: int, spectrum: str) -> np.ndarray:
    """Standard deviations of d independent features; variances fall as 1, 1/k or k^-1.5."""
    return np.arange(1, d + 1) ** {"flat": 0.0, "power": -0.5, "steep": -0.75}[spectrum]


def frechet_rows(draws: int) -> Iterator[str]:
    for d, spectrum in ((64, "flat"), (64, "power"), (64, "steep"), (192, "power")):
        scale = scales(d, spectrum)
        real = Statistics(np.zeros(d), np.diag(scale**2), 0)
        root = matrix_root(real.sigma)
        for ratio in (0.5, 1, 1.5, 5, 10):
            for shift, label in ((0.0, "equal"), (0.3, "apart")):
                n = int(ratio * d)

                def draw(rng: np.random.Generator, n: int = n, shift: float = shift) -> Estimate:
                    x = (rng.standard_normal((n, d)) * (1 + shift) + shift) * scale     # noqa: B023
                    x = x.astype(np.float32)
                    return frechet(real, moments(x).statistics(), [x], root)            # noqa: B023

                yield row(f"FD  d={d} {spectrum} n/d={ratio} {label}", draw, draws)


def kernel_features(rng: np.random.Generator, n: int, d: int, law: str, shift: float) -> np.ndarray:
    """Rows of non-negative skewed features, as pooled activations are."""
    x = rng.standard_normal((n, d)) * scales(d, law) * 2
    return (np.maximum(x, 0) * (1 + shift) + shift / 4).astype(np.float32)


def kernel_rows(draws: int) -> Iterator[str]:
    d = 64
    for law in ("flat", "power", "steep"):
        for m, n in ((400, 400), (2000, 400)):
            real = kernel_features(np.random.default_rng(0), m, d, law, 0)
            within = mean_self_similarity(real)
            for shift, label in ((0.0, "equal"), (0.05, "near"), (0.3, "apart")):

                def draw(rng: np.random.Generator, n: int = n, shift: float = shift) -> Estimate:
                    return kid_full(real, kernel_features(rng, n, d, law, shift), within)   # noqa: B023

                yield row(f"KID d={d} {law} m={m} n={n} {label}", draw, draws)

            def subsets(rng: np.random.Generator, n: int = n) -> Estimate:
                generated = kernel_features(rng, n, d, law, 0.05)                           # noqa: B023
                return kid_subsets(real, generated, 20, 100, int(rng.integers(1 << 30)))    # noqa: B023

            yield row(f"KID d={d} {law} m={m} n={n} near, 20 x 100", subsets, draws)


def zero_rows(draws: int) -> Iterator[str]:
    for law in ("flat", "power"):
        for m, n in ((400, 400), (2000, 400), (400, 2000)):
            rng = np.random.default_rng(2)
            pairs = [kid_full(kernel_features(rng, m, 64, law, 0), kernel_features(rng, n, 64, law, 0))
                     for _ in range(draws)]
            rejected = np.mean([p_value(pair) < 0.05 for pair in pairs])
            yield f"{f'KID d=64 {law} m={m} n={n} equal':<44} zero rejected {rejected:.1%}"


def inception_rows(draws: int) -> Iterator[str]:
    for classes, sure in ((10, 3.0), (100, 1.0), (1000, 4.0)):
        for n, splits in ((500, 1), (2000, 1), (2000, 10)):

            def draw(rng: np.random.Generator, n: int = n, splits: int = splits) -> Estimate:
                logits = rng.standard_normal((n, classes)) * sure       # noqa: B023
                return inception_score(logits.astype(np.float32), splits)

            yield row(f"IS  classes={classes} n={n} splits={splits}", draw, draws)


if __name__ == "__main__":
    draws = int(sys.argv[1]) if len(sys.argv) > 1 else 400
    print(f"{'':<44} {'value':>10} {'true se':>9} {'ratio':>6} {'cover':>6} {'A=B':>6}   ({draws} draws)")
    for rows in (frechet_rows, kernel_rows, zero_rows, inception_rows):
        for line in rows(draws):
            print(line, flush=True)
