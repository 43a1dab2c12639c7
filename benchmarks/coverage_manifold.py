"""Do the error bars of what counts neighbours hold?  Simulation over fresh draws, as in coverage.py.

    OMP_NUM_THREADS=1 python benchmarks/coverage_manifold.py [draws] [seed]

Images are Gaussians around four modes, with a spectrum of 1/k.  The reference of n images is drawn once; the training
set is the reference, the test set another n images.  `shifted`: by one deviation along the first axis; `two modes`: of
the four; `a quarter copied`: of the images, from the training set but for a little noise; `a tenth alike`: copied so
from twenty images of it alone.
"""

from __future__ import annotations

import platform
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import product

import numpy as np
from coverage import row

from ganbench.gan.metrics.clipped import clipped_coverage, clipped_density
from ganbench.gan.metrics.frechet import matrix_root
from ganbench.gan.metrics.manifold import coverage, density, precision, realism, recall
from ganbench.gan.metrics.memorisation import authpct, c_t, copies, duplicates, mifid
from ganbench.gan.metrics.neighbours import nearest, nearest_across, overlap
from ganbench.gan.statistics import moments
from ganbench.gan.types import Estimate

LAWS = ("equal", "shifted", "two modes", "a quarter copied", "a tenth alike")
ALIKE = {"a quarter copied": (0.25, None), "a tenth alike": (0.1, 20)}      # share, and of how many images
Draw = Callable[[np.random.Generator], dict[str, Estimate]]


def images(rng: np.random.Generator, n: int, d: int, law: str = "equal") -> np.ndarray:
    """(n, d) float32."""
    x = rng.standard_normal((n, d)) * np.arange(1, d + 1) ** -0.5
    x += 3 * np.eye(4, d)[rng.integers(0, 2 if law == "two modes" else 4, n)]
    x[:, 0] += law == "shifted"
    return x.astype(np.float32)


def measured(n: int, d: int, law: str) -> Draw:
    """All metrics of one draw, by name; the reference is the training set."""
    real, test = (images(np.random.default_rng(seed), n, d) for seed in (1001, 1002))
    among, test_matches = nearest(real), nearest_across(test, real)
    statistics = moments(real).statistics()
    root = matrix_root(statistics.sigma)

    def draw(rng: np.random.Generator) -> dict[str, Estimate]:
        x = images(rng, n, d, law)
        share, few = ALIKE.get(law, (0.0, None))
        alike = rng.random(n) < share
        x[alike] = real[rng.integers(0, few or n, alike.sum())] + 0.02 * x[alike]
        found, matches = overlap(real, x, among), nearest_across(x, real)
        of_k = {f"{metric.__name__} k={k}": metric(found, k, closed)
                for metric in (precision, recall, density, coverage) for k, closed in ((3, True), (5, False))}
        return of_k | {
            "clipped density": clipped_density(found),
            "clipped cover.": clipped_coverage(found),
            "realism": realism(found),
            "AuthPct": authpct(matches, among),
            "C_T": c_t(real, test, x),
            "copies": copies(matches, test_matches),
            "duplicates": duplicates(found),
            "MiFID": mifid(statistics, moments(x).statistics(), [x], root, real),
        }

    return draw


def rows(draws: int, seed: int) -> Iterator[str]:
    for (n, d), law in product(((500, 16), (500, 64), (2000, 64)), LAWS):
        rng, draw = np.random.default_rng(seed), measured(n, d, law)
        drawn = [draw(rng) for _ in range(draws)]
        for name in drawn[0]:
            again = iter([estimates[name] for estimates in drawn])
            if len({estimates[name].value for estimates in drawn}) > 1:
                yield row(f"{name:<15} d={d} n={n} {law}", partial(lambda again, _: next(again), again), draws, seed)
            else:
                yield f"{f'{name:<15} d={d} n={n} {law}':<44} {drawn[0][name].value:10.4g} in every draw"


if __name__ == "__main__":
    draws, seed = (int(sys.argv[i]) if len(sys.argv) > i else default for i, default in ((1, 200), (2, 1)))
    began = time.process_time()
    print(f"{draws} draws, seed {seed}, {platform.machine()}, numpy {np.__version__}")
    print(f"{'':<44} {'value':>10} {'true se':>9} {'ratio':>6} {'cover':>6} {'A=B':>6}")
    for line in rows(draws, seed):
        print(line, flush=True)
    print(f"{(time.process_time() - began) / 60:.0f} minutes of one core")
