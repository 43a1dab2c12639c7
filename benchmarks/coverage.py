"""Do the error bars hold?  Simulation of every standard error over fresh draws, as a small table.

    OMP_NUM_THREADS=1 python benchmarks/coverage.py [draws] [seed]

`ratio` is the mean standard error over the true one, `cover` how often value -+ 1.96 se holds E[value at this n]
given the reference (95 % is right), `A=B` how often two draws of one law differ significantly (5 % is right),
`zero` how often an unbiased distance between equal laws, fresh reference included, is called different from 0.
`!` marks a ratio outside 0.9-1.5, a cover below 92 % or an A=B above 8 %.
"""

from __future__ import annotations

import platform
import sys
import time
from collections.abc import Callable, Iterator
from itertools import product

import numpy as np

from ganbench.gan.metrics.frechet import frechet, matrix_root
from ganbench.gan.metrics.inception_score import inception_score
from ganbench.gan.metrics.kernel import kid_full, kid_subsets, mean_self_similarity
from ganbench.gan.statistics import moments
from ganbench.gan.types import Estimate, Statistics
from ganbench.gan.uncertainty import difference, interval, p_value

Draw = Callable[[np.random.Generator], Estimate]
POWER = {"flat": 0.0, "power": 1.0, "steep": 1.5}     # the k-th variance is k^-power


def row(name: str, draw: Draw, draws: int, seed: int) -> str:
    rng = np.random.default_rng(seed)
    estimates = [draw(rng) for _ in range(draws)]
    values = np.array([e.value for e in estimates])
    truth, true_se = values.mean(), values.std(ddof=1)
    ratio = np.mean([e.se for e in estimates]) / true_se
    covered = np.mean([low <= truth <= high for low, high in map(interval, estimates)])
    pairs = [difference(a, b) for a, b in zip(estimates[::2], estimates[1::2], strict=False)]
    rejected = np.mean([p_value(pair) < 0.05 for pair in pairs])
    mark = "" if 0.9 <= ratio <= 1.5 and covered >= 0.92 and rejected <= 0.08 else " !"
    return f"{name:<44} {truth:10.4g} {true_se:9.3g} {ratio:6.2f} {covered:6.1%} {rejected:6.1%}{mark}"


def features(rng: np.random.Generator, n: int, d: int, spectrum: str, law: str) -> np.ndarray:
    """(n, d) float32: Gaussian, in axes that are not the features', or non-negative and skewed as activations are.

    `equal` to the reference, or away from it: in the `mean`, in the `covariance`, in `both`.
    """
    scale = np.arange(1, d + 1) ** (-POWER[spectrum] / 2)
    x = rng.standard_normal((n, d))
    if law.startswith("relu"):
        x = np.maximum(x, 0)
    if law.endswith(("covariance", "both")):
        x *= np.linspace(0.7, 1.4, d)
    if law.endswith(("mean", "both")):
        x += 0.3
    return ((x * scale) @ axes(d)).astype(np.float32)


def axes(d: int) -> np.ndarray:
    return np.linalg.qr(np.random.default_rng(d).standard_normal((d, d)))[0]


def reference(d: int, spectrum: str, law: str) -> Statistics:
    """Statistics of 50,000 images: the interval is about fresh generated images, given these."""
    family = "relu equal" if law.startswith("relu") else "equal"
    return moments(features(np.random.default_rng(0), 50_000, d, spectrum, family)).statistics()


def frechet_rows(draws: int, seed: int) -> Iterator[str]:
    laws = ("equal", "mean", "covariance", "relu equal", "relu both")
    cases = [*product((64,), POWER, laws), *product((192,), ("flat", "power"), ("equal", "mean"))]
    for d, spectrum, law in cases:
        real = reference(d, spectrum, law)
        root = matrix_root(real.sigma)
        for ratio in (1.5, 5, 10):

            def draw(rng: np.random.Generator, n: int = int(ratio * d)) -> Estimate:
                x = features(rng, n, d, spectrum, law)                                      # noqa: B023
                return frechet(real, moments(x).statistics(), [x], root)                    # noqa: B023

            yield row(f"FD  d={d} {spectrum} n/d={ratio} {law}", draw, draws, seed)


