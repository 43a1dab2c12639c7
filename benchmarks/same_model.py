"""One model under many seeds, each draw against a champion that is the same model: how often does the gate's number of
one night exceed what it exceeds with probability alpha?  This tests the standard errors themselves, with real images.

python benchmarks/same_model.py [--seeds 200] [--n 500] [--champion 50] [--model zoo:dcgan-fashion-mnist]
"""

from __future__ import annotations

import argparse

import numpy as np
from machine import measuring
from scipy import stats

from ganbench.gan.evaluate import evaluate
from ganbench.gan.nightly.gate import pooled
from ganbench.gan.nightly.night import values_of
from ganbench.gan.question import Question, protocol_of
from ganbench.gan.types import Estimate, Workspace
from ganbench.gan.uncertainty import difference

ALPHA = 0.05


def main() -> None:
    given = arguments()
    with measuring(f"{given.model}: {given.seeds} seeds, n = {given.n}, beside a champion from {given.champion} others",
                   "torch", "scipy"):
        measure(given)


def measure(given: argparse.Namespace) -> None:
    workspace = Workspace(given.home)
    judge = protocol_of(Question(n=given.n)).judge
    scored = [values_of(evaluate(given.model, n=given.n, seed=seed, workspace=workspace), judge)
              for seed in range(given.seeds + given.champion)]
    drawn = [{metric: Estimate(score.value * (1 if score.lower_is_better else -1), score.se)
              for metric, score in values.items() if score.decides} for values in scored]
    low, high = stats.binom.interval(0.99, given.seeds, ALPHA)
    print(f"expected: {ALPHA * given.seeds:g} alarms, 99 % interval {low:g} to {high:g}\n")
    print("| metric | gated by default | alarms | inside | sd of z |\n|---|---|---:|---|---:|")
    for metric in drawn[0]:
        gated = "no" if scored[0][metric].cautious else "yes"
        champion = pooled([row[metric] for row in drawn[given.seeds:]])
        gaps = [difference(row[metric], champion) for row in drawn[: given.seeds]]
        z = np.array([gap.value / gap.se for gap in gaps])
        alarms = int((z > stats.norm.isf(ALPHA)).sum())
        print(f"| {metric} | {gated} | {alarms} | {'yes' if low <= alarms <= high else 'NO'} | {z.std(ddof=1):.3f} |")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--n", type=int, default=500)
    parser.add_argument("--champion", type=int, default=50)
    parser.add_argument("--model", default="zoo:dcgan-fashion-mnist")
    parser.add_argument("--home", default="~/.ganbench")
    return parser.parse_args()


if __name__ == "__main__":
    main()
