"""Inverting images: the latents of a model from which it makes what is nearest to given images.

GANs and factories are searched by gradient descent (`ganbench.gan.latent.inversion`), the samplers of diffusion models
run backwards (`ganbench.gan.generators.backwards`).  On CPUs one image is inverted after another, so that what is found
for it does not depend on the others.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor

from ganbench.gan.generators.backwards import ITERATIONS, backwards, runs_backwards
from ganbench.gan.generators.base import LatentModel, asked_classes, seed_of
from ganbench.gan.images import check_range, to_float, to_nchw, to_uint8
from ganbench.gan.latent.inversion import (
    Budget,
    Chart,
    Decode,
    Features,
    Measure,
    anywhere,
    cube,
    decibels,
    search,
    shell,
    unwatched,
    whole,
)
from ganbench.gan.types import BadInput, ModelSpec

AT_ONCE = {"cpu": 1, "cuda": 32}    # images side by side; networks round differently at other batch sizes
SAMPLES = 1_000                     # latents from which the mean and the width of a mapped space are estimated
MOST_CLASSES = 200                  # that are tried where the class is unknown
KEEPS = {"normal": shell, "uniform": cube, "mapped": anywhere}

Watch = Callable[[int, int, float], object]     # see `ganbench.gan.latent.inversion`; steps of all images together


@dataclass(frozen=True)
class Way:
    """How latents are looked for: in which space, for how long, from which starts.  A part of keys."""

    space: str
    budget: Budget = field(default_factory=Budget)
    seed: int = 0


@dataclass(frozen=True)
class Inverted:
    """What was found for n images."""

    space: str
    latents: np.ndarray         # (n, *shape) float32
    noise: Tensor               # (n, ...), as `LatentModel.split` gives it
    labels: tuple[int, ...]     # (n,) the classes; () of a model without
    images: np.ndarray          # (n, C, H, W) float32 in [-1, 1]: what the model makes of the latents
    histories: tuple[np.ndarray, ...] = ()      # losses on the way, one array for each image; () for samplers

    @property
    def pictures(self) -> np.ndarray:
        """(n, C, H, W) uint8."""
        return to_uint8(torch.from_numpy(self.images)).numpy()

    def decibels(self, targets: np.ndarray) -> np.ndarray:
        """(n,) PSNR of the uint8 images against the targets (n, C, H, W) uint8; infinite where they are equal."""
        apart = (self.pictures.astype(np.float64) - targets).reshape(len(targets), -1) / 127.5
        return decibels((apart**2).mean(1))


def invert(
    model: LatentModel, spec: ModelSpec, images: np.ndarray, way: Way, labels: Sequence[int] = (),
    noise: Tensor | None = None, device: str = "cpu", features: Features | None = None, watch: Watch = unwatched,
) -> Inverted:
    """The latents of images (n, C, H, W) uint8 of the model's own size and channels.

    `labels`: the class of each image; () where it is unknown: then every class is tried, and the best is kept.  `noise`
    (n, ...): what the model draws beside the latent, if it is known; otherwise zeros, its mean.  `features`: their
    squared differences are added to those of the pixels; see `search`.  `watch` is called after every step, and may
    raise to end the work.  What the model file does to images afterwards (resize, pad, crop) is not undone.
    """
    check_classes(model, spec, labels, len(images))
    noise = zeros(model, len(images)) if noise is None else noise
    size = 1 if runs_backwards(model) else AT_ONCE[torch.device(device).type]
    batches = range(0, len(images), size)
    parts = []
    for first in batches:
        here = slice(first, first + size)
        one = Batch(model, spec, to_float(torch.from_numpy(images[here])).to(device), tuple(labels[here]),
                    noise[here].to(device), way, features)
        parts.append(one.found(within(watch, first // size, len(batches))))
    return joined(parts)


def errors_of(targets: np.ndarray, found: Inverted) -> np.ndarray:
    """(n,) mean squared differences in [-1, 1] from (n, C, H, W) uint8, of what was found before it is rounded."""
    known = to_float(torch.from_numpy(targets)).numpy()
    return np.asarray(((found.images.astype(np.float64) - known) ** 2).reshape(len(known), -1).mean(1))


def strangeness_of(targets: np.ndarray, found: Inverted) -> np.ndarray:
    """(n,) how little images are like the model's own: the statistic of `ganbench.gan.range_test`.

    Of latents that were searched, the error.  A sampler that runs backwards comes back to nearly every image; there it
    is the mean square of the latent: minus the log-density of N(0, I), but for constants.
    """
    if found.histories:
        return errors_of(targets, found)
    return np.asarray((found.latents.astype(np.float64) ** 2).reshape(len(targets), -1).mean(1))


def within(watch: Watch, before: int, batches: int) -> Watch:
    """The `Watch` of one batch of several."""
    return lambda done, steps, found: watch(before * steps + done, batches * steps, found)


def joined(parts: Sequence[Inverted]) -> Inverted:
    return Inverted(
        parts[0].space, np.concatenate([part.latents for part in parts]), torch.cat([part.noise for part in parts]),
        tuple(label for part in parts for label in part.labels), np.concatenate([part.images for part in parts]),
        tuple(history for part in parts for history in part.histories))


def check_classes(model: LatentModel, spec: ModelSpec, labels: Sequence[int], n: int) -> None:
    classes = model.n_classes
    if labels and not classes:
        raise BadInput("missing-labels", f"{spec.name} has no classes: leave --classes out.")
    if labels and len(labels) != n:
        raise BadInput("labels-do-not-fit",
                       f"There are {len(labels)} classes for {n} {'image' if n == 1 else 'images'}, expected one for "
                       "each, or one for all.")
    wrong = next((label for label in labels if not 0 <= label < classes), None)
    if wrong is not None:
        raise BadInput("unfit-value", f"{spec.name} has no class {wrong}, only 0 to {classes - 1}.")
    if classes > MOST_CLASSES and not labels:
        raise BadInput("missing-labels",
                       f"{spec.name} has {classes:,} classes, and only up to {MOST_CLASSES} are tried: say with "
                       "--classes which one each image is of.")


def zeros(model: LatentModel, n: int) -> Tensor:
    """The mean of the noise that the model draws, for n images."""
    _, noise = model.split(model.draws([0], 0))
    return torch.zeros(n, *noise.shape[1:])


def as_floats(raw: Tensor, spec: ModelSpec) -> Tensor:
    """A model's output -> NCHW float in [-1, 1], differentiable; uint8 becomes numbers without a gradient."""
    images = to_nchw(raw, replace(spec, channels=None, resolution=None))
    if images.dtype == torch.uint8:
        return to_float(images)
    low, high = spec.output_range
    return images if (low, high) == (-1, 1) else (images - low) * (2 / (high - low)) - 1


