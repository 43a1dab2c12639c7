"""Generators whose networks are run by ONNX Runtime; whatever loops over a network stays in Python."""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable, Sequence
from threading import Lock
from typing import Any

import torch
from torch import Tensor

from ganbench.gan.backend import start_onnx
from ganbench.gan.generators.base import Generator

logger = logging.getLogger("ganbench")


CLOSE = 1e-3        # of the largest number that torch gives; both compute in float32, and differ by 1e-6


def compiled(generator: Any, methods: Sequence[str]) -> Generator:
    """The generator with these methods run by ONNX Runtime: the same images up to rounding.  Weights are read once."""
    fast = copy.copy(generator)
    for name in methods:
        setattr(fast, name, by_onnx(getattr(generator, name)))
    return fast


def by_onnx(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """A pure function of tensors, or None, compiled for each combination of shapes when it first comes."""
    runs: dict[tuple[torch.Size | None, ...], Callable[..., Tensor]] = {}
    compiling = Lock()

    def run(*given: Tensor | None) -> Tensor:
        shapes = tuple(one if one is None else one.shape for one in given)
        with compiling:
            if shapes not in runs:
                runs[shapes] = faithful(function, given)
        return runs[shapes](*given)

    return run


def faithful(function: Callable[..., Tensor], given: Sequence[Tensor | None]) -> Callable[..., Tensor]:
    """The function run by ONNX Runtime, or by torch as before, where it has an operation without an ONNX form, or what
    ONNX Runtime makes of these inputs is not what torch makes of them.  Which one it is depends on the model alone."""
    right = function(*given)
    try:
        fast = start(function, given)
        found = fast(*given)
    except Exception as error:      # of tracing, of ONNX or of ONNX Runtime: checkpoints have operations of all sorts
        logger.info("Torch draws the images, since ONNX Runtime cannot: %s", error)
        return function
    far = float((found - right).abs().max()) if found.shape == right.shape else float("inf")
    if not far <= CLOSE * max(1.0, float(right.abs().max())):
        logger.info("Torch draws the images, since those of ONNX Runtime differ by %g.", far)
        return function
    return fast


def start(function: Callable[..., Tensor], given: Sequence[Tensor | None]) -> Callable[..., Tensor]:
    run = start_onnx(lambda *some: function(*filled(given, some)), [one for one in given if one is not None])

    def call(*now: Tensor | None) -> Tensor:
        (found,) = run(*[one for one in now if one is not None])
        return torch.from_numpy(found)

    return call


def filled(given: Sequence[Tensor | None], tensors: Sequence[Tensor]) -> list[Tensor | None]:
    """The tensors where there are some, None elsewhere."""
    rest = iter(tensors)
    return [one if one is None else next(rest) for one in given]
