"""METHODS: four ways to a style, behind one interface.  Each says in words which models it does not fit.

`mixing`: styles of later layers of a StyleGAN2 (Karras et al. 2019, arXiv:1812.04948, section 3.1).
`tuning`: a copy of the generator is tuned around the content's latent (Roich et al. 2021, arXiv:2106.05744).
`statistics`: the generator as a whole is adapted to the one style image, or the latent alone is moved.
`sdedit`: noise and back, of diffusion and flow models (Meng et al. 2022, arXiv:2108.01073).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ganbench.gan.applications.stylize.networks import Eyes
from ganbench.gan.applications.stylize.noising import sdedit
from ganbench.gan.applications.stylize.pictures import Picture, placed
from ganbench.gan.applications.stylize.ramp import Descent, descend
from ganbench.gan.applications.stylize.regions import Guide
from ganbench.gan.generators.backwards import runs_backwards
from ganbench.gan.generators.base import LatentModel, asked_classes, seed_of
from ganbench.gan.generators.diffusion import PROCESSES
from ganbench.gan.images import to_float, to_uint8
from ganbench.gan.inversion import Inverted, Way, as_floats, chart_of, first_space
from ganbench.gan.latent.pivot import Tuning, apart, tuned
from ganbench.gan.types import BadInput, ModelSpec
from ganbench.gan.watching import Show, hundredths

PIVOTAL = 100           # steps of pivotal tuning, which brings a photo into the copy's range
LOCALITY, NEAR, OTHERS = 0.1, 0.5, 2        # the weight of what holds images of other latents, where, and how many
DRAWN = 1               # images of the model that are adapted together with the content
WITNESSES = 16          # and others, of which the change is measured
ELSEWHERE = "stylize"   # the name of their draws
LAYERED = 700           # steps of inversion in W+, which has more to find: 300 leave 4 dB to be had
FAR = 0.25              # the time of strength 1 of SDEdit, where it is not the class that changes the image
LEARN = ("generator", "latent")
STEER = ("statistics", "class")


@dataclass(frozen=True, eq=False)
class Scene:
    """What is asked of a method."""

    model: LatentModel
    spec: ModelSpec
    content: Picture
    style: Picture
    eyes: Eyes                      # the network that optimises
    descent: Descent
    way: Way                        # how files are inverted; its space is chosen by the method
    layers: str = ""
    learn: str = LEARN[0]
    steer: str = STEER[0]
    device: str = "cpu"
    guide: Guide | None = None      # where the objects are; None: statistics of whole images

    @property
    def aim(self) -> Tensor:
        """The style image, (1, C, H, W) float in [-1, 1]."""
        return floats(self.style.pixels, self.device)

    def found(self, picture: Picture, space: str, show: Show) -> Inverted:
        what = "inversion" if picture is self.content else "inversion of the style"
        show(what, 0, 100)
        return placed(self.model, self.spec, picture, replace(self.way, space=space), self.device,
                      hundredths(show, what))


@dataclass(frozen=True, eq=False)
class Adapted:
    """A copy of the model, and what it makes of other latents: their root mean square change in levels of 255, and
    their distance from the style in the judging network's eyes over what it was."""

    model: LatentModel
    drift: float
    before: np.ndarray              # (n, C, H, W) uint8: images of other latents, by the model
    after: np.ndarray               # and by the copy


@dataclass(frozen=True, eq=False)
class Drawn:
    """Images (n, C, H, W) uint8 of the strengths, by name what was done, and which network optimised; '': none."""

    images: np.ndarray
    how: str
    optimised: str = ""
    adapted: Adapted | None = None


@dataclass(frozen=True)
class Method:
    """`unfit`: why a model cannot have it, as the end of a sentence, or ''."""

    unfit: Callable[[Any, ModelSpec], str]
    draw: Callable[[Scene, Sequence[float], Show], Drawn]
    what: str


def floats(pixels: np.ndarray, device: str) -> Tensor:
    return to_float(torch.from_numpy(pixels[None])).to(device)


def pixels_of(images: Sequence[Tensor]) -> np.ndarray:
    return to_uint8(torch.cat([image.detach().cpu() for image in images])).numpy()


def space_for(model: LatentModel) -> str:
    """W where there is one."""
    return "w" if "w" in model.spaces else first_space(model)


def told(found: Inverted, device: str, n: int = 1) -> Tensor | None:
    return torch.tensor(found.labels, device=device).expand(n) if found.labels else None