@dataclass(frozen=True)
class Batch:
    """Images that are inverted side by side."""

    model: LatentModel
    spec: ModelSpec
    targets: Tensor             # (n, C, H, W) float in [-1, 1]
    labels: tuple[int, ...]     # (n,), or () if they are unknown
    noise: Tensor               # (n, ...)
    way: Way
    features: Features | None = None
    measure: Measure = whole    # what is compared; then the targets are measurements (n, ...)
    prior: float = 0.0          # of the search; see `ganbench.gan.latent.inversion.search`

    def found(self, watch: Watch) -> Inverted:
        return self.sampled(watch) if runs_backwards(self.model) else self.searched(watch)

    def searched(self, watch: Watch) -> Inverted:
        """By gradient descent, from the starts of `starts_of`."""
        told = self.classes(self.starts)
        starts = starts_of(self.model, self.way, told, len(self.targets), self.starts).to(self.targets)
        chart = chart_of(self.model, self.way)
        chart = replace(chart, centre=chart.centre.to(self.targets))
        found = search(self.decoder(told), self.targets, starts, chart, self.way.budget, self.features, watch=watch,
                       measure=self.measure, prior=self.prior)
        check_range(found.images.cpu(), (-1, 1), self.spec.name)
        chosen = () if told is None else tuple(told[torch.arange(len(told)), found.starts.cpu()].tolist())
        return Inverted(self.way.space, found.latents.cpu().numpy(), self.noise.cpu(), chosen,
                        found.images.cpu().numpy(), tuple(found.histories))

    @property
    def starts(self) -> int:
        """As many as there are asked for, and at least one of each class that is tried."""
        tried = self.model.n_classes if not self.labels else 1
        return max(self.way.budget.starts, tried)

    def classes(self, k: int) -> Tensor | None:
        """(n, k) int64: the class of each start."""
        if not self.model.n_classes:
            return None
        if self.labels:
            return torch.tensor(self.labels)[:, None].expand(-1, k)
        return (torch.arange(k) % self.model.n_classes).expand(len(self.targets), -1)

    def decoder(self, told: Tensor | None) -> Decode:
        def decode(latents: Tensor, rows: Tensor) -> Tensor:
            labels = None if told is None else told.to(latents.device)[rows[:, 0], rows[:, 1]]
            return as_floats(self.model.decode(latents, self.noise[rows[:, 0]], labels, self.way.space), self.spec)

        return decode

    def sampled(self, watch: Watch) -> Inverted:
        """By the sampler backwards; of several classes that which comes nearest on the way there."""
        tries = [self.sampled_as(label, watch) for label in self.labels or range(max(1, self.model.n_classes))]
        images = torch.stack([image for _, image in tries])
        best = int((images - self.targets.cpu()).square().flatten(1).mean(1).argmin())
        check_range(images[best : best + 1], (-1, 1), self.spec.name)
        label = (self.labels or tuple(range(self.model.n_classes)))[best : best + 1]
        return Inverted(self.way.space, tries[best][0].numpy()[None], self.noise.cpu(), label,
                        images[best : best + 1].numpy())

    @torch.no_grad()
    def sampled_as(self, label: int, watch: Watch) -> tuple[Tensor, Tensor]:
        """Of one image: the latent, and what the model makes of it."""
        told = torch.tensor([label], device=self.targets.device) if self.model.n_classes else None
        latent = backwards(self.model, self.targets, told, ITERATIONS,                  # type: ignore[arg-type]
                           lambda done, steps: watch(done, steps, float("nan")))
        image = as_floats(self.model.decode(latent, self.noise, told, self.way.space), self.spec)
        return latent[0].cpu(), image[0].cpu()


