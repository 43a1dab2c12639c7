"""Images per second from a small GAN to disk: shards of the store beside the loop that everybody writes.

    python benchmarks/sampling.py [--images 4000] [--rounds 3]

The model is the zoo's DCGAN (32x32, grey).  Ours draws one latent per image, quantises, writes shards of raw uint8 with
fsync and hashes them twice (rows and file).  The loop runs batches of 64 without gradients and saves each image as a
PNG, by Pillow or by torchvision's `save_image`; it neither syncs nor hashes.  First one thread, then all cores.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import mkdtemp

import torch
from machine import cores, in_turn, measuring, table, temporary, threads
from PIL import Image
from torch import Tensor, nn
from torchvision.utils import save_image

from gan import Workspace
from gan.generators.loading import resolve
from gan.sampling import generator_of, sample_shard, shards_of
from gan.store import Store

BATCH = 64


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=4_000)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    with temporary() as folder, measuring("Images per second from a DCGAN to disk", "torch", "pyarrow", "pillow"):
        for count in sorted({1, cores()}):
            contenders = {
                "ganbench, shards": lambda count=count: into_store(Path(folder), given.images, count),
                "loop, Pillow's PNG": lambda: into_files(Path(folder), given.images, by_pillow),
                "loop, torchvision's save_image": lambda: into_files(Path(folder), given.images, by_torchvision),
            }
            with threads(count):
                for run in contenders.values():
                    run()
                seconds = in_turn(contenders, given.rounds)
            rates = {name: [given.images / s for s in found] for name, found in seconds.items()}
            print(table(f"{count} thread{'s' if count > 1 else ''}", "images/s", rates) + "\n", flush=True)


def into_store(folder: Path, n: int, workers: int) -> None:
    """As `gan.evaluate` does: a shard at a time per worker, each of one thread; into a store of its own."""
    workspace = Workspace(home=str(folder / "home"))
    spec = resolve("zoo:dcgan-fashion-mnist", workspace)
    store = Store(Path(mkdtemp(dir=folder)))
    with threads(1), ThreadPoolExecutor(workers) as pool:
        list(pool.map(lambda shard: sample_shard(spec, 0, *shard, workspace, store), shards_of(n)))


@torch.no_grad()
def into_files(folder: Path, n: int, save: Callable[[Tensor, list[Path]], object]) -> None:
    workspace = Workspace(home=str(folder / "home"))
    generator = generator_of(resolve("zoo:dcgan-fashion-mnist", workspace), workspace)
    assert isinstance(generator, nn.Module)
    torch.manual_seed(0)
    out = Path(mkdtemp(dir=folder))
    for first in range(0, n, BATCH):
        size = min(BATCH, n - first)
        save(generator(torch.randn(size, 100)), [out / f"{first + i:06d}.png" for i in range(size)])


def by_pillow(images: Tensor, paths: list[Path]) -> None:
    """The batch becomes uint8 at once, as in EDM's generate.py."""
    pixels = (images * 127.5 + 128).clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1).numpy()
    for image, path in zip(pixels, paths, strict=True):
        Image.fromarray(image[:, :, 0]).save(path)


def by_torchvision(images: Tensor, paths: list[Path]) -> None:
    for image, path in zip(images, paths, strict=True):
        save_image(image, path, normalize=True, value_range=(-1, 1))



if __name__ == "__main__":
    main()
