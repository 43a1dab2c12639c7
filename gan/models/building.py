"""Building a generator from its arguments, and loading its weights."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from ganbench.gan.checkpoints import load_into
from ganbench.gan.generators.base import Generator
from ganbench.gan.types import BadInput, ModelSpec
from ganbench.gan.usercode import first_line

Made = TypeVar("Made")


def made(
    family: str, make: Callable[..., Generator], arguments: Mapping[str, Any], latent: str = "normal"
) -> Generator:
    """The generator of a family, with newly initialised weights; the global random state is not changed."""
    known = inspect.signature(make).parameters
    unknown = [name for name in arguments if name not in known]
    if unknown:
        raise BadInput("unknown-argument", f"Family {family} has no argument {unknown[0]!r}, only {', '.join(known)}.")
    for name, value in arguments.items():
        default = known[name].default
        if isinstance(default, int | str) and (type(value) is not type(default) or (default and not value)):
            raise BadInput("unfit-value", f"Family {family}: {name} is {value!r}, expected something like {default!r}.")
    if latent != "normal":
        if "latent" not in known:
            raise BadInput("conflicting-options",
                           f"Family {family} knows its own latents: leave latent = {latent!r} out.")
        arguments = {"latent": latent, **arguments}
    try:
        with torch.random.fork_rng(devices=[]):
            return make(**arguments)
    except Exception as error:
        said = ", ".join(f"{name} = {value!r}" for name, value in arguments.items()) or "no arguments"
        raise BadInput("unfit-value", f"Family {family} cannot be made with {said}: {first_line(error)}.") from error


def filled(made: Made, state: Mapping[str, Tensor], spec: ModelSpec, device: str) -> Made:
    """A module with its weights, frozen, in eval mode and on the device; other objects are not changed."""
    if isinstance(made, nn.Module):
        if spec.weights:
            load_into(made, state, spec.weights, spec.family or spec.factory)
        return made.eval().requires_grad_(False).to(device)
    if spec.weights:
        raise BadInput("not-a-module",
                       f"{spec.factory} returned a {type(made).__name__}, into which {spec.weights} cannot be loaded: "
                       "expected a PyTorch module.")
    return made
