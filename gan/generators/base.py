"""The protocols of generators: `draws` is all randomness, `sample` is a pure function; finite generators; latents."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import embedding

from ganbench.gan.philox import normals, uniforms, words
from ganbench.gan.types import BadInput


@runtime_checkable
class Generator(Protocol):
    """The interface of every family.  Image i depends only on (seed, i), not on batch, shard or device."""

    n_classes: int  # 0: unconditional
    output_range: tuple[float, float]  # declared, never guessed per batch

    def draws(self, indices: Sequence[int], seed: int) -> Tensor:
        """All random numbers of these images, one row each; drawn on the CPU."""
        ...

    def sample(self, draws: Tensor, labels: Tensor | None = None) -> Tensor:
        """Images, NCHW float in `output_range`; pure. `labels`: (n,) int64 if `n_classes` > 0."""
        ...


@runtime_checkable
class FiniteModel(Generator, Protocol):
    """A generator with a finite number of images, whose classes are known instead of requested."""

    n: int

    def labels(self, draws: Tensor) -> Tensor | None:
        """The classes of drawn images, (n,) int64; None where they have none."""
        ...


@dataclass(frozen=True)
class Space:
    """A latent space: the shape of one latent, without the batch, and the distribution that latents are drawn from.

    `distribution`: "normal" N(0, I), "uniform" U(-1, 1), or "mapped": computed by the model from another space.
    """

    shape: tuple[int, ...]
    distribution: str = "normal"

    @property
    def norm(self) -> float | None:
        """Root mean square of a latent's length: sqrt(d), or sqrt(d / 3) if uniform; None for a mapped space."""
        d = math.prod(self.shape)
        return {"normal": math.sqrt(d), "uniform": math.sqrt(d / 3)}.get(self.distribution)


@runtime_checkable
class LatentModel(Generator, Protocol):
    """A generator whose draws consist of a latent, which can be manipulated, and additional noise.

    `decode(*split(draws), labels)` is `sample(draws, labels)`, and `join` is the inverse of `split`.
    """

    @property
    def spaces(self) -> Mapping[str, Space]:
        """Latent spaces by name; the first is that of the draws."""
        ...

    def split(self, draws: Tensor) -> tuple[Tensor, Tensor]:
        """Draws -> latents (n, *shape) of the first space, and noise (n, ...), which may be empty."""
        ...

    def join(self, latent: Tensor, noise: Tensor) -> Tensor:
        """Latents of the first space and noise -> draws."""
        ...

    def decode(self, latent: Tensor, noise: Tensor, labels: Tensor | None = None, space: str | None = None) -> Tensor:
        """Latents (n, *shape) of a space (None: the first) -> the output of `sample`.  Pure, and differentiable.

        BadInput: there is no such space, or the latents are not of its shape.
        """
        ...

    def to_space(self, latent: Tensor, source: str, target: str, labels: Tensor | None = None) -> Tensor:
        """The latents of the same images in another space.  BadInput if there is no such mapping, as from w to z."""
        ...


class PlainLatent:
    """The `LatentModel` of generators whose draws are their latents: one space, and noise (n, 0)."""

    spaces: Mapping[str, Space]

    def sample(self, draws: Tensor, labels: Tensor | None = None) -> Tensor:
        raise NotImplementedError

    def split(self, draws: Tensor) -> tuple[Tensor, Tensor]:
        return draws, draws.new_zeros(len(draws), 0)

    def join(self, latent: Tensor, noise: Tensor) -> Tensor:
        return latent

    def decode(self, latent: Tensor, noise: Tensor, labels: Tensor | None = None, space: str | None = None) -> Tensor:
        space_of(self.spaces, latent, space)
        return self.sample(latent, labels)

    def to_space(self, latent: Tensor, source: str, target: str, labels: Tensor | None = None) -> Tensor:
        return unmoved(self.spaces, latent, source, target)


def space_of(spaces: Mapping[str, Space], latent: Tensor, name: str | None = None) -> str:
    """The name of the space (None: the first), after checking that the latents have its shape."""
    name = next(iter(spaces)) if name is None else name
    if name not in spaces:
        raise BadInput("unknown-latent-space", f"No latent space {name!r}, only {', '.join(spaces)}.")
    if latent.shape[1:] != spaces[name].shape:
        wanted = ", ".join(map(str, ("n", *spaces[name].shape)))
        raise BadInput("latents-do-not-fit", f"Latents in {name} have the shape ({wanted}), got {tuple(latent.shape)}.")
    return name


def unmoved(spaces: Mapping[str, Space], latent: Tensor, source: str, target: str) -> Tensor:
    """The latents, if they already are in the target space."""
    space_of(spaces, latent, source)
    if target not in spaces:
        raise BadInput("unknown-latent-space", f"No latent space {target!r}, only {', '.join(spaces)}.")
    if source != target:
        raise BadInput("no-way-between-spaces", f"Latents in {source} cannot be mapped to {target}.")
    return latent


def latents(indices: Sequence[int], seed: int, shape: tuple[int, ...], distribution: str = "normal") -> Tensor:
    """One latent per image, (n, *shape) float32: normal N(0, I) or uniform U(-1, 1).

    Drawn on the CPU, so that all devices get the same numbers; see `ganbench.gan.philox`.
    """
    count = math.prod(shape)
    values = normals(indices, seed, count) if distribution == "normal" else uniforms(indices, seed, count) * 2 - 1
    return torch.from_numpy(values.reshape(len(indices), *shape))


def seeds(indices: Sequence[int], seed: int, name: str = "z") -> Tensor:
    """A seed of 63 bits for each image, (n,) int64, for code that makes its own random numbers."""
    return torch.from_numpy((words(indices, seed, 1, name)[:, 0] >> 1).astype(np.int64))


def classes(indices: Sequence[int], seed: int, n_classes: int) -> Tensor:
    """A class for each image, (n,) int64, uniform: 64 bits modulo `n_classes`."""
    return torch.from_numpy((words(indices, seed, 1, "label")[:, 0] % n_classes).astype(np.int64))


def shares_of(generator: Generator) -> tuple[float, ...]:
    """How often each class is drawn, if a model file says so; ()."""
    return tuple(getattr(generator, "class_shares", ()))


def asked_classes(generator: Generator, indices: Sequence[int], seed: int) -> Tensor:
    """The class that each image is asked for, (n,) int64: of all classes equally often, or by their shares."""
    shares = shares_of(generator)
    if not shares:
        return classes(indices, seed, max(1, generator.n_classes))
    bounds = torch.tensor(shares, dtype=torch.float64).cumsum(0)
    places = torch.from_numpy((words(indices, seed, 1, "label")[:, 0] >> 11) * 2.0**-53)
    return torch.searchsorted(bounds[:-1], places * bounds[-1], right=True)


def mixes_classes(generator: Generator) -> bool:
    """Whether labels may be mixtures, weights (n, classes) float, of which `rows_of_classes` makes one vector."""
    return bool(getattr(generator, "mixes_classes", False))


def rows_of_classes(table: Tensor, labels: Tensor | None) -> Tensor:
    """The rows of a table (classes, ...) of classes (n,) int64, or their mixtures by weights (n, classes) float."""
    if labels is None:
        raise BadInput("missing-labels", "This model draws images of a class, and none was named.")
    if labels.is_floating_point():
        return torch.tensordot(labels.to(table), table, 1)
    return embedding(labels, table) if table.ndim == 2 else table[labels]


def seed_of(seed: int, name: str) -> int:
    """A seed of 63 bits for a second, independent set of draws from the same model."""
    return int(seeds([0], seed, name))
