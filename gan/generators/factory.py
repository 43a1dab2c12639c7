"""A user's own model: `module:callable` returns a PyTorch module or a function from latents to images."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ganbench.gan.generators.base import Generator, PlainLatent, Space, latents, seeds
from ganbench.gan.types import BadInput, BadOutput, ModelSpec
from ganbench.gan.usercode import call, contained, first_line


class Wrapped(nn.Module):
    """A module or function z -> images as a `Generator`.

    `sample` returns its output, in the layout and range that the spec declares: a tensor or array, float or
    uint8, or a tuple that begins with one.  `ganbench.gan.images.from_model` makes uint8 NCHW of it.
    """

    def __init__(self, function: Callable[..., Any], spec: ModelSpec):
        super().__init__()
        self.function = function
        self.name = spec.name
        self.latent, self.latent_shape = spec.latent, latent_shape_of(function, spec)
        self.n_classes, self.output_range = spec.n_classes, spec.output_range

    def draws(self, indices: Sequence[int], seed: int) -> Tensor:
        """Latents (n, *latent_shape) float32; for latent = "none" one seed of 63 bits per image, (n,) int64.

        torch.Generator uses only the lower 32 bits of a seed; numpy.random.default_rng uses all of them.
        """
        if self.latent == "none":
            return seeds(indices, seed)
        return latents(indices, seed, self.latent_shape, self.latent)

    def sample(self, draws: Tensor, labels: Tensor | None = None) -> Tensor:
        try:
            with contained():
                output = self.function(draws, labels) if self.n_classes else self.function(draws)
        except (BadInput, torch.OutOfMemoryError):
            raise
        except (Exception, SystemExit) as error:
            with_labels = " and labels" if self.n_classes else ""
            raise BadOutput("call-failed",
                            f"{self.name} failed when called with latents of shape {tuple(draws.shape)}{with_labels}: "
                            f"{first_line(error)}.") from error
        return as_tensor(output, self.name)


class WrappedLatent(Wrapped, PlainLatent):
    """A factory model with normal or uniform latents; differentiable if the user's code is."""

    def __init__(self, function: Callable[..., Any], spec: ModelSpec):
        super().__init__(function, spec)
        self.spaces = {"z": Space(self.latent_shape, self.latent)}


def latent_shape_of(function: Callable[..., Any], spec: ModelSpec) -> tuple[int, ...]:
    """The spec's; otherwise the model's own attribute `latent_shape` or `z_dim`."""
    if spec.latent == "tokens":
        raise BadInput("not-a-module",
                       f"{spec.name}: a factory with latent = \"tokens\" must return an object with its own "
                       "draws(indices, seed) and sample(draws, labels).")
    if spec.latent == "none" or spec.latent_shape:
        return spec.latent_shape
    shape = getattr(function, "latent_shape", None) or getattr(function, "z_dim", None)
    if isinstance(shape, int):
        return (shape,)
    if isinstance(shape, tuple | list) and all(isinstance(side, int) for side in shape):
        return tuple(shape)
    raise BadInput("undeclared-shape",
                   f"{spec.name} does not say how long its latents are: give latent_shape = [100], for example, in a "
                   "TOML model file, or let the model have an attribute z_dim.")


def as_tensor(output: Any, name: str) -> Tensor:
    if isinstance(output, tuple | list) and output and isinstance(output[0], Tensor | np.ndarray):
        output = output[0]
    if isinstance(output, np.ndarray) and output.dtype.kind in "uif":
        output = torch.from_numpy(output)
    if isinstance(output, Tensor):
        return output
    what = type(output).__name__
    if isinstance(output, list) and output:
        what += f" of {type(output[0]).__name__}"
    raise BadOutput("not-images",
                    f"{name} returned a {what}, expected a tensor or array of images (PIL images: "
                    "np.stack them, uint8, layout NHWC).")


def make(spec: ModelSpec) -> Generator | nn.Module | Callable[..., Any]:
    """Import the factory and call it with the spec's arguments.  This runs the user's code."""
    made = call(spec.factory, spec.arguments)
    if not callable(made) and not isinstance(made, Generator):
        raise BadInput("not-a-module",
                       f"{spec.factory} returned a {type(made).__name__}, expected a PyTorch module or a function "
                       "from latents to images.")
    return made


def wrap(made: Generator | nn.Module | Callable[..., Any], spec: ModelSpec) -> Generator:
    if isinstance(made, Generator):
        return made
    return Wrapped(made, spec) if spec.latent == "none" else WrappedLatent(made, spec)
