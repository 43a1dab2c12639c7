"""What TF32 and bfloat16 would gain on a GPU, and what they change: images per second and Fréchet distance.

    python benchmarks/gpu.py [--images 10000] [--inception-weights FILE] [--rounds 3]

Both are off in `gan`, whose FID network runs in strict float32.  Here that network (random weights unless a file is
given) takes Fashion-MNIST's test images in batches that already lie on the GPU, resized there by the rule of TF1; the
distance is the one to the training images that travel with the package, each measured in its own precision.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
import torch
from machine import measuring, temporary
from peers import random_weights
from torch import Tensor, nn

from ganbench.gan.backend import fold
from ganbench.gan.datasets import DataFolders, open_data
from ganbench.gan.features import inception, network
from ganbench.gan.metrics.frechet import frechet_distance
from ganbench.gan.statistics import moments

BATCH = 250


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--inception-weights", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    if not torch.cuda.is_available():
        print("No GPU here: TF32 and bfloat16 are not measured.")
        return
    with temporary() as folder, measuring("Precisions of the FID network on a GPU", "torch"):
        weights = given.inception_weights or random_weights(Path(folder))
        module = fold(network.load(inception.TF1, weights)).to("cuda").to(memory_format=torch.channels_last)
        sets = [images(f"fashion-mnist:{split}", given.images, Path(folder)) for split in ("test", "train10k")]
        print("| precision | images/s | Fréchet distance | difference from strict float32 |\n|---|---:|---:|---:|")
        strict = None
        for precision in ("float32", "tf32", "bfloat16"):
            with computing_in(precision):
                distance = between(*(features(module, found) for found in sets))
                rate = max(rate_of(module, sets[0]) for _ in range(given.rounds))
            strict = distance if strict is None else strict
            print(f"| {precision} | {rate:,.0f} | {distance:.6g} | {distance - strict:+.2g} |", flush=True)


def images(data: str, n: int, cache: Path) -> Tensor:
    """(n, 1, 32, 32) uint8 on the GPU."""
    return torch.from_numpy(np.ascontiguousarray(open_data(data, DataFolders(None, cache)).read(range(n)))).to("cuda")


@contextmanager
def computing_in(precision: str) -> Iterator[None]:
    """float32: no TF32 in convolutions and products, which is what `gan` does; bfloat16: autocast."""
    before = torch.backends.cuda.matmul.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = precision == "tf32"
    try:
        with ExitStack() as stack:
            stack.enter_context(torch.inference_mode())
            stack.enter_context(torch.backends.cudnn.flags(enabled=True, allow_tf32=precision == "tf32"))
            if precision == "bfloat16":
                stack.enter_context(torch.autocast("cuda", torch.bfloat16))
            yield
    finally:
        torch.backends.cuda.matmul.allow_tf32 = before


def features(module: nn.Module, found: Tensor) -> np.ndarray:
    """(n, 2048) float32."""
    parts = [module(inception.TF1.prepare(batch.expand(-1, 3, -1, -1)))[0].float() for batch in found.split(BATCH)]
    return torch.cat(parts).cpu().numpy()


def between(generated: np.ndarray, real: np.ndarray) -> float:
    return frechet_distance(moments(real).statistics(), moments(generated).statistics())


def rate_of(module: nn.Module, found: Tensor) -> float:
    """Images per second; `features` ends with a copy to the CPU, which waits for the GPU."""
    begun = time.perf_counter()
    features(module, found)
    return len(found) / (time.perf_counter() - begun)


if __name__ == "__main__":
    main()
