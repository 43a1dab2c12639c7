"""Perceptual path length of the zoo, and how far each choice of its protocol moves it.

    python benchmarks/path_length.py zoo [--n 2000] [--seed 0] [--extractors efficientnet_lite0 judge pixels]
    python benchmarks/path_length.py epsilon [--n 200]
    python benchmarks/path_length.py ends [--n 1000]
    python benchmarks/path_length.py errors [--n 20000 --seed 1 --extractors pixels]

`zoo`: ppl and, where there is W, ppl_w, with standard errors.  `epsilon`: the same paths with steps of other lengths;
where float32 no longer resolves a step, the value grows as 1 / epsilon^2.  `ends`: steps from the ends of paths beside
steps from anywhere on them, along arcs and straight lines.  `errors`: the mean standard error of as many groups of 200
and of 500 paths as there are, over the standard deviation of the groups' values.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import torch
from machine import measuring

from ganbench import Workspace
from ganbench.gan import stepping
from ganbench.gan.evaluate import walk_one
from ganbench.gan.features.base import Extractor
from ganbench.gan.features.extract import extractor_of
from ganbench.gan.generators.base import LatentModel
from ganbench.gan.latent.paths import BETWEEN, Between
from ganbench.gan.metrics.path_length import ppl
from ganbench.gan.models.loading import resolve
from ganbench.gan.needs.paths import SPACES
from ganbench.gan.parts import Part
from ganbench.gan.sampling import generator_of, shards_of
from ganbench.gan.stepping import latent_spaces, paths_from, squared_speed, steps
from ganbench.gan.store import rows_of
from ganbench.gan.threads import single_threaded
from ganbench.gan.types import ModelSpec

ZOO = [f"zoo:{name}" for name in (
    "dcgan-fashion-mnist-start", "dcgan-fashion-mnist-early", "dcgan-fashion-mnist", "collapsed-fashion-mnist",
    "wgan-gp-fashion-mnist-early", "wgan-gp-fashion-mnist", "r3gan-fashion-mnist-early", "r3gan-fashion-mnist",
    "stylegan2-fashion-mnist-early", "stylegan2-fashion-mnist", "flow-fashion-mnist")]
KINDS = {space: kind for kind, space in SPACES.items()}
BATCH = 20


def main() -> None:
    given = arguments()
    measure = {"zoo": measure_zoo, "epsilon": measure_epsilon, "ends": measure_ends,
               "errors": measure_errors}[given.what]
    title = f"Perceptual path length, {given.what}: {given.n} paths, seed {given.seed}"
    with measuring(title, "torch"), single_threaded(), torch.inference_mode():
        measure(given)


def measure_zoo(given: argparse.Namespace) -> None:
    home = Workspace(given.home)
    print("| model | space | extractor | PPL | standard error | seconds |\n|---|---|---|---:|---:|---:|")
    for spec, space, name in rows_in(given, ZOO):
        begun = time.perf_counter()
        kind, part = KINDS[space], Part(spec, given.seed, given.n)
        shards = [walk_one(part, *shard, kind, name, home) for shard in shards_of(given.n)]
        found = ppl(np.concatenate([rows_of(shard)["steps"] for shard in shards]))
        print(f"| {spec.name} | {space or 'draws'} | {name} | {found.value:.5g} | {found.se:.2g} | "
              f"{time.perf_counter() - begun:.0f} |", flush=True)


def rows_in(given: argparse.Namespace, models: list[str]) -> Iterator[tuple[ModelSpec, str, str]]:
    """Models, their spaces, and extractors."""
    home = Workspace(given.home)
    for model in given.model or models:
        spec = resolve(model, home)
        for space in sorted(latent_spaces(generator_of(spec, home)) & {"", "w"}):
            for name in given.extractors:
                yield spec, space, name


def measure_epsilon(given: argparse.Namespace) -> None:
    home, sizes = Workspace(given.home), [10.0**-k for k in range(2, 8)]
    print(f"| model | space | extractor | {' | '.join(f'{size:g}' for size in sizes)} |\n|---|---|---|{'---:|' * 6}")
    for spec, space, name in rows_in(given, ["zoo:dcgan-fashion-mnist", "zoo:stylegan2-fashion-mnist"]):
        found = []
        for size in sizes:
            stepping.EPSILON = size
            taken = steps(generator_of(spec, home), spec, given.seed, space, 0, given.n, extractor_of(name, home))
            found.append(f"{ppl(taken['steps']).value:.5g}")
        print(f"| {spec.name} | {space or 'draws'} | {name} | {' | '.join(found)} |", flush=True)


def measure_ends(given: argparse.Namespace) -> None:
    home = Workspace(given.home)
    print("| model | space | paths | t | extractor | PPL | standard error |\n|---|---|---|---|---|---:|---:|")
    for spec, space, name in rows_in(given, ["zoo:dcgan-fashion-mnist", "zoo:stylegan2-fashion-mnist"]):
        model, extractor = generator_of(spec, home), extractor_of(name, home)
        t = np.random.default_rng(given.seed).uniform(size=given.n)
        for kind in ("slerp", "lerp"):
            for where, at in (("end", 0 * t), ("full", t)):
                found = ppl(steps_at(model, spec, given, space, BETWEEN[kind], at, extractor))
                print(f"| {spec.name} | {space or 'draws'} | {kind} | {where} | {name} | {found.value:.5g} | "
                      f"{found.se:.2g} |", flush=True)


def measure_errors(given: argparse.Namespace) -> None:
    home = Workspace(given.home)
    print("| model | space | extractor | paths | groups | error over deviation |\n|---|---|---|---:|---:|---:|")
    for spec, space, name in rows_in(given, ["zoo:dcgan-fashion-mnist", "zoo:wgan-gp-fashion-mnist"]):
        taken = steps(generator_of(spec, home), spec, given.seed, space, 0, given.n, extractor_of(name, home))["steps"]
        for n in (200, 500):
            found = [ppl(group) for group in taken[: len(taken) // n * n].reshape(-1, n)]
            ratio = np.mean([one.se for one in found]) / np.std([one.value for one in found], ddof=1)
            print(f"| {spec.name} | {space or 'draws'} | {name} | {n} | {len(found)} | {ratio:.2f} |", flush=True)


def steps_at(
    model: LatentModel, spec: ModelSpec, given: argparse.Namespace, space: str, between: Between, t: np.ndarray,
    extractor: Extractor,
) -> np.ndarray:
    """d / epsilon^2 of steps from t (n,) on, along paths of another kind."""
    found = []
    for first in range(0, len(t), BATCH):
        paths = paths_from(model, range(first, first + BATCH), given.seed, space, "cpu")
        paths = replace(paths, between=between)
        found.append(squared_speed(model, spec, paths, t[first : first + BATCH], stepping.EPSILON, extractor))
    return np.concatenate(found)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["zoo", "epsilon", "ends", "errors"])
    parser.add_argument("--model", nargs="+", default=[])
    parser.add_argument("--n", type=int, default=2_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--extractors", nargs="+", default=["efficientnet_lite0", "judge", "pixels"])
    parser.add_argument("--home", default="~/.ganbench")
    return parser.parse_args()


if __name__ == "__main__":
    main()