# Mixing

def mixing(scene: Scene, strengths: Sequence[float], show: Show) -> Drawn:
    """W+ of both images; the styles of some layers go along a line from those of the content to those of the style."""
    model, device = scene.model, scene.device
    budget = replace(scene.way.budget, steps=max(LAYERED, scene.way.budget.steps))
    longer = replace(scene, way=replace(scene.way, budget=budget))
    a, b = (longer.found(picture, "w+", show) for picture in (scene.content, scene.style))
    rows = layers_in(scene.layers, model.spaces["w+"].shape[0])
    ours, theirs = (torch.from_numpy(found.latents).to(device) for found in (a, b))
    with torch.no_grad():
        images = [as_floats(model.decode(mixed(ours, theirs, rows, strength), a.noise.to(device), told(a, device),
                                         "w+"), scene.spec) for strength in strengths]
    return Drawn(pixels_of(images), f"layers {', '.join(map(str, rows))} of {model.spaces['w+'].shape[0]} in w+")


def mixed(ours: Tensor, theirs: Tensor, rows: Sequence[int], strength: float) -> Tensor:
    """(1, layers, d): some of the layers moved towards the others'."""
    found = ours.clone()
    found[:, list(rows)] = ours[:, list(rows)].lerp(theirs[:, list(rows)], strength)
    return found


