"""Descent towards a style that is asked for little by little.

The statistics that are aimed at go from those of the content to those of the style while the steps go by, so that the
image after a share s of the steps is the image of strength s: one descent gives every strength, and an image of a
strength does not depend on which others are asked for.  (Huang & Belongie 2017, arXiv:1703.06868, equation 14, set the
strength by an interpolation of features in the same way.)

Each step is a few iterations of L-BFGS (Liu & Nocedal 1989), as Gatys et al. 2016 optimise.  Adam is worse here: its
first steps are as long as any other, however near the aim is, and break an image that hardly has to change.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ganbench.gan.applications.stylize.networks import Eyes
from ganbench.gan.applications.stylize.regions import Guide, object_in
from ganbench.gan.applications.stylize.statistics import between, squared, statistics, strayed
from ganbench.gan.images import to_uint8
from ganbench.gan.types import BadInput

REACHED = 0.8           # share of the steps at which the style's own statistics are aimed at; the rest settles
SILHOUETTE = 1.0        # the weight of what holds the background of an object, pixels in [-1, 1]
TINY = 1e-9
ALIKE = 5e-3            # relative distance of statistics below which there is nothing to change

Render = Callable[[], Tensor]                   # the images (n, C, H, W) float in [-1, 1] of what is learnt
Watch = Callable[[int, int], object]            # steps done, of how many


@dataclass(frozen=True)
class Descent:
    """`content`: the weight of what holds the content, beside a style loss that is 1 in the beginning."""

    steps: int = 20
    content: float = 0.3
    kind: str = "adain"
    inner: int = 4          # iterations of L-BFGS in a step

    def __post_init__(self) -> None:
        if self.steps < 1 or self.inner < 1 or not 0 <= self.content < math.inf:
            raise BadInput("unfit-value",
                           f"A style is approached in steps from 1 on, with a weight of content from 0 on, got "
                           f"{self.steps} and {self.content:g}.")

    def step_of(self, strength: float) -> int:
        return round(strength * self.steps)

    def aim_at(self, step: int) -> float:
        """How far the statistics that are aimed at are on their way to the style's, 0 to 1."""
        return min(1.0, (step + 1) / (REACHED * self.steps))


class Aspect:
    """Statistics of one region, |s - aim|^2 / |s_0 - s_style|^2: masks of images and of the style, or everywhere."""

    def __init__(self, layers: Sequence[Tensor], theirs: Sequence[Tensor], kind: str, ours: Tensor | None = None,
                 mask: Tensor | None = None):
        self.kind, self.ours = kind, ours
        self.known, self.style = statistics(layers, kind, ours), statistics(theirs, kind, mask)
        apart = squared(self.known, self.style, self.style)
        self.apart, self.alike = float(apart.mean().clamp_min(TINY)), float(apart[0]) <= ALIKE**2

    def __call__(self, layers: Sequence[Tensor], t: float) -> Tensor:
        aim = between(self.known, self.style, t)
        return squared(statistics(layers, self.kind, self.ours), aim, self.style).mean() / self.apart


class Loss:
    """Style beside content: of every region its distance from the aim, + weight (1 - r), see `statistics`, and with a
    guide + SILHOUETTE |x - x_0|^2 where the content has no object."""

    def __init__(self, render: Render, eyes: Eyes, style: Tensor, descent: Descent, hold: Callable[[], Tensor] | None,
                 guide: Guide | None = None):
        self.render, self.eyes, self.descent, self.hold = render, eyes, descent, hold
        with torch.no_grad():
            self.first = render()
            (*layers, self.content), (*theirs, _) = eyes.maps(self.first), eyes.maps(style)
            self.aspects = [Aspect(layers, theirs, descent.kind)]
            self.outside = None
            if guide:
                masks = masks_of(guide.content, self.first)
                self.outside = 1 - masks
                self.aspects.append(Aspect(layers, theirs, descent.kind, masks, guide.style))
            self.alike = all(aspect.alike for aspect in self.aspects)

    def __call__(self, t: float) -> Tensor:
        """Where the statistics that are aimed at are a share t of the way to the style's."""
        images = self.render()
        if not images.requires_grad:
            raise BadInput("not-differentiable",
                           "The model's images have no gradient with respect to what is learnt (numpy, uint8, or "
                           "no_grad in its code), expected what torch can differentiate.")
        *layers, content = self.eyes.maps(images)
        loss = self.descent.content * strayed(content, self.content).mean()
        for aspect in self.aspects:
            loss = loss + aspect(layers, t)
        if self.outside is not None:
            moved = self.outside * (images - self.first).square()
            loss = loss + SILHOUETTE * moved.mean() / self.outside.mean().clamp_min(TINY)
        return loss if self.hold is None else loss + self.hold()


def masks_of(mask: Tensor, images: Tensor) -> Tensor:
    """(n, 1, H, W): the content's, which is the first of the images, and those of the others; all of an image without
    an object."""
    found = [object_in(pixels) for pixels in to_uint8(images[1:]).cpu().numpy()]
    others = [torch.ones_like(mask) if inside is None else mask.new_tensor(inside)[None, None] for inside in found]
    return torch.cat([mask, *others])


def descend(
    learnt: Sequence[Tensor], render: Render, eyes: Eyes, style: Tensor, strengths: Sequence[float], descent: Descent,
    hold: Callable[[], Tensor] | None = None, watch: Watch = lambda done, steps: None, guide: Guide | None = None,
) -> list[Tensor]:
    """The first image, (1, C, H, W), of each strength; `learnt` is left as it is at the largest one.

    `style` (1, C, H, W) float in [-1, 1]; the images that `render` gives in the beginning are the content, each of
    which keeps its own.  `hold`: a loss beside; `guide`: the objects, whose style counts as much as that of the whole
    images.  Where style and the first image have the same statistics, nothing is changed.
    """
    with torch.inference_mode(False), torch.enable_grad():
        loss = Loss(render, eyes, style.clone(), descent, hold, guide)
        wanted = {0} if loss.alike else {0, *map(descent.step_of, strengths)}
        shots: dict[int, Tensor] = {}
        optimiser = lbfgs(learnt, descent)
        for step in range(max(wanted) + 1):
            if step in wanted:
                shots[step] = shot(render)
            if step < max(wanted):
                improve(optimiser, learnt, loss, descent.aim_at(step))
                watch(step + 1, max(wanted))
    return [shots.get(descent.step_of(strength), shots[0]) for strength in strengths]


@torch.no_grad()
def shot(render: Render) -> Tensor:
    return render()[:1].clone()


def lbfgs(learnt: Sequence[Tensor], descent: Descent) -> torch.optim.LBFGS:
    return torch.optim.LBFGS(list(learnt), max_iter=descent.inner, max_eval=2 * descent.inner, history_size=10,
                             line_search_fn="strong_wolfe", tolerance_grad=TINY, tolerance_change=TINY**2)


def improve(optimiser: torch.optim.LBFGS, learnt: Sequence[Tensor], loss: Loss, t: float) -> None:
    def closure() -> Tensor:
        optimiser.zero_grad()
        found = loss(t)
        found.backward(inputs=list(learnt))
        return found

    optimiser.step(closure)
