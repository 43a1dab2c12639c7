"""Rejection sampling: images of a model are accepted with a probability that increases with a density ratio.

Azadi et al. 2019, "Discriminator Rejection Sampling", arXiv:1810.06758; Turner et al. 2019, arXiv:1811.11357.  The
ratio is fitted by `ganbench.gan.rejection` after training, from the model's images alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from ganbench.gan.checkpoints import read_head, read_safetensors
from ganbench.gan.files import atomic_write
from ganbench.gan.generators.base import Generator, seed_of
from ganbench.gan.images import from_model
from ganbench.gan.philox import words
from ganbench.gan.types import BadInput, ModelSpec

ATTEMPTS = 8
Features = Callable[[np.ndarray], np.ndarray]      # (n, C, H, W) uint8 -> (n, d)


@dataclass(frozen=True)
class Ratio:
    """log r(x) = a (w' P' (x - mean) + bias) + b, r the density of real features over that of generated ones; float64.

    A calibrated logistic regression on k standardised principal components.
    """

    mean: np.ndarray            # (d,)
    projection: np.ndarray      # P (d, k), scaled to variance 1 on the images of the fit
    weights: np.ndarray         # w (k,)
    bias: float
    a: float                    # slope of Platt's calibration, at least 0
    b: float
    log_bound: float            # log c: an image is accepted with probability min(1, r / c)
    extractor: str = ""         # digest of the extractor whose features these are

    def log_ratio(self, features: np.ndarray) -> np.ndarray:
        """(n, d) features -> log r, (n,) float64."""
        if features.ndim != 2 or features.shape[1] != len(self.mean):
            raise BadInput("unequal-features",
                           f"The density ratio takes features of length {len(self.mean)}, got {features.shape}.")
        logits = (features.astype(np.float64) - self.mean) @ (self.projection @ self.weights) + self.bias
        return self.a * logits + self.b

    def chances(self, log_ratio: np.ndarray) -> np.ndarray:
        """min(1, r / c), (n,) float64."""
        return np.exp(np.minimum(log_ratio - self.log_bound, 0))

    def save(self, path: Path) -> None:
        """A .safetensors file; the same ratio makes the same bytes."""
        values = asdict(self)
        extractor = values.pop("extractor")
        tensors = {name: torch.tensor(value, dtype=torch.float64).contiguous() for name, value in values.items()}
        atomic_write(path, lambda file: save_file(tensors, file, {"extractor": extractor}))


def load_ratio(path: Path) -> Ratio:
    """What `Ratio.save` wrote."""
    read_head(path)
    found = {name: value.numpy() for name, value in read_safetensors(path).items()}
    d, k = found["projection"].shape if "projection" in found and found["projection"].ndim == 2 else (0, 0)
    numbers = ("bias", "a", "b", "log_bound")
    shapes: dict[str, tuple[int, ...]] = dict.fromkeys(numbers, ())
    shapes |= {"mean": (d,), "projection": (d, k), "weights": (k,)}
    if {name: value.shape for name, value in found.items()} != shapes:
        raise BadInput("no-density-ratio",
                       f"{path} holds no density ratio: expected mean, projection, weights, {', '.join(numbers)} that "
                       f"fit together, found {', '.join(sorted(found)) or 'nothing'}.")
    if not all(np.isfinite(value).all() for value in found.values()):
        raise BadInput("weights-not-finite", f"{path} holds a density ratio with NaN or infinity.")
    with safe_open(path, "np") as file:
        extractor = (file.metadata() or {}).get("extractor", "")
    values: dict[str, Any] = {name: value.astype(np.float64) for name, value in found.items()}
    values |= {name: float(values[name]) for name in numbers}
    return Ratio(**values, extractor=extractor)


class Rejection:
    """The first accepted image of a number of attempts; if none is accepted, the one with the largest ratio.

    The draws of an attempt, and whether it is accepted, depend only on (seed, i, attempt).  All attempts for an image
    have the same label.
    """

    def __init__(self, model: Generator, spec: ModelSpec, ratio: Ratio, features: Features, attempts: int = ATTEMPTS):
        """`features`: the extractor that the ratio was fitted with."""
        self.model, self.spec, self.ratio, self.features, self.attempts = model, spec, ratio, features, attempts
        self.n_classes, self.output_range = model.n_classes, model.output_range
        own = model.draws([0], 0)
        self.shape, self.kind = own.shape[1:], own.dtype

    def draws(self, indices: Sequence[int], seed: int) -> Tensor:
        """(n, attempts, 1 + d): a uniform number in 53 bits, then the model's own draws; float64, or int64 as its own
        may be."""
        return torch.stack([self.attempt(indices, t, seed) for t in range(self.attempts)], 1)

    def attempt(self, indices: Sequence[int], t: int, seed: int) -> Tensor:
        """(n, 1 + d); the model draws each attempt with another seed."""
        values = self.model.draws(indices, seed_of(seed, f"attempt {t}")).reshape(len(indices), -1)
        kind = torch.float64 if values.is_floating_point() else torch.int64
        uniform = (words(indices, seed, 1, f"uniform {t}") >> 11).astype(np.int64)
        return torch.cat([torch.from_numpy(uniform).to(kind), values.to(kind)], 1)

    def sample(self, draws: Tensor, labels: Tensor | None = None) -> Tensor:
        """Each attempt is a whole batch with rows at their positions; stops once all are accepted."""
        found = self.made(draws[:, 0], labels)
        largest, accepted = np.full(len(draws), -np.inf), np.zeros(len(draws), bool)
        for t in range(self.attempts):
            images = found if t == 0 else self.made(draws[:, t], labels)
            log_ratio = self.log_ratio(images)
            good = draws[:, t, 0].cpu().double().numpy() / 2**53 < self.ratio.chances(log_ratio)
            taken = ~accepted & (good | (log_ratio > largest))
            place = torch.from_numpy(taken).to(images.device)
            found = torch.where(place.reshape(-1, *[1] * (images.ndim - 1)), images, found)
            largest, accepted = np.where(taken, log_ratio, largest), accepted | good
            if accepted.all():
                break
        return found

    def made(self, draws: Tensor, labels: Tensor | None) -> Tensor:
        values = draws[:, 1:].reshape(-1, *self.shape).to(self.kind)
        return self.model.sample(values, labels) if self.n_classes else self.model.sample(values)

    def log_ratio(self, images: Tensor) -> np.ndarray:
        """Of what the model put out -> (n,) float64."""
        pixels = from_model(images.cpu(), self.spec).numpy()
        return self.ratio.log_ratio(self.features(pixels))


@dataclass(frozen=True)
class Settings:
    """The [arguments] of a model file of this family."""

    model: str                  # what `resolve` takes
    ratio: str                  # a .safetensors file, see `Ratio`
    extractor: str              # a row of EXTRACTORS, or a user's own, that the ratio was fitted with
    attempts: int = ATTEMPTS


def checked_settings(arguments: Mapping[str, Any]) -> Settings:
    known = ("model", "ratio", "extractor", "attempts")
    if unknown := arguments.keys() - set(known):
        raise BadInput("unknown-argument", f"A rejection has no argument {min(unknown)!r}, only {', '.join(known)}.")
    examples = {"model": "zoo:NAME", "ratio": "FILE.safetensors", "extractor": "efficientnet_lite0"}
    for name, example in examples.items():
        if not isinstance(value := arguments.get(name), str) or not value:
            raise BadInput("unfit-value", f'A rejection needs {name} = "{example}", got {value!r}.')
    attempts = arguments.get("attempts", ATTEMPTS)
    if type(attempts) is not int or not 1 <= attempts <= 1_000:
        raise BadInput("unfit-value", f"A rejection makes 1 to 1,000 attempts, got {attempts!r}.")
    return Settings(**{name: arguments[name] for name in examples}, attempts=attempts)
