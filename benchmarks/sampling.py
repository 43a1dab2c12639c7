"""Images per second from each family to disk: shards of the store beside the loop that everybody writes.

    python benchmarks/sampling.py [--families dcgan gpt] [--images 640] [--rounds 3] [--weights gpt=FILE]

The networks are those of the recipes (32x32, grey): the zoo's DCGAN, the others with their first weights unless a file
is given, and with DDIM's steps instead of a flow's, which would put out noise.  Ours draws one latent per image,
quantises, writes shards of raw uint8 with fsync and hashes them twice (rows and file).  The loops run batches of 64
without gradients and save each image as a PNG, by Pillow or, of the DCGAN, also by torchvision's `save_image`; they
neither sync nor hash.

Their steps are ours: a scheduler of diffusers as its documentation calls it, as many rounds of MaskGIT.  GPT is written
as by minGPT's `generate`, which has no cache.  First one thread, then all cores.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import torch
from loops import save_weights, shipped
from machine import cores, in_turn, measuring, table, temporary, threads
from PIL import Image
from torch import Tensor
from torchvision.utils import save_image

from ganbench import Workspace
from ganbench.gan.generators import GENERATORS
from ganbench.gan.models.loading import resolve
from ganbench.gan.models.openers import complete
from ganbench.gan.recipes import RECIPES
from ganbench.gan.sampling import generator_of, sample_shard
from ganbench.gan.store import SHARD, Store
from ganbench.gan.types import ModelSpec

BATCH = 64
Draw = Callable[[Any, int], Tensor]                         # network, how many -> images in [-1, 1]
Save = Callable[[Tensor, list[Path]], object]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--families", nargs="+", choices=GENERATORS, default=list(GENERATORS), metavar="NAME")
    parser.add_argument("--images", type=int, help="per program and round; else some seconds' worth of each family")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--weights", nargs="+", default=[], metavar="FAMILY=FILE")
    given = parser.parse_args()
    files = dict(pair.split("=", 1) for pair in given.weights)
    packages = ("torch", "onnxruntime", "diffusers", "pyarrow", "pillow")
    with temporary() as folder, measuring("Images per second from a generator to disk", *packages):
        for family in given.families:
            spec = spec_of(family, Path(folder), files.get(family))
            for count in sorted({1, cores()}):
                print(measure(spec, Path(folder), given.images or IMAGES[family], count, given.rounds), flush=True)


def spec_of(family: str, folder: Path, weights: str | None) -> ModelSpec:
    """The model of the family's first recipe; a family without one has its default arguments and ten classes."""
    if family == "dcgan" and not weights:
        return resolve("zoo:dcgan-fashion-mnist", Workspace(home=str(folder / "home")))
    name = next((name for name, recipe in RECIPES.items() if recipe.family == family), None)
    arguments = RECIPES[name].arguments if name else {"n_classes": 10}
    here = Workspace(home=str(folder / "home"))
    if weights:
        return complete(ModelSpec(family, family, arguments=arguments, weights=weights), here)
    path = folder / f"{family}.safetensors"
    if not path.exists():
        save_weights(shipped(name, folder) if name else GENERATORS[family].make(**arguments), path)
    # An untrained flow puts out noise, which is refused as too wide; DDIM's steps are cut to [-1, 1].
    clipped = {"process": "ddpm", "sampler": "ddim"} if LOOPS[family] is denoised else {}
    return complete(ModelSpec(family, family, arguments={**arguments, **clipped}, weights=str(path)), here)


def measure(spec: ModelSpec, folder: Path, n: int, count: int, rounds: int) -> str:
    """The table of one family and so many threads; a batch that goes before does not count."""
    contenders = {
        "ganbench, shards": lambda n=n: into_store(spec, folder, n, count),
        "loop, Pillow's PNG": lambda n=n: into_files(spec, folder, n, by_pillow),
    }
    if spec.family == "dcgan":
        contenders["loop, torchvision's save_image"] = lambda n=n: into_files(spec, folder, n, by_torchvision)
    with threads(count):
        for run in contenders.values():
            run(BATCH)
        seconds = in_turn(contenders, rounds)
    rates = {name: [n / s for s in found] for name, found in seconds.items()}
    return table(f"{spec.family}, {count} thread{'s' if count > 1 else ''}", "images/s", rates) + "\n"


def into_store(spec: ModelSpec, folder: Path, n: int, workers: int) -> None:
    """As `ganbench.evaluate` does: a shard at a time per worker, each of one thread; into a store of its own."""
    workspace, store = Workspace(home=str(folder / "home")), Store(Path(mkdtemp(dir=folder)))
    with threads(1), ThreadPoolExecutor(workers) as pool:
        list(pool.map(lambda shard: sample_shard(spec, 0, *shard, workspace, store), shares(n, workers)))


