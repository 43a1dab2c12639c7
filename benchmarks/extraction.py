"""Images per second through the FID network, from PNG files to features, beside torch-fidelity and pytorch-fid.

    python benchmarks/extraction.py [--rounds 3] [--images 40]

Each program reads, resizes and runs the same files with the same (random) weights in its own way; first on one
thread, then on all cores: ours as workers of one thread each, the others with as many torch threads.  Each of them
stands here with the batch size that is its default, and with smaller ones, which suit its caches better.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from machine import cores, in_turn, measuring, table, temporary, threads
from peers import ours, pictures, pytorch_fid, random_weights, torch_fidelity

BATCHES = {"torch-fidelity": (64, 10, 4), "pytorch-fid": (50, 10, 4)}      # the default first
PEERS = {"torch-fidelity": torch_fidelity, "pytorch-fid": pytorch_fid}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--images", type=int, default=40, help="per program and round, but one batch at least")
    given = parser.parse_args()
    packages = ("torch", "onnxruntime", "torch-fidelity", "pytorch-fid")
    with temporary() as folder, measuring("Features of the FID network, from PNG files of 32x32", *packages):
        weights = random_weights(Path(folder))
        files = sorted(pictures(Path(folder) / "images", max(given.images * cores(), 64), seed=1).iterdir())
        print(f"Our features differ from torch-fidelity's by {difference(files[:10], weights):.1e} of the largest.\n")
        for count in sorted({1, cores()}):
            with threads(count):
                print(table(f"{count} thread{'s' if count > 1 else ''}", "images/s",
                            rates(files, weights, count, given.images, given.rounds)) + "\n", flush=True)


def rates(files: list[Path], weights: Path, count: int, images: int, rounds: int) -> Mapping[str, list[float]]:
    """Images per second by program and batch size, in each of the rounds, after one batch that does not count."""
    run = ours(files[0].parent, weights)
    totals, contenders = {"ganbench": images * count}, {"ganbench": on_workers(run, images, count)}
    on_workers(run, 10, count)()
    for peer, batches in BATCHES.items():
        for batch in batches:
            name = f"{peer}, batches of {batch}{' (its default)' if batch == batches[0] else ''}"
            totals[name] = max(images // batch, 1) * batch
            contenders[name] = PEERS[peer](files[: totals[name]], weights, batch)
            PEERS[peer](files[:batch], weights, batch)()
    return {name: [totals[name] / s for s in found] for name, found in in_turn(contenders, rounds).items()}


def on_workers(run: Callable[[int, int], np.ndarray], images: int, workers: int) -> Callable[[], object]:
    """So many images for each worker, as `ganbench.evaluate` gives each a shard; a worker has one thread."""

    def measure() -> None:
        with threads(1), ThreadPoolExecutor(workers) as pool:
            list(pool.map(lambda i: run(i * images, (i + 1) * images), range(workers)))

    return measure


def difference(files: list[Path], weights: Path) -> float:
    """The largest one between our features and torch-fidelity's, over the largest feature."""
    with threads(1):
        found = ours(files[0].parent, weights)(0, len(files))
        theirs = torch_fidelity(files, weights, len(files))()
    return float(np.abs(found - theirs).max() / np.abs(theirs).max())


if __name__ == "__main__":
    main()