def layers_in(text: str, n: int) -> list[int]:
    """`4-7` or `4,6`, from 0 on; '' the later half of n."""
    if not text:
        return list(range(n // 2, n))
    found: list[int] = []
    for word in text.split(","):
        parts = re.fullmatch(r"\s*([0-9]{1,4})(?:-([0-9]{1,4}))?\s*", word)
        first, last = (int(parts[1]), int(parts[2] or parts[1])) if parts else (1, 0)
        if not first <= last < n:
            raise BadInput("unfit-value",
                           f"The value of --layers has {word.strip()!r}, expected layers from 0 to {n - 1}, such as "
                           f"{n // 2}-{n - 1}.")
        found += [row for row in range(first, last + 1) if row not in found]
    return sorted(found)


def no_layers(model: Any, spec: ModelSpec) -> str:
    if not isinstance(model, LatentModel):
        return no_latents(spec)
    return "" if "w+" in model.spaces else (
        f"it has no latent for each layer (w+), as StyleGAN2 has, only {', '.join(model.spaces)}")


# Tuning and adapting: the weights of a copy

def tuning(scene: Scene, strengths: Sequence[float], show: Show) -> Drawn:
    """A copy is first tuned to the content, if that is a file, then towards the style; images of latents near the
    content's are held."""
    found = scene.found(scene.content, space_for(scene.model), show)
    network = scene.model if scene.content.place else pivotal(scene, found, show)
    return adapted_by(scene, network, found, strengths, show, "tuned around the content's latent", held=True)


def statistics(scene: Scene, strengths: Sequence[float], show: Show) -> Drawn:
    """The generator is adapted at the content's and other latents together, or the content's latent alone is moved."""
    if scene.learn == "latent":
        return moving(scene, strengths, show)
    found = scene.found(scene.content, space_for(scene.model), show)
    return adapted_by(scene, scene.model, found, strengths, show, "generator adapted as a whole", held=False)


def pivotal(scene: Scene, found: Inverted, show: Show) -> LatentModel:
    """A copy that makes the content from its latent; `ganbench.gan.latent.pivot`."""
    others, _ = drawn_near(scene, found, PIVOTAL, "pivotal")
    noise = found.noise.to(scene.device)

    def decode(network: LatentModel, latents: Tensor, rows: Tensor) -> Tensor:
        n = len(latents)
        return as_floats(network.decode(latents, noise.expand(n, *noise.shape[1:]), told(found, scene.device, n),
                                        found.space), scene.spec)

    show("tuning to the content", 0, 100)
    pivots, targets = torch.from_numpy(found.latents).to(scene.device), floats(scene.content.pixels, scene.device)
    return tuned(scene.model, decode, pivots, targets, others, Tuning(PIVOTAL),         # type: ignore[type-var]
                 hundredths(show, "tuning to the content"))


def adapted_by(
    scene: Scene, before: LatentModel, found: Inverted, strengths: Sequence[float], show: Show, how: str, held: bool
) -> Drawn:
    """Descent on the weights of a copy."""
    network: Any = deepcopy(before)
    network.to(memory_format=torch.contiguous_format)       # L-BFGS makes one vector of all weights
    learnt = [weight.requires_grad_() for weight in weights_of(network, found.space)]
    latents, labels = torch.from_numpy(found.latents).to(scene.device), told(found, scene.device)
    others, classes = drawn_near(scene, found, OTHERS if held else DRAWN, "held" if held else "drawn")
    noise = found.noise.to(scene.device)
    images = renderer(scene, noise, found.space)
    reference = near(latents, others) if held else others
    together = torch.cat([latents, others]), joined(labels, classes)
    with torch.no_grad():
        known = images(before, reference, classes)

    def hold() -> Tensor:
        return LOCALITY * apart(images(network, reference, classes), known)

    def render() -> Tensor:
        return images(network, latents, labels) if held else images(network, *together)

    show("style", 0, 100)
    shots = descend(learnt, render, scene.eyes, scene.aim, strengths, scene.descent, hold if held else None,
                    hundredths(show, "style"), scene.guide)
    network.requires_grad_(False)
    return Drawn(pixels_of(shots), how, scene.eyes.name, elsewhere(scene, network, found, images))


def renderer(scene: Scene, noise: Tensor, space: str) -> Callable[[Any, Tensor, Tensor | None], Tensor]:
    """images(network, latents (n, *shape), labels) -> (n, C, H, W) float in [-1, 1], all with the content's noise."""
    def images(network: Any, latents: Tensor, labels: Tensor | None) -> Tensor:
        return as_floats(network.decode(latents, noise.expand(len(latents), *noise.shape[1:]), labels, space),
                         scene.spec)

    return images


def near(latents: Tensor, others: Tensor) -> Tensor:
    """Between the pivot and other latents; Roich et al. 2021, section 3.3."""
    return latents.lerp(others, NEAR)


def joined(a: Tensor | None, b: Tensor | None) -> Tensor | None:
    return None if a is None or b is None else torch.cat([a, b])


def weights_of(network: Any, space: str) -> list[Tensor]:
    """All that learns; what maps latents to a mapped space is not used there."""
    return [weight for name, weight in network.named_parameters() if weight.is_floating_point()
            and not (space != first_space(network) and name.startswith("mapping."))]


@torch.no_grad()
def drawn_near(scene: Scene, found: Inverted, n: int, name: str) -> tuple[Tensor, Tensor | None]:
    """n drawn latents of the space, with their classes (n,)."""
    model, device = scene.model, scene.device
    seed = seed_of(scene.way.seed, f"{ELSEWHERE} {name}")
    labels = asked_classes(model, range(n), seed).to(device) if model.n_classes else None
    latents, _ = model.split(model.draws(range(n), seed).to(device))
    return model.to_space(latents, first_space(model), found.space, labels), labels


def elsewhere(scene: Scene, network: LatentModel, found: Inverted, images: Callable[..., Tensor]) -> Adapted:
    """What became of other images of the model."""
    latents, labels = drawn_near(scene, found, WITNESSES, "witnesses")
    with torch.no_grad():
        before, after = (images(one, latents, labels) for one in (scene.model, network))
    drift = float((before - after).square().mean().sqrt()) * 127.5
    return Adapted(network, drift, pixels_of([before]), pixels_of([after]))


def moving(scene: Scene, strengths: Sequence[float], show: Show) -> Drawn:
    """Descent on the latent, in W+ where there is one, in coordinates in which latents have variance 1."""
    space = "w+" if "w+" in scene.model.spaces else first_space(scene.model)
    found = scene.found(scene.content, space, show)
    chart = chart_of(scene.model, replace(scene.way, space=space))
    chart = replace(chart, centre=chart.centre.to(scene.device))
    at = chart.coordinates(torch.from_numpy(found.latents).to(scene.device)).requires_grad_()
    images, labels = renderer(scene, found.noise.to(scene.device), space), told(found, scene.device)
    show("style", 0, 100)
    shots = descend([at], lambda: images(scene.model, chart.latents(at), labels), scene.eyes, scene.aim, strengths,
                    scene.descent, watch=hundredths(show, "style"), guide=scene.guide)
    return Drawn(pixels_of(shots), f"latent moved in {space}", scene.eyes.name)


def no_gradients(model: Any, spec: ModelSpec) -> str:
    if not isinstance(model, LatentModel):
        return no_latents(spec)
    if runs_backwards(model):
        return "it is a sampler of many steps, for which there is sdedit"
    return ""


def no_weights(model: Any, spec: ModelSpec) -> str:
    """Of methods that change weights."""
    within = isinstance(model, nn.Module) and next(model.parameters(), None) is not None
    return no_gradients(model, spec) or (
        "" if within else "its weights are not within reach, as those of ganbench's families are")


def no_latents(spec: ModelSpec) -> str:
    return "it has no latent space, as GANs and diffusion models of ganbench's families and factories with latents have"


# SDEdit

def noising(scene: Scene, strengths: Sequence[float], show: Show) -> Drawn:
    """Noise and back: of the content with the style's class, or of pixels that were moved towards the style's
    statistics with the content's class; the background of an object stays."""
    by_class, content, noise = scene.steer == "class", floats(scene.content.pixels, scene.device), noise_of(scene)
    labels, far = label_of(scene, scene.style if by_class else scene.content), 1 if by_class else FAR
    begun = [content] * len(strengths) if by_class else painted(scene, content, strengths, show)
    model: Any = scene.model
    show("noise", 0, 100 * len(strengths))
    shots = [sdedit(model, image, noise, far * strength, labels, hundredths(show, "noise"))
             for image, strength in zip(begun, strengths, strict=True)]
    if scene.guide and not by_class:
        shots = [content.lerp(shot, scene.guide.content) for shot in shots]
    what = "the style's class" if by_class else "pixels moved to the style's statistics, then noise and back"
    return Drawn(pixels_of(shots), what, "" if by_class else scene.eyes.name)


def painted(scene: Scene, content: Tensor, strengths: Sequence[float], show: Show) -> list[Tensor]:
    """Descent on the pixels themselves (Gatys et al. 2016)."""
    with torch.inference_mode(False):
        pixels = content.clone().requires_grad_()
    show("style", 0, 100)
    shots = descend([pixels], lambda: pixels.clamp(-1, 1), scene.eyes, scene.aim, strengths, scene.descent,
                    watch=hundredths(show, "style"), guide=scene.guide)
    return [shot.clamp(-1, 1) for shot in shots]


def noise_of(scene: Scene) -> Tensor:
    """(1, C, H, W), the same for all strengths; a function of the seed."""
    noise, _ = scene.model.split(scene.model.draws([0], seed_of(scene.way.seed, ELSEWHERE)))
    return noise.to(scene.device)


def label_of(scene: Scene, picture: Picture) -> Tensor | None:
    """(1,) the class of an image; of an unknown one the null class, with which the model has learnt images of all."""
    n = scene.model.n_classes
    return torch.tensor([n if picture.label is None else picture.label], device=scene.device) if n else None


def no_process(model: Any, spec: ModelSpec) -> str:
    if runs_backwards(model) and getattr(model, "process", "") in PROCESSES:
        return ""
    return "it does not take noise away step by step, as diffusion and flow models of ganbench's families do"


METHODS: Mapping[str, Method] = {
    "mixing": Method(no_layers, mixing, "the style's latents in later layers (StyleGAN2)"),
    "tuning": Method(no_weights, tuning, "a copy tuned around the content's latent (GANs)"),
    "statistics": Method(no_weights, statistics, "the generator, or the latent, adapted to the style (GANs)"),
    "sdedit": Method(no_process, noising, "noise and back (diffusion and flow models)"),
}
FIRST = ("tuning", "sdedit")        # what is taken where nobody says which


def method_for(asked: str, model: Any, spec: ModelSpec, learn: str = LEARN[0]) -> str:
    """The method that is asked for, or the first that fits.  BadInput: it does not fit, and why."""
    if asked and asked not in METHODS:
        raise BadInput("unknown-choice",
                       f"The value of --method is {asked!r}, expected one of {', '.join(METHODS)}.")
    if not asked:
        asked = next((name for name in FIRST if not METHODS[name].unfit(model, spec)), FIRST[0])
    unfit = no_gradients if asked == "statistics" and learn == "latent" else METHODS[asked].unfit
    why = unfit(model, spec)
    if why:
        others = [name for name, row in METHODS.items() if not row.unfit(model, spec)]
        instead = f"; what fits: {', '.join(others)}" if others else ""
        raise BadInput("conflicting-options", f"{spec.name} cannot be stylized by {asked}: {why}{instead}.")
    return asked