def shares(n: int, workers: int) -> Iterator[tuple[int, int]]:
    """(index, rows) of shards: full ones, or shorter ones where there would be none for some worker."""
    rows = min(SHARD, math.ceil(n / workers))
    for index in range(math.ceil(n / rows)):
        yield index, min(rows, n - index * rows)


@torch.no_grad()
def into_files(spec: ModelSpec, folder: Path, n: int, save: Save) -> None:
    network: Any = generator_of(spec, Workspace(home=str(folder / "home")))
    torch.manual_seed(0)
    out = Path(mkdtemp(dir=folder))
    for first in range(0, n, BATCH):
        size = min(BATCH, n - first)
        save(LOOPS[spec.family](network, size), [out / f"{first + i:06d}.png" for i in range(size)])


def by_pillow(images: Tensor, paths: Iterable[Path]) -> None:
    """The batch becomes uint8 at once, as in EDM's generate.py."""
    pixels = (images * 127.5 + 128).clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1).numpy()
    for image, path in zip(pixels, paths, strict=True):
        Image.fromarray(image.squeeze()).save(path)


def by_torchvision(images: Tensor, paths: Iterable[Path]) -> None:
    for image, path in zip(images, paths, strict=True):
        save_image(image, path, normalize=True, value_range=(-1, 1))


# The loops


def gan(network: Any, n: int) -> Tensor:
    return network(torch.randn(n, network.z_dim))


def conditional_gan(network: Any, n: int) -> Tensor:
    return network(torch.randn(n, network.z_dim), torch.randint(network.n_classes, (n,)))


def stylegan2(network: Any, n: int) -> Tensor:
    return network.sample(torch.randn(n, network.z_dim + network.noises), torch.randint(network.n_classes, (n,)))


def denoised(network: Any, n: int) -> Tensor:
    """diffusers' documentation, "Deconstruct a basic pipeline"; the scheduler is diffusers', with our settings."""
    scheduler = network.scheduler()
    labels, sample = torch.randint(network.n_classes, (n,)), torch.randn(n, *network.shape)
    for t in scheduler.timesteps:
        said = network(sample, t.expand(n), labels)
        sample = scheduler.step(said, t, sample).prev_sample
    return sample


def gpt(network: Any, n: int) -> Tensor:
    """minGPT's `generate`: the whole row goes through the network for every token."""
    start, tokens = network.classes(torch.randint(network.n_classes, (n, 1))), torch.empty(n, 0, dtype=torch.int64)
    for k in range(network.length):
        x = torch.cat([start, network.tokens(tokens)], 1) + network.places[: k + 1]
        logits = network.run(x)[0][:, -1] / network.temperature
        tokens = torch.cat([tokens, torch.multinomial(logits.softmax(-1), 1)], 1)
    return network.tokenizer.decode(tokens)


def maskgit(network: Any, n: int) -> Tensor:
    """Draw all that is masked, then mask the least sure again."""
    labels, tokens = torch.randint(network.n_classes, (n,)), torch.full((n, network.length), network.codes)
    for k in range(1, network.steps + 1):
        law = torch.distributions.Categorical(logits=network(tokens, labels) / network.temperature)
        masked, drawn = tokens == network.codes, law.sample()
        noise = torch.distributions.Gumbel(0.0, 1.0).sample(drawn.shape)
        sure = law.log_prob(drawn) + network.choice * (1 - k / network.steps) * noise
        tokens = torch.where(masked, drawn, tokens)
        lost = math.floor(network.length * math.cos(math.pi / 2 * k / network.steps))
        tokens.scatter_(1, sure.masked_fill(~masked, math.inf).topk(lost, largest=False).indices, network.codes)
    return network.tokenizer.decode(tokens)


LOOPS: dict[str, Draw] = {
    "dcgan": gan, "wgan-gp": conditional_gan, "r3gan": conditional_gan, "stylegan2": stylegan2,
    "diffusion": denoised, "dit": denoised, "gpt": gpt, "maskgit": maskgit,
}
IMAGES = {                                                  # whole batches and micro-batches on up to two cores
    "dcgan": 7_680, "wgan-gp": 3_840, "r3gan": 3_840, "stylegan2": 1_920, "diffusion": 640, "dit": 640, "gpt": 640,
    "maskgit": 640,
}


if __name__ == "__main__":
    main()
