"""What became of style, content and class at each strength, in the eyes of a network that has not optimised."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch

from ganbench.gan.applications.stylize.networks import Eyes
from ganbench.gan.applications.stylize.regions import Guide
from ganbench.gan.applications.stylize.statistics import distance
from ganbench.gan.features.base import Extractor
from ganbench.gan.features.passing import extract
from ganbench.gan.images import to_float
from ganbench.gan.latent.inversion import decibels

HALVED = 0.5            # of the distance that is left at the largest strength
SLACK = 0.02            # of the distance at strength 0, by which it may rise from one strength to the next
VISIBLE = 1             # levels of 255: what differs by no more is called unchanged


@dataclass(frozen=True)
class Step:
    """One strength.  Distances of style are relative, see `ganbench.gan.applications.stylize.statistics`."""

    strength: float
    style: float                        # in the eyes of the judging network, in the region that is looked at
    whole: float                        # and of the whole image
    optimised: float | None             # and in those of the optimising one; None: none optimised
    vgg: float | None                   # and in VGG's, where its weights are given
    content: float                      # 1 - correlation of the judging network's coarsest maps with those at 0
    decibels: float                     # PSNR against the content image; infinite where it is that
    label: int | None                   # the class that the classifier sees; None: there is no classifier
    unchanged: bool                     # against the image of strength 0


@dataclass(frozen=True)
class Judgement:
    """What the steps amount to."""

    steps: tuple[Step, ...]             # by strength; the first one is 0
    label: int | None = None            # the class of the content image itself; None: there is no classifier

    @property
    def left(self) -> float:
        """Which share of the distance of style is left at the largest strength; 1 where there was none."""
        return share(self.steps[-1].style, self.steps[0].style)

    @property
    def left_whole(self) -> float:
        """The same of the whole image."""
        return share(self.steps[-1].whole, self.steps[0].whole)

    @property
    def monotone(self) -> bool:
        styles, slack = [step.style for step in self.steps], SLACK * self.steps[0].style
        return all(after <= before + slack for before, after in pairwise(styles))

    @property
    def kept(self) -> bool | None:
        """Whether the class at the largest strength is that of the content image."""
        return None if self.label is None else self.steps[-1].label == self.label

    @property
    def unchanged(self) -> bool:
        return all(step.unchanged for step in self.steps)


def share(last: float, first: float) -> float:
    return last / first if first > 0 else 1.0


def measured(
    images: np.ndarray, strengths: Sequence[float], content: np.ndarray, style: np.ndarray, judge: Eyes,
    optimiser: Eyes | None = None, vgg: Eyes | None = None, classifier: Extractor | None = None, kind: str = "adain",
    device: str = "cpu",
    guide: Guide | None = None,
) -> Judgement:
    """images (n, C, H, W) uint8 of the strengths, of which the first one is 0; content and style (C, H, W) uint8;
    `guide`: where statistics are taken, of all images where the content's object was."""
    apart = [None if eyes is None else distances(images, style, eyes, kind, device, guide)
             for eyes in (judge, optimiser, vgg)]
    whole = distances(images, style, judge, kind, device)
    strayed = strayings(images, judge, device)
    labels, of_content = classes(images, classifier), classes(content[None], classifier)
    errors = ((images.astype(np.float64) - content) / 127.5).reshape(len(images), -1) ** 2
    noise = decibels(errors.mean(1))
    steps = []
    for i, strength in enumerate(strengths):
        numbers = [None if of is None else float(of[i]) for of in apart]
        label = None if labels is None else int(labels[i])
        steps.append(Step(strength, numbers[0] or 0.0, float(whole[i]), numbers[1], numbers[2], float(strayed[i]),
                          float(noise[i]), label, same(images[i], images[0])))
    return Judgement(tuple(steps), None if of_content is None else int(of_content[0]))


@torch.no_grad()
def distances(
    images: np.ndarray, style: np.ndarray, eyes: Eyes, kind: str, device: str, guide: Guide | None = None
) -> np.ndarray:
    """(n,) of images (n, C, H, W) uint8 from a style (C, H, W) uint8."""
    ours, theirs = (guide.content, guide.style) if guide else (None, None)
    aim = eyes.style(on(style[None], device), kind, theirs)
    return np.array([float(distance(eyes.style(on(image[None], device), kind, ours), aim)) for image in images])


@torch.no_grad()
def strayings(images: np.ndarray, eyes: Eyes, device: str) -> np.ndarray:
    """(n,) from the first image."""
    first = on(images[:1], device)
    return np.array([max(0.0, float(eyes.strayed(on(image[None], device), first))) for image in images])


def on(pixels: np.ndarray, device: str) -> torch.Tensor:
    return to_float(torch.from_numpy(pixels)).to(device)


def classes(images: np.ndarray, classifier: Extractor | None) -> np.ndarray | None:
    """(n,) the most probable class of each image."""
    if classifier is None:
        return None
    found = extract(images, classifier)
    return np.asarray(found.get("logits", found["features"]).argmax(1))


def same(image: np.ndarray, other: np.ndarray) -> bool:
    return int(np.abs(image.astype(np.int16) - other).max()) <= VISIBLE


def left_elsewhere(
    before: np.ndarray, after: np.ndarray, style: np.ndarray, eyes: Eyes, kind: str, device: str
) -> float:
    """Which share of the distance of style is left of other images, (n, C, H, W) uint8, in the mean."""
    was, now = (distances(images, style, eyes, kind, device).mean() for images in (before, after))
    return float(now / was) if was > 0 else math.nan