def activations(rng: np.random.Generator, n: int, d: int, spectrum: str, shift: float) -> np.ndarray:
    """(n, d) float32, non-negative and skewed, twice as large as `features` so that the kernel is not linear."""
    scale = 2 * np.arange(1, d + 1) ** (-POWER[spectrum] / 2)
    x = np.maximum(rng.standard_normal((n, d)) * scale, 0)
    return (x * (1 + shift) + shift / 4).astype(np.float32)


def kernel_rows(draws: int, seed: int) -> Iterator[str]:
    d = 64
    for spectrum, (m, n) in product(POWER, ((400, 400), (2000, 400))):
        real = activations(np.random.default_rng(0), m, d, spectrum, 0)
        within = mean_self_similarity(real)
        for shift, law in ((0.0, "equal"), (0.05, "near"), (0.3, "apart")):

            def draw(rng: np.random.Generator, shift: float = shift) -> Estimate:
                return kid_full(real, activations(rng, n, d, spectrum, shift), within)      # noqa: B023

            yield row(f"KID d={d} {spectrum} m={m} n={n} {law}", draw, draws, seed)

        def subsets(rng: np.random.Generator) -> Estimate:
            generated = activations(rng, n, d, spectrum, 0.05)                              # noqa: B023
            return kid_subsets(real, generated, 20, 100, int(rng.integers(1 << 30)))        # noqa: B023

        yield row(f"KID d={d} {spectrum} m={m} n={n} near, 20 x 100", subsets, draws, seed)


def zero_rows(draws: int, seed: int) -> Iterator[str]:
    for spectrum, (m, n) in product(("flat", "power"), ((400, 400), (1000, 200), (200, 1000))):
        rng = np.random.default_rng(seed)
        pairs = [kid_full(*(activations(rng, size, 64, spectrum, 0) for size in (m, n)))
                 for _ in range(draws)]
        rejected = np.mean([p_value(pair) < 0.05 for pair in pairs])
        yield f"{f'KID d=64 {spectrum} m={m} n={n} equal':<44} zero rejected {rejected:.1%}"


def logits(rng: np.random.Generator, n: int, classes: int, law: str) -> np.ndarray:
    """(n, classes) float32: noise of some size, or sure of one class each, of equal or of unequal (1/k) shares."""
    if law not in ("sure", "unequal"):
        return (rng.standard_normal((n, classes)) * float(law)).astype(np.float32)
    shares = np.arange(1, classes + 1) ** (-1.0 if law == "unequal" else 0.0)
    x = rng.standard_normal((n, classes))
    x[np.arange(n), rng.choice(classes, n, p=shares / shares.sum())] += 12
    return x.astype(np.float32)


def inception_rows(draws: int, seed: int) -> Iterator[str]:
    cases = [(10, "3"), (10, "sure"), (10, "unequal"), (100, "unequal"), (1008, "4")]
    for (classes, law), (n, splits) in product(cases, ((500, 1), (500, 10), (2000, 1))):

        def draw(rng: np.random.Generator) -> Estimate:
            return inception_score(logits(rng, n, classes, law), splits)                    # noqa: B023

        yield row(f"IS  classes={classes} {law} n={n} splits={splits}", draw, draws, seed)


if __name__ == "__main__":
    draws, seed = (int(sys.argv[i]) if len(sys.argv) > i else default for i, default in ((1, 400), (2, 1)))
    began = time.process_time()
    print(f"{draws} draws, seed {seed}, {platform.machine()}, numpy {np.__version__}")
    print(f"{'':<44} {'value':>10} {'true se':>9} {'ratio':>6} {'cover':>6} {'A=B':>6}")
    for rows in (frechet_rows, kernel_rows, zero_rows, inception_rows):
        for line in rows(draws, seed):
            print(line, flush=True)
    print(f"{(time.process_time() - began) / 60:.0f} minutes of one core")
