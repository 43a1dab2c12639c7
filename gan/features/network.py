"""An extractor from a network: load, resize, run in a fixed micro-batch on the chosen backend."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ganbench.gan.backend import Run, start
from ganbench.gan.checkpoints import file_digest, load_into, load_state
from ganbench.gan.features.base import Shape, check_images, named, padded
from ganbench.gan.types import BadInput, digest_of

GPU_MICRO_BATCH = 100


@dataclass(frozen=True)
class Network:
    """Everything that defines an extractor's features, except the weights."""

    name: str                                         # a row of EXTRACTORS
    module: Callable[[], nn.Module]                   # (n, *input) float32 -> one array, or a tuple: as in `outputs`
    prepare: Callable[[Tensor], Tensor]               # NCHW uint8, or float 0..255 -> (n, *input) float32
    rules: Mapping[str, str]                          # in words what `prepare` and the last layer do; hashed
    input: Shape
    d: int
    n_logits: int
    micro_batch: int                                  # on the CPU: where images per second are most
    only: Shape | None = None                         # the one shape of image it takes, or grey; None: any, as RGB
    views: Mapping[str, int] = field(default_factory=dict)      # what else it gives, and how long that is
    eager: bool = False                               # torch alone: nothing is traced

    @property
    def outputs(self) -> dict[str, int]:
        """Length per image of each array that the module gives, by name and in order."""
        return named(self.d, self.n_logits, self.views)


@dataclass(frozen=True)
class NetworkExtractor:
    """See `ganbench.gan.features.base.Extractor`."""

    network: Network
    weights: str                                      # sha256 of their file
    digest: str
    engine: Mapping[str, Any]
    device: str
    run: Run

    @property
    def name(self) -> str:
        return self.network.name

    @property
    def d(self) -> int:
        return self.network.d

    @property
    def outputs(self) -> dict[str, int]:
        return self.network.outputs

    @property
    def micro_batch(self) -> int:
        return self.network.micro_batch

    def __call__(self, images: np.ndarray) -> dict[str, np.ndarray]:
        check_images(images, self.micro_batch)
        return self.look(images)

    def unrounded(self, images: np.ndarray) -> dict[str, np.ndarray]:
        check_images(images, self.micro_batch, np.float32)
        return self.look(images)

    def look(self, images: np.ndarray) -> dict[str, np.ndarray]:
        """Arrays of the images, after the network's own preprocessing."""
        check_shape(images, self.network)
        batch = padded(images, self.micro_batch, self.network.input[0])
        with torch.inference_mode():
            arrays = self.run(self.network.prepare(torch.from_numpy(batch).to(self.device)))
        return {name: array[: len(images)] for name, array in zip(self.outputs, arrays, strict=True)}


def check_shape(images: np.ndarray, network: Network) -> None:
    """Refuse images of a shape that the network does not take, and colour images for grey networks."""
    channels, *size = images.shape[1:]
    if network.only and (size != [*network.only[1:]] or channels not in (1, network.only[0])):
        raise BadInput("wrong-size",
                       f"The extractor {network.name} takes {times(network.only)} images (channels x height x width), "
                       f"but these are {times(images.shape[1:])}{remedy(size, network.only)}.")
    if channels > network.input[0]:
        raise BadInput("wrong-channels",
                       f"The extractor {network.name} takes grey images, but these have {channels} channels.")


def remedy(size: list[int], only: Shape) -> str:
    """What brings images of another size to an extractor's, as the end of a sentence."""
    if size == [28, 28] and only[1:] == (32, 32):
        return ": --pad 32 pads all images, as Fashion-MNIST's are, and pad = 32 in a model file those of the model"
    return f": --resize {only[1]} makes all images of that size" if size != [*only[1:]] and only[1] == only[2] else ""


def times(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))


def load(network: Network, weights: Path) -> nn.Module:
    """The module with its weights, in eval mode, on the CPU."""
    with torch.random.fork_rng(devices=[]):           # the first values draw random numbers, which are not ours to take
        module = network.module()
    load_into(module, load_state(weights), str(weights))
    return module.eval()


def build(network: Network, weights: Path, device: str, backend: str) -> NetworkExtractor:
    """Load the weights and start the backend; `weights` must exist."""
    return ready(network, load(network, weights), file_digest(weights), device, backend)


def ready(network: Network, module: nn.Module, sha256: str, device: str, backend: str) -> NetworkExtractor:
    """Start the backend with a module that has its weights, those of the file with this sha256."""
    if torch.device(device).type != "cpu":
        network = replace(network, micro_batch=GPU_MICRO_BATCH)
    digest = digest_of({"extractor": network.name, "weights": sha256, **network.rules})
    shape = (network.micro_batch, *network.input)
    run, engine = start(module, shape, device, backend, network.eager)
    return NetworkExtractor(network, sha256, digest, engine, device, run)
