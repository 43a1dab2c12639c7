"""What an image's random numbers cost: Philox, keyed by seed and name, beside one seeding of torch for each image.

    OMP_NUM_THREADS=1 python benchmarks/draws.py [--rounds 30]

The reference is what ganbench did before: torch's Mersenne Twister is seeded anew for each image, by 63 bits of a hash
of which it uses 32.  Rows are of normal numbers; images follow each other, as in a shard, or come in no order.
"""

from __future__ import annotations

import argparse
import hashlib
import random
from collections.abc import Callable, Sequence
from functools import partial

import torch
from machine import in_turn, measuring, table, threads
from torch import Tensor

from ganbench.gan.generators.base import latents

SECONDS = 0.02                                              # about so long is one contender's turn
Draw = Callable[[Sequence[int], int, tuple[int, ...]], Tensor]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=30)
    given = parser.parse_args()
    with measuring("Rows of random numbers per second", "torch", "numpy"), threads(1):
        for count in (100, 3_072):
            for n in (1, 20, 1_000):
                print(measure(n, count, given.rounds), flush=True)


def measure(n: int, count: int, rounds: int) -> str:
    """The table of n rows at a time, each of so many numbers."""
    shuffled = random.Random(0).sample(range(10 * n), n)
    times = max(1, round(SECONDS / (n * count * 5e-9 + n * 5e-6)))
    contenders = {
        "Philox": partial(repeated, latents, range(n), count, times),
        "torch, seeded for each": partial(repeated, seeded, range(n), count, times),
    }
    if n > 1:
        contenders["Philox, images in no order"] = partial(repeated, latents, shuffled, count, times)
    else:
        contenders["Philox, image after image"] = partial(one_by_one, latents, count, times)
    for run in contenders.values():
        run()
    seconds = in_turn(contenders, rounds)
    rates = {name: [times * n / s for s in found] for name, found in seconds.items()}
    return table(f"{count:,} numbers, {n:,} at a time", "rows/s", rates) + "\n"


def repeated(draw: Draw, indices: Sequence[int], count: int, times: int) -> None:
    for seed in range(times):
        draw(indices, seed % 4, (count,))


def one_by_one(draw: Draw, count: int, times: int) -> None:
    for image in range(times):
        draw([image], 0, (count,))


def seeded(indices: Sequence[int], seed: int, shape: tuple[int, ...]) -> Tensor:
    """(n, *shape) float32: a hash of seed, number and name seeds the generator of each row."""
    source, rows = torch.Generator(), []
    for index in indices:
        digest = hashlib.blake2b(f"{seed}/{index}/z".encode(), digest_size=8).digest()
        source.manual_seed(int.from_bytes(digest, "big") >> 1)
        rows.append(torch.randn(shape, generator=source))
    return torch.stack(rows)


if __name__ == "__main__":
    main()
