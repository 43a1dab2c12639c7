"""Generators whose networks are run by ONNX Runtime; whatever loops over a network stays in Python."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from threading import Lock
from typing import Any

import torch
from torch import Tensor

from ganbench.gan.backend import Run, start_onnx
from ganbench.gan.generators.base import Generator


def compiled(generator: Any, methods: Sequence[str]) -> Generator:
    """The generator with these methods run by ONNX Runtime: the same images up to rounding.  Weights are read once."""
    fast = copy.copy(generator)
    for name in methods:
        setattr(fast, name, by_onnx(getattr(generator, name)))
    return fast


def by_onnx(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """A pure function of tensors, or None, compiled for each combination of shapes when it first comes."""
    runs: dict[tuple[torch.Size | None, ...], Run] = {}
    compiling = Lock()

    def run(*given: Tensor | None) -> Tensor:
        shapes, tensors = tuple(one if one is None else one.shape for one in given), [x for x in given if x is not None]
        with compiling:
            if shapes not in runs:
                runs[shapes] = start_onnx(lambda *some: function(*filled(given, some)), tensors)
        (found,) = runs[shapes](*tensors)
        return torch.from_numpy(found)

    return run


def filled(given: Sequence[Tensor | None], tensors: Sequence[Tensor]) -> list[Tensor | None]:
    """The tensors where there are some, None elsewhere."""
    rest = iter(tensors)
    return [one if one is None else next(rest) for one in given]
