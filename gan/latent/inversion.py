"""Which latent a generator makes a given image from: gradient descent from several starts.

The search is that of Karras et al. 2020 (arXiv:1912.04958, section 5 and appendix D: Adam, its rate ramped up and down,
beginning at the mean of W) and, in W+, of Abdal et al. 2019 (arXiv:1904.03189), but from several starts instead of with
noise that is added to one: after some steps the best of them go on.  Nothing is drawn here, so that the same starts
give the same latents.

Steps are taken in coordinates in which latents have variance 1 (`Chart`), so that one rate fits Z and every W.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from scipy.stats import chi
from torch import Tensor

from ganbench.gan.types import BadInput

BETAS, EPSILON = (0.9, 0.999), 1e-8     # Kingma & Ba 2015, arXiv:1412.6980, algorithm 1
UP, DOWN = 0.05, 0.25                   # shares of the steps in which the rate rises, and falls (Karras 2020)
OUTSIDE = 1e-3                          # share of normal latents that `shell` moves

Decode = Callable[[Tensor, Tensor], Tensor]     # latents (m, *shape), (m, 2) of image and start -> (m, C, H, W)
Keep = Callable[[Tensor], Tensor]
Features = Callable[[Tensor], Tensor]           # images (m, C, H, W) -> (m, d), differentiable
Measure = Callable[[Tensor], Tensor]            # images (m, C, H, W) -> what is known of them (m, ...), differentiable
Watch = Callable[[int, int, float], object]     # steps done, of how many, and the median over images of the best dB


def unwatched(done: int, steps: int, decibels: float) -> None:
    """A `Watch` that does nothing.  One that raises ends the search; nothing is left behind."""


def whole(images: Tensor) -> Tensor:
    """A `Measure`: everything is known."""
    return images


def anywhere(latents: Tensor) -> Tensor:
    """All latents are allowed."""
    return latents


def shell(latents: Tensor) -> Tensor:
    """Latents (m, d) with their lengths cut to what all but one in a thousand of N(0, I) have.

    Those lie in a shell around sqrt(d); a network has seen nothing of what is inside or outside it.  Unlike the sphere
    of radius sqrt(d), the shell holds the latents of nearly all of a model's own images, whose lengths matter.
    """
    flat = latents.flatten(1)
    low, high = lengths(flat.shape[1])
    length = flat.norm(dim=1, keepdim=True).clamp_min(1e-12)
    return (flat * (length.clamp(low, high) / length)).view_as(latents)


@lru_cache(maxsize=64)
def lengths(d: int) -> tuple[float, float]:
    """Between which the length of a latent of N(0, I) in d dimensions lies, but for a share of OUTSIDE."""
    low, high = chi.ppf([OUTSIDE / 2, 1 - OUTSIDE / 2], d)
    return float(low), float(high)


def cube(latents: Tensor) -> Tensor:
    """Latents cut to [-1, 1], as those of U(-1, 1) are."""
    return latents.clamp(-1, 1)


@dataclass(frozen=True)
class Chart:
    """Coordinates u of a latent space: its latents are centre + scale u, and u has about variance 1.

    `keep` moves latents to where the space has some, after every step.
    """

    centre: Tensor          # (*shape,)
    scale: float = 1.0
    keep: Keep = anywhere

    def latents(self, coordinates: Tensor) -> Tensor:
        return self.centre + self.scale * coordinates

    def coordinates(self, latents: Tensor) -> Tensor:
        return (latents - self.centre) / self.scale

    def kept(self, coordinates: Tensor) -> Tensor:
        return self.coordinates(self.keep(self.latents(coordinates)))


@dataclass(frozen=True)
class Budget:
    """How long is searched: `starts` for `trial` steps, then the best `kept` of them until `steps`."""

    starts: int = 8
    steps: int = 300
    trial: int = 60
    kept: int = 2
    rate: float = 0.1       # in standard deviations of the latents, while it is highest

    def __post_init__(self) -> None:
        if self.starts < 1 or self.steps < 1 or self.kept < 1 or self.trial < 0 or not 0 < self.rate < math.inf:
            raise BadInput("unfit-value",
                           f"An inversion has starts, kept starts and steps from 1 on and a rate above 0, got "
                           f"{self.starts} starts, {self.kept} of them kept, {self.steps} steps and a rate of "
                           f"{self.rate:g}.")

    def rate_at(self, step: int) -> float:
        """Rises along a line, stays, and falls along a cosine.  Karras et al. 2020, appendix D."""
        left = min(1.0, (1 - step / self.steps) / DOWN)
        return self.rate * min(1.0, (step + 1) / self.steps / UP) * (0.5 - 0.5 * math.cos(math.pi * left))


@dataclass(frozen=True)
class Found:
    """What is nearest to each of n images."""

    latents: Tensor         # (n, *shape)
    images: Tensor          # (n, C, H, W), as `decode` gives them
    starts: Tensor          # (n,) int64: the number of the best start
    losses: Tensor          # (n,)
    histories: np.ndarray   # (n, steps) float32: losses on the way of the best start

    @property
    def decibels(self) -> np.ndarray:
        """(n,) by `losses`, which are of pixels alone if no features were given."""
        return decibels(self.losses.cpu().numpy())


def decibels(error: np.ndarray) -> np.ndarray:
    """PSNR = 10 log10(peak^2 / error) of mean squared errors of images in [-1, 1], whose peak is 2; infinite at 0."""
    with np.errstate(divide="ignore"):
        return np.asarray(10 * np.log10(4 / np.asarray(error, np.float64)))


class Adam:
    """Adam of rows that do not know of each other, some of which may be dropped."""

    def __init__(self, like: Tensor):
        self.mean, self.square, self.steps = torch.zeros_like(like), torch.zeros_like(like), 0

    def step(self, gradient: Tensor, rate: float) -> Tensor:
        """What the rows are changed by."""
        self.steps += 1
        self.mean.lerp_(gradient, 1 - BETAS[0])
        self.square.lerp_(gradient.square(), 1 - BETAS[1])
        mean, square = self.mean / (1 - BETAS[0] ** self.steps), self.square / (1 - BETAS[1] ** self.steps)
        return -rate * mean / (square.sqrt() + EPSILON)

    def keep(self, rows: Tensor) -> None:
        self.mean, self.square = self.mean[rows], self.square[rows]


def search(
    decode: Decode, targets: Tensor, starts: Tensor, chart: Chart, budget: Budget, features: Features | None = None,
    weight: float = 1.0, watch: Watch = unwatched, measure: Measure = whole, prior: float = 0.0,
) -> Found:
    """The latents whose images are nearest to the targets, among those on the ways from the starts.

    targets (n, C, H, W) float in [-1, 1]; starts (n, k, *shape).  The loss of an image is the mean of its squared
    differences, and, if there are `features`, `weight` times that of theirs.  Every image and start has a way of its
    own; but a network rounds differently in batches of other sizes, so bits are the same only beside as many others.

    `measure`: what is compared of an image; then the targets are measurements (n, ...) in the range of images, as of a
    damaged one.  `prior` times the squared length of the coordinates is added to the loss (Bora et al. 2017,
    arXiv:1703.03209).
    """
    with torch.inference_mode(False), torch.enable_grad():
        loss = Loss(decode, targets.clone(), chart, features, weight, measure, prior)
        return searched(loss, starts.clone(), budget, watch)


class Loss:
    """The loss of coordinates, for the images that each row is compared with."""

    def __init__(
        self, decode: Decode, targets: Tensor, chart: Chart, features: Features | None, weight: float,
        measure: Measure = whole, prior: float = 0.0,
    ):
        self.decode, self.targets, self.chart, self.features, self.weight = decode, targets, chart, features, weight
        self.measure, self.prior = measure, prior
        self.known = features(targets).detach() if features else None

    def __call__(self, coordinates: Tensor, rows: Tensor) -> Tensor:
        """(m, *shape), and rows (m, 2) of images and starts -> (m,)."""
        images = self.decode(self.chart.latents(coordinates), rows)
        loss = (self.measure(images) - self.targets[rows[:, 0]]).square().flatten(1).mean(1)
        if self.prior:
            loss = loss + self.prior * coordinates.square().flatten(1).sum(1)
        if self.features is None or self.known is None:
            return loss
        return loss + self.weight * (self.features(images) - self.known[rows[:, 0]]).square().flatten(1).mean(1)

    def gradient(self, coordinates: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Losses (m,), and their gradient."""
        coordinates = coordinates.detach().requires_grad_()
        loss = self(coordinates, rows)
        if not loss.requires_grad:
            raise BadInput("not-differentiable",
                           "The model's images have no gradient with respect to its latents (numpy, uint8, or no_grad "
                           "in its code), expected what torch can differentiate.")
        return loss.detach(), torch.autograd.grad(loss.sum(), coordinates)[0]


