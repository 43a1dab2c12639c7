"""The guide and the judge: classifiers of real images, trained here, shipped, or the user's own.

Those that are trained here learn from unlike images, and are unlike networks: what fools one need not fool the other.
Both see images of at most 32x32 pixels; larger ones are averaged down.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from ganbench.gan.checkpoints import load_into, read_safetensors
from ganbench.gan.datasets.base import ImageSet
from ganbench.gan.drawing import Tick, silent
from ganbench.gan.features.base import Extractor
from ganbench.gan.features.judge import block as convolution
from ganbench.gan.features.network import Network, ready
from ganbench.gan.features.passing import extract
from ganbench.gan.features.resize import area
from ganbench.gan.sources import source_digest
from ganbench.gan.store import Entry, store_of
from ganbench.gan.training.classifier import Classifier, moved
from ganbench.gan.training.loop import Batch, Schedule, fit
from ganbench.gan.types import BadInput, Workspace, digest_of

LARGEST = 32                                        # pixels along a side of what the networks see
MICRO_BATCH = 50
BATCH, EPOCHS, STEPS = 64, 8, (300, 1_200)          # images of a step; passes over the images, and least and most steps
RATE = 3e-3
CHUNK = 500                                         # images read at a time


@dataclass(frozen=True, eq=False)
class ImageClassifier:
    """Images -> a probability for each class."""

    name: str
    extractor: Extractor
    array: str = "logits"                           # which of its arrays
    slope: Callable[[Tensor], Tensor] | None = None     # pixels (n, C, H, W) float 0..255 -> logits, differentiable

    def probabilities(self, images: np.ndarray, tick: Tick = silent) -> np.ndarray:
        """(n, C, H, W) uint8 -> (n, classes) float64: the softmax of the logits."""
        logits = extract(images, self.extractor, tick=tick)[self.array].astype(np.float64)
        logits -= logits.max(axis=1, keepdims=True)
        return np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)

    def of_set(self, images: ImageSet, tick: Tick = silent) -> np.ndarray:
        """The same of a set, (n, classes), without holding all of its images."""
        return np.concatenate([self.probabilities(images.read(rows), tick) for rows in ranges(images.n)])


def ranges(n: int) -> Iterator[range]:
    for start in range(0, n, CHUNK):
        yield range(start, min(start + CHUNK, n))


# Networks

def smooth(before: int, after: int, stride: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(before, after, 3, stride, 1, bias=False), nn.GroupNorm(8, after), nn.SiLU())


class Strided(nn.Module):
    """The guide's network: strided convolutions, GroupNorm (arXiv:1803.08494) and SiLU, so that gradients are smooth.

    Images (n, channels, h, w) in [-1, 1] -> logits (n, classes); as every one here, of any size from 8 pixels on.
    """

    def __init__(self, channels: int, classes: int, width: int = 16):
        super().__init__()
        self.body = nn.Sequential(
            smooth(channels, width, 1), smooth(width, 2 * width, 2), smooth(2 * width, 4 * width, 2),
            smooth(4 * width, 4 * width, 1), smooth(4 * width, 8 * width, 2), nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.head = nn.Linear(8 * width, classes)

    def forward(self, images: Tensor) -> Tensor:
        return self.head(self.body(images))


class Pooled(nn.Module):
    """The judge's network for data of the user's: maxima over neighbours, BatchNorm and ReLU, as the shipped judge."""

    def __init__(self, channels: int, classes: int, width: int = 16):
        super().__init__()
        self.body = nn.Sequential(
            convolution(channels, width), nn.MaxPool2d(2), convolution(width, 2 * width),
            convolution(2 * width, 4 * width), nn.MaxPool2d(2), convolution(4 * width, 6 * width),
            nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.head = nn.Linear(6 * width, classes)

    def forward(self, images: Tensor) -> Tensor:
        return self.head(self.body(images))


class Logits(nn.Module):
    """As extractors give arrays: what comes before the last layer, and logits."""

    def __init__(self, network: Strided | Pooled):
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        features = self.network.body(images)
        return features, self.network.head(features)


ROLES: dict[str, tuple[type[Strided | Pooled], int]] = {"guide": (Strided, 1), "judge": (Pooled, 2)}     # and its seed


def prepare(pixels: Tensor) -> Tensor:
    """NCHW uint8 or float 0..255 -> float32 in [-1, 1], of at most 32x32 pixels; differentiable."""
    return seen(pixels) / 127.5 - 1


def seen(pixels: Tensor) -> Tensor:
    """What the networks see of images, NCHW float32 0..255."""
    return area(pixels, LARGEST) if max(pixels.shape[2:]) > LARGEST else pixels.float()


# Training

def trained(
    role: str, images: ImageSet, classes: int, workspace: Workspace, tick: Tick = silent
) -> ImageClassifier:
    """The guide or the judge, trained on a CPU with one thread, or found in the store; `tick`: steps."""
    network, weights = load(role, images, classes, workspace, tick)
    channels = images.shape[0]
    row = Network(
        role, partial(Logits, network), prepare, {"network": type(network).__name__, "resize": f"area to {LARGEST}"},
        (channels, *images.shape[1:]), network.head.in_features, classes, MICRO_BATCH, eager=True)
    extractor = ready(row, Logits(network), weights, workspace.device, "auto")
    return ImageClassifier(role, extractor, slope=lambda pixels: network(prepare(pixels)))


def load(
    role: str, images: ImageSet, classes: int, workspace: Workspace, tick: Tick = silent
) -> tuple[Strided | Pooled, str]:
    """The network with its weights, in eval mode and frozen, and their sha256."""
    make, seed = ROLES[role]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = make(images.shape[0], classes)
    schedule = schedule_for(images.n, seed)
    key = digest_of({
        "stage": "classifiers", "role": role, "images": images.digest, "classes": classes, "schedule": asdict(schedule),
        "engine": {"torch": torch.__version__, "device": "cpu", "threads": 1}, "source": source_digest("classifiers")})
    store = store_of(workspace)
    with store.lock("classifiers", key):
        entry = store.find("classifiers", key)
        if entry is None:
            learn(network, images, schedule, tick)
            state = {name: value.contiguous() for name, value in network.state_dict().items()}
            entry = store.commit("classifiers", key, "weights.safetensors", partial(save_file, state))
    return with_weights(network, entry), entry.facts["sha256"]


def with_weights(network: Strided | Pooled, entry: Entry) -> Strided | Pooled:
    load_into(network, read_safetensors(entry.path), entry.path)
    network.eval().requires_grad_(False)
    return network


def schedule_for(n: int, seed: int) -> Schedule:
    """Some passes over n images, but not fewer steps than a network needs, nor more than a minute allows."""
    batch = min(BATCH, n)
    steps = min(max(EPOCHS * n // batch, STEPS[0]), STEPS[1])
    return Schedule(steps, batch, RATE, seed=seed, keep_every=steps)


def learn(network: nn.Module, images: ImageSet, schedule: Schedule, tick: Tick) -> None:
    """Train the network in place, in a temporary folder: it takes less time than to resume it."""
    pixels = torch.cat([seen(torch.from_numpy(images.read(rows))).round().to(torch.uint8) for rows in ranges(images.n)])
    data = Batch(pixels, torch.from_numpy(np.asarray(images.labels)))
    with TemporaryDirectory() as folder:
        for _ in fit(Classifier(network, schedule, moved), data, schedule, Path(folder)):
            tick(1)


def steps_for(images: ImageSet) -> int:
    """How many steps `trained` takes at most."""
    return schedule_for(images.n, 0).steps


# The user's own

def given(
    name: str, extractor: Extractor, classes: int, slope: Callable[[Tensor], Tensor] | None = None
) -> ImageClassifier:
    """A classifier of the user's, or the shipped one: an extractor that gives a number for each class."""
    for array in ("logits", "features"):
        if extractor.outputs.get(array) == classes:
            return ImageClassifier(name, extractor, array, slope)
    lengths = ", ".join(f"{array}: {length}" for array, length in extractor.outputs.items())
    raise BadInput("labels-do-not-fit",
                   f"{name} gives {lengths}, expected logits for {classes} classes, in their order: a network of your "
                   "own says where they are with logits = \"output\", for example, in a TOML file.")


def check_unlike(guide: ImageClassifier, judge: ImageClassifier) -> None:
    """A judge that has guided would confirm whatever it was shown."""
    if guide.extractor.digest == judge.extractor.digest:
        raise BadInput("given-twice",
                       f"{judge.name} is the guide and the judge: expected a judge that was not used to search.")


def accuracy(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Share of (n, classes) probabilities whose largest one is that of the label, (n,)."""
    return float((probabilities.argmax(axis=1) == labels).mean())


def names_of(numbers: Sequence[int], names: Sequence[str]) -> list[str]:
    """Class names by number, or the numbers."""
    return [names[k] if k < len(names) else str(k) for k in numbers]
