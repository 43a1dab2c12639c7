"""A mixture of models: each image comes from one of them, chosen with the probability of its share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from ganbench.gan.generators.base import Generator, asked_classes
from ganbench.gan.philox import words
from ganbench.gan.types import BadInput


class Mixture:
    """Which model makes image i depends only on (seed, i), and so do that model's draws."""

    def __init__(self, models: Sequence[Generator], shares: Sequence[float]):
        self.models = list(models)
        self.bounds = torch.tensor(shares, dtype=torch.float64).cumsum(0)
        ranges = {tuple(model.output_range) for model in models}
        if len(ranges) > 1:
            raise BadInput("unequal-ranges",
                           f"The models of a mixture have different ranges: {', '.join(map(str, sorted(ranges)))}.")
        self.output_range: tuple[float, float] = models[0].output_range
        classes = {model.n_classes for model in models}
        self.n_classes: int = classes.pop() if len(classes) == 1 else 0     # if they differ, labels are drawn

    def draws(self, indices: Sequence[int], seed: int) -> Tensor:
        """(n, 2 + d) float64: the model's number, a label for models that need one though the mixture has none, and
        the model's own draws in d numbers, padded with zeros."""
        numbers = self.numbers(indices, seed)
        width = max(model.draws(indices[:1], seed).numel() for model in self.models)
        found = torch.zeros(len(indices), 2 + width, dtype=torch.float64)
        found[:, 0] = numbers
        for k, model in enumerate(self.models):
            mine = numbers == k
            if mine.any():
                own = [i for i, chosen in zip(indices, mine.tolist(), strict=True) if chosen]
                values = packed(model.draws(own, seed))
                found[mine, 1] = asked_classes(model, own, seed).double()
                found[mine, 2 : 2 + values.shape[1]] = values
        return found

    def numbers(self, indices: Sequence[int], seed: int) -> Tensor:
        """Which model makes each image, (n,) int64, from a separate uniform number of 53 bits."""
        places = torch.from_numpy((words(indices, seed, 1, "mixture") >> 11) * 2.0**-53)
        return (self.bounds[:-1] <= places * self.bounds[-1]).sum(1)

    def sample(self, draws: Tensor, labels: Tensor | None = None) -> Tensor:
        """Each model makes a whole batch with its own rows at their positions, so that an image does not depend on how
        many images of the batch come from the same model."""
        found: Tensor | None = None
        for k in range(len(self.models)):
            mine = draws[:, 0].round().long().cpu() == k
            if mine.any():
                made = self.batch_of(k, draws, mine, labels)
                found = torch.zeros_like(made) if found is None else found
                if found.shape != made.shape:
                    sizes = f"{tuple(found.shape[1:])} and {tuple(made.shape[1:])}"
                    raise BadInput("unequal-sizes", f"The models of a mixture make images of unequal shapes: {sizes}.")
                found[mine.to(made.device)] = made[mine.to(made.device)]
        assert found is not None
        return found

    def batch_of(self, k: int, draws: Tensor, mine: Tensor, labels: Tensor | None) -> Tensor:
        """The model's images for its own rows; for the others it draws the first of its own once more."""
        first = int(mine.nonzero()[0])
        rows = torch.where(mine, torch.arange(len(draws)), first)
        model, own = self.models[k], self.models[k].draws([0], 0)
        values = unpacked(draws[rows.to(draws.device), 2 : 2 + own.numel()], own.dtype).reshape(-1, *own.shape[1:])
        if not model.n_classes:
            return model.sample(values)
        chosen = draws[:, 1].round().long() if labels is None else labels
        return model.sample(values, chosen[rows.to(chosen.device)])


def packed(draws: Tensor) -> Tensor:
    """Draws of n images in n rows of float64; int64, as seeds are, keeps its bits."""
    flat = draws.reshape(len(draws), -1)
    return flat.view(torch.float64) if flat.dtype == torch.int64 else flat.double()


def unpacked(rows: Tensor, dtype: torch.dtype) -> Tensor:
    return rows.contiguous().view(torch.int64) if dtype == torch.int64 else rows.to(dtype)


def checked_shares(arguments: Mapping[str, Any]) -> tuple[list[str], list[float]]:
    """Models and shares of a mixture's model file; shares need not add up to 1."""
    unknown = arguments.keys() - {"models", "shares"}
    if unknown:
        raise BadInput("unknown-argument", f"A mixture has no argument {min(unknown)!r}, only models and shares.")
    models, shares = arguments.get("models"), arguments.get("shares")
    good = isinstance(models, Sequence) and not isinstance(models, str) and len(models) > 0
    if not good or not all(isinstance(name, str) for name in models or ()):
        raise BadInput("unfit-value", f'A mixture needs models = ["zoo:NAME", "FILE.toml", ...], got {models!r}.')
    numbers = isinstance(shares, Sequence) and all(type(share) in (int, float) and share >= 0 for share in shares)
    if not numbers or len(shares or ()) != len(models or ()) or not sum(shares or ()):
        raise BadInput("unfit-value",
                       f"A mixture of {len(models or ())} models needs as many shares, none below 0 and not all 0, got "
                       f"{shares!r}.")
    return list(models or ()), [float(share) for share in shares or ()]
