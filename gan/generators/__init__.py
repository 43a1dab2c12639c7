"""GENERATORS: the families of models that are loaded by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from gan.generators import dcgan
from gan.generators.base import Generator

__all__ = ["GENERATORS", "Family", "Generator"]


@dataclass(frozen=True)
class Family:
    """How a family is made, and how a checkpoint's shapes tell its arguments."""

    make: Callable[..., Generator]                          # called with the arguments by name
    arguments_of: Callable[[Mapping[str, Tensor]], dict[str, Any]]      # {} where the shapes are not its own
    what: str
    paper: str


GENERATORS = {
    "dcgan": Family(dcgan.DCGAN, dcgan.arguments_of, "transposed convolutions with BatchNorm, as in PyTorch's tutorial",
                    "Radford, Metz & Chintala 2016, arXiv:1511.06434"),
}  # fmt: skip
