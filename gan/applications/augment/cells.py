"""A cell of the grid: one classifier, trained on one set of images with one seed, and what it says of images that it
has not seen.  Every finished cell is in the store, under a key of all that it depends on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cached_property, partial
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from ganbench.gan.applications.augment.changes import CHANGES
from ganbench.gan.features.resize import area
from ganbench.gan.sources import source_digest
from ganbench.gan.store import store_of
from ganbench.gan.training.classifier import Classifier
from ganbench.gan.training.loop import Batch, Schedule, fit, to_float
from ganbench.gan.types import Workspace, digest_of

LARGEST = 32                    # pixels along a side of what the network sees; larger images are averaged down
BATCH, RATE = 32, 3e-3
AT_ONCE = 500                   # images that are classified at a time


@dataclass(frozen=True, eq=False)
class Pictures:
    """Labelled images in memory: (n, C, H, W) uint8 and (n,) int64."""

    images: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)

    @cached_property
    def digest(self) -> str:
        """Of pixels and labels, in their order."""
        content = sha256(np.ascontiguousarray(self.images).data)
        content.update(np.ascontiguousarray(self.labels, np.int64).data)
        return digest_of([list(self.images.shape), content.hexdigest()])

    def chosen(self, rows: np.ndarray) -> Pictures:
        return Pictures(self.images[rows], self.labels[rows])


def joined(*parts: Pictures) -> Pictures:
    return Pictures(np.concatenate([part.images for part in parts]), np.concatenate([part.labels for part in parts]))


@dataclass(frozen=True, eq=False)
class Task:
    """What all cells share: the number of classes, and the images with which they are tested; steps are chosen, and
    arms compared with each other, by the validation images alone."""

    classes: int
    validation: Pictures
    test: Pictures
    batch: int = BATCH


def batch_for(real: int) -> int:
    """Images of a step in all arms: no more than a quarter of the real ones, since the whole set at every step is less
    noisy than parts of it, which would tell copies of it from it."""
    return max(2, min(BATCH, real // 4))


@dataclass(frozen=True, eq=False)
class Said:
    """What a classifier says of n images: the likeliest class (n,) int64, and its probability (n,) float32."""

    predicted: np.ndarray
    confidence: np.ndarray


@dataclass(frozen=True, eq=False)
class Cell:
    """A finished cell."""

    validation: Said
    test: Said
    weights: Path                   # of the network, among the rest
    computed: bool                  # now; False: it was in the store


class Small(nn.Module):
    """Three strided convolutions with BatchNorm, the mean over places, and a linear layer: (n, C, h, w) in [-1, 1],
    of any size from 8 pixels on -> logits (n, classes)."""

    def __init__(self, channels: int, classes: int, width: int = 16):
        super().__init__()
        self.body = nn.Sequential(
            strided(channels, width), strided(width, 2 * width), strided(2 * width, 4 * width),
            nn.AdaptiveAvgPool2d(2), nn.Flatten())
        self.head = nn.Linear(16 * width, classes)

    def forward(self, images: Tensor) -> Tensor:
        return self.head(self.body(images))


def strided(before: int, after: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(before, after, 3, 2, 1, bias=False), nn.BatchNorm2d(after), nn.ReLU())


def cell(
    learnt: Pictures, change: str, steps: int, seed: int, task: Task, workspace: Workspace,
    tick: Callable[[int], object] = lambda n: None,
) -> Cell:
    """Train and test, or find it in the store; `change`: a row of CHANGES; `tick`: steps."""
    schedule = Schedule(steps, min(task.batch, len(learnt)), RATE, seed=seed, keep_every=steps)
    engine = {"torch": torch.__version__, "device": torch.device(workspace.device).type, "threads": 1}
    key = digest_of({
        "stage": "cells", "learnt": learnt.digest, "validation": task.validation.digest, "test": task.test.digest,
        "classes": task.classes, "change": change, "schedule": asdict(schedule), "engine": engine,
        "source": source_digest("cells")})
    store = store_of(workspace)
    with store.lock("cells", key):
        entry = store.find("cells", key)
        computed = entry is None
        if entry is None:
            found = trained(learnt, change, schedule, task, workspace.device, tick)
            entry = store.commit("cells", key, "cell.safetensors", partial(save_file, found))
        else:
            tick(steps)
    arrays = load_file(entry.path)
    said = {name: Said(*(arrays[f"{name}.{what}"].numpy() for what in ("predicted", "confidence")))
            for name in ("validation", "test")}
    return Cell(said["validation"], said["test"], entry.path, computed)


def trained(
    learnt: Pictures, change: str, schedule: Schedule, task: Task, device: str, tick: Callable[[int], object]
) -> dict[str, Tensor]:
    """The network's weights, and what it says of the images of the task."""
    network = fresh(learnt.images.shape[1], task.classes, schedule.seed)
    network.to(memory_format=torch.channels_last).to(device)     # a tenth faster on CPUs
    data = Batch(seen(learnt.images), torch.from_numpy(learnt.labels))
    teacher = Classifier(network, schedule, CHANGES[change], smoothing=0)
    with TemporaryDirectory() as folder:
        for _ in fit(teacher, data, schedule, Path(folder), device):
            tick(1)
    network.eval()
    found = {f"network.{name}": value.cpu().contiguous() for name, value in network.state_dict().items()}
    for name, part in (("validation", task.validation), ("test", task.test)):
        said = classified(network, part.images, device)
        found |= {f"{name}.predicted": torch.from_numpy(said.predicted),
                  f"{name}.confidence": torch.from_numpy(said.confidence)}
    return found


def fresh(channels: int, classes: int, seed: int) -> Small:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Small(channels, classes)


def seen(images: np.ndarray) -> Tensor:
    """What the network sees, uint8: images of more than LARGEST pixels along a side are averaged down."""
    pixels = torch.from_numpy(np.ascontiguousarray(images))
    return area(pixels, LARGEST).round().to(torch.uint8) if max(pixels.shape[2:]) > LARGEST else pixels


@torch.inference_mode()
def classified(network: nn.Module, images: np.ndarray, device: str = "cpu") -> Said:
    """In eval mode."""
    pixels = seen(images)
    parts = [network(to_float(pixels[first : first + AT_ONCE].to(device))).cpu().double().softmax(1)
             for first in range(0, len(pixels), AT_ONCE)]
    confidence, predicted = torch.cat(parts).max(1)
    return Said(predicted.numpy(), confidence.float().numpy())


def classified_by(one: Cell, images: np.ndarray, classes: int) -> Said:
    """What the classifier of a cell says of other images, NCHW uint8."""
    network = Small(images.shape[1], classes)
    network.load_state_dict({name.removeprefix("network."): value for name, value in load_file(one.weights).items()
                             if name.startswith("network.")})
    return classified(network.eval(), images)