def first_space(model: LatentModel) -> str:
    return next(iter(model.spaces))


@torch.no_grad()
def chart_of(model: LatentModel, way: Way) -> Chart:
    """Normal and uniform latents as they are; of a mapped space the mean and width of latents of all classes."""
    space = model.spaces[way.space]
    if space.distribution != "mapped":
        return Chart(torch.zeros(space.shape), keep=KEEPS[space.distribution])
    labels = asked_classes(model, range(SAMPLES), seed_of(way.seed, "inversion")) if model.n_classes else None
    latents = mapped(model, way, range(SAMPLES), labels)
    return Chart(latents.mean(0), float(latents.var(0).mean().sqrt()))


def mapped(model: LatentModel, way: Way, indices: Sequence[int], labels: Tensor | None) -> Tensor:
    """Drawn latents in the space of the search, on the CPU."""
    device = device_of(model)
    drawn, _ = model.split(model.draws(indices, seed_of(way.seed, "inversion")))
    told = None if labels is None else labels.to(device)
    return model.to_space(drawn.to(device), first_space(model), way.space, told).cpu()


def device_of(model: object) -> torch.device:
    first = next(iter(model.parameters()), None) if isinstance(model, torch.nn.Module) else None
    return torch.device("cpu") if first is None else first.device


@torch.no_grad()
def starts_of(model: LatentModel, way: Way, told: Tensor | None, n: int, k: int) -> Tensor:
    """(n, k, *shape): drawn latents, the same for all images; in a mapped space the first start of each class is the
    mean of that class, as in Karras et al. 2020 (arXiv:1912.04958, section 5).  told: (n, k) classes."""
    rows = []
    for i in range(n):
        latents = mapped(model, way, range(k), None if told is None else told[i])
        if model.spaces[way.space].distribution == "mapped":
            classes = [None] if told is None else list(dict.fromkeys(told[i].tolist()))
            means = torch.stack([mean_of(model, way, label) for label in classes])
            latents = torch.cat([means, latents[len(means) :]])
        rows.append(latents)
    return torch.stack(rows)


def mean_of(model: LatentModel, way: Way, label: int | None) -> Tensor:
    """The mean of a mapped space, or of a class in it: (*shape,)."""
    labels = None if label is None else torch.full((SAMPLES,), label)
    return mapped(model, way, range(SAMPLES), labels).mean(0)
