"""How much more even films become when they are re-timed, in a feature space that has not set the pace.

    python benchmarks/pace.py [--model zoo:dcgan-fashion-mnist ...] [--pairs 40] [--frames 30] [--judges pixels judge]

Of each pair of images (0 and 1 of as many seeds, of one class) a path of `frames` images is drawn at equal steps and
re-timed by EfficientNet-Lite0.  The ratio is that of the largest to the median change between two frames.
"""

from __future__ import annotations

import argparse

import numpy as np
from machine import measuring
from scipy.stats import t as student

from ganbench import Workspace
from ganbench.gan.features.extract import extractor_of
from ganbench.gan.interpolation import Place, keys_of, walk
from ganbench.gan.models.loading import resolve
from ganbench.gan.sampling import generator_of
from ganbench.gan.threads import single_threaded

PACER = "efficientnet_lite0"


def main() -> None:
    given = arguments()
    with measuring(f"Pace of films: {given.pairs} pairs, {given.frames} frames", "torch"), single_threaded():
        print("| model | path | judged by | ratio, equal steps | re-timed | falls by |\n|---|---|---|---:|---:|---:|")
        for model in given.model:
            measure(model, given)


def measure(model: str, given: argparse.Namespace) -> None:
    home = Workspace(given.home)
    spec = resolve(model, home)
    generator, pacer = generator_of(spec, home), extractor_of(PACER, home)
    for kind in ("slerp", "lerp"):
        for name in given.judges:
            judge, found = extractor_of(name, home), []
            for seed in range(given.pairs):
                classes = [seed % generator.n_classes] if generator.n_classes else []
                keys = keys_of(generator, [Place(seed, 0), Place(seed, 1)], "", classes)
                film = walk(generator, spec, keys, kind, given.frames, False, pacer, judge)
                found.append((film.own, film.timed))
            own, timed = np.array(found).T
            print(f"| {spec.name} | {kind} | {name} | {np.median(own):.2f} | {np.median(timed):.2f} | "
                  f"{mean_of(100 * (1 - timed / own))} % |", flush=True)


def mean_of(values: np.ndarray) -> str:
    reach = student.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
    return f"{values.mean():.0f} ± {reach:.0f}"


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", nargs="+", default=["zoo:dcgan-fashion-mnist", "zoo:stylegan2-fashion-mnist"])
    parser.add_argument("--pairs", type=int, default=40)
    parser.add_argument("--frames", type=int, default=30)
    parser.add_argument("--judges", nargs="+", default=["pixels", "judge"])
    parser.add_argument("--home", default="~/.ganbench")
    return parser.parse_args()


if __name__ == "__main__":
    main()