def searched(loss: Loss, starts: Tensor, budget: Budget, watch: Watch) -> Found:
    """See `search`; gradients are on."""
    n, k = starts.shape[:2]
    rows = torch.cartesian_prod(torch.arange(n), torch.arange(k)).reshape(n * k, 2).to(starts.device)
    at = loss.chart.kept(loss.chart.coordinates(starts.flatten(0, 1)))
    adam, best, least = Adam(at), at.clone(), torch.full((n * k,), math.inf, device=at.device)
    history = np.full((n * k, budget.steps), np.inf, np.float32)
    for step in range(budget.steps):
        if step == budget.trial and k > budget.kept:
            going = best_of(least, n, budget.kept)
            adam.keep(going)
            rows, at, best, least = rows[going], at[going], best[going], least[going]
            history = history[going.cpu().numpy()]
        now, gradient = loss.gradient(at, rows)
        history[:, step], nearer = now.cpu(), now < least
        best[nearer], least = at[nearer], torch.minimum(now, least)
        at = loss.chart.kept(at + adam.step(gradient, budget.rate_at(step)))
        watch(step + 1, budget.steps, float(np.median(decibels(least.view(n, -1).amin(1).cpu().numpy()))))
    chosen = best_of(least, n, 1)
    latents = loss.chart.latents(best[chosen])
    with torch.no_grad():
        images = loss.decode(latents, rows[chosen])
    return Found(latents, images, rows[chosen, 1], least[chosen], history[chosen.cpu().numpy()])


def best_of(losses: Tensor, n: int, kept: int) -> Tensor:
    """The numbers of the `kept` rows of each of n images that have the smallest losses, in their order; (n kept,)."""
    each = losses.view(n, -1)
    places = each.argsort(dim=1, stable=True)[:, :kept].sort(1).values
    return (places + each.shape[1] * torch.arange(n, device=losses.device)[:, None]).flatten()
