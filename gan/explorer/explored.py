"""A model that is explored: from a state to its latent and its image, and the directions of its latent space."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from threading import RLock

import numpy as np
import torch
from torch import Tensor

from ganbench.gan.drawing import pictures_of
from ganbench.gan.explorer.state import Layers, State
from ganbench.gan.generators.base import Generator, LatentModel, Space, asked_classes, mixes_classes
from ganbench.gan.generators.compiled import by_onnx
from ganbench.gan.generators.diffusion import Denoiser, check_steps
from ganbench.gan.generators.transformer import GPT, MaskGIT
from ganbench.gan.interpolation import Place, latent_model
from ganbench.gan.latent.directions import Directions, principal, regressed, scaled, sefa
from ganbench.gan.latent.first_layer import FirstLayers
from ganbench.gan.types import BadInput, ModelSpec

SAMPLE = 4_096          # latents in W whose mean and principal components are taken
ACTIVATIONS = 1_024     # latents whose activations are
BATCH = 16
MOST_NUMBERS = 4_096    # of a latent, and of the activations of one image that are kept


@dataclass(frozen=True)
class Option:
    """A number of a generator that can be set: its attribute, its range, and the model's own value."""

    attribute: str
    least: float
    most: float
    value: float
    whole: bool = False


@dataclass(frozen=True)
class Point:
    """What `decode` takes for one image."""

    latent: Tensor          # (1, *shape) of `Explored.space`
    noise: Tensor           # (1, ...)
    labels: Tensor | None   # (1,) int64, or weights (1, classes) float32


class Explored:
    """A loaded model with its spec.  An image depends on the model and the state alone."""

    def __init__(self, generator: Generator, spec: ModelSpec, device: str = "cpu", classes: tuple[str, ...] = ()):
        self.generator, self.spec, self.device, self.lock = generator, spec, device, RLock()
        self.n_classes = generator.n_classes
        self.classes = classes if len(classes) == self.n_classes else tuple(map(str, range(self.n_classes)))
        self.latent = isinstance(generator, LatentModel)
        self.spaces: Mapping[str, Space] = generator.spaces if isinstance(generator, LatentModel) else {}
        self.first = next(iter(self.spaces), "")
        self.space = next((name for name in ("w+", "w") if name in self.spaces), self.first)
        self.shape = self.spaces[self.space].shape if self.latent else ()
        self.layers = self.shape[0] if self.space == "w+" else 1
        self.stepwise = isinstance(generator, Denoiser) or bool({"forward", "pixels"} & set(vars(generator)))
        whole = torch.device(device).type == "cpu" and not self.stepwise
        self.decode = by_onnx(self._decode) if whole else self._decode

    @property
    def model(self) -> LatentModel:
        """BadInput: it has no latent space."""
        return latent_model(self.generator, self.spec.name)

    @property
    def mapped(self) -> bool:
        """Whether there is a space that the model computes from the first one."""
        return self.space != self.first

    @property
    def axis(self) -> str:
        """The space that directions are in: w for w+."""
        return "w" if self.mapped else self.first

    def _decode(self, latent: Tensor, noise: Tensor, labels: Tensor | None) -> Tensor:
        return self.model.decode(latent, noise, labels, self.space)

    # ---- From a state to an image

    def image(self, state: State) -> np.ndarray:
        """(C, H, W) uint8."""
        with self.lock, torch.inference_mode():
            if self.latent:
                point, decode = self.point(state), self.decode
                if state.options:
                    varied = latent_model(self.varied(state), self.spec.name)
                    decode = lambda latent, noise, labels: varied.decode(latent, noise, labels, self.space)  # noqa: E731
                raw = decode(point.latent, point.noise, point.labels).cpu()
            else:
                raw = self.sampled(state).cpu()
            return pictures_of(self.generator, self.spec, raw, 1, state.place.image, independent=False)[0]

    def sampled(self, state: State) -> Tensor:
        """An image of a model without a latent space, of which only seed and class can be chosen."""
        if state != State(state.place, classes=state.classes, options=state.options, redraw=state.redraw):
            raise BadInput("no-latent-space",
                           f"{self.spec.name} has no latent space: only {', '.join(['seed', 'class', *self.options])} "
                           "can be set.")
        varied, keep = self.varied(state), int(dict(state.options).get("keep", 0))
        draws = varied.draws([state.place.image], state.place.seed)
        if keep:
            other = state.redraw or Place(state.place.seed, state.place.image + 1)
            draws = torch.cat([draws[:, :keep], varied.draws([other.image], other.seed)[:, keep:]], 1)
        return varied.sample(draws.to(self.device), self.labels_of(state))

    @cached_property
    def options(self) -> Mapping[str, Option]:
        """What can be set of this model's sampling."""
        if isinstance(self.generator, Denoiser):
            guided = {"guidance": Option("guidance", 0, 20, self.generator.guidance)} if self.n_classes else {}
            return {"steps": Option("steps", 1, 250, self.generator.steps, True), **guided}
        if isinstance(self.generator, GPT):
            return {"temperature": Option("temperature", 0.05, 5, self.generator.temperature),
                    "top-k": Option("top_k", 0, self.generator.codes, self.generator.top_k, True),
                    "keep": Option("", 0, self.generator.length, 0, True)}
        if isinstance(self.generator, MaskGIT):
            return {"temperature": Option("temperature", 0.05, 5, self.generator.temperature),
                    "steps": Option("steps", 1, self.generator.length, self.generator.steps, True)}
        return {}

    def varied(self, state: State) -> Generator:
        """The generator with the state's options of sampling; it shares the weights."""
        found = copy.copy(self.generator) if state.options else self.generator
        for name, value in state.options:
            option = self.options.get(name)
            if option is None:
                raise BadInput("unfit-value", f"{self.spec.name} has no {name} that could be set.")
            if not option.least <= value <= option.most or (option.whole and value != int(value)):
                raise BadInput("unfit-value",
                               f"{name} is {value:g}, expected a {'whole ' if option.whole else ''}number from "
                               f"{option.least:g} to {option.most:g}.")
            if isinstance(found, Denoiser) and name == "steps":
                check_steps(found.sampler, int(value))
            if option.attribute:
                setattr(found, option.attribute, int(value) if option.whole else value)
        return found

    @torch.inference_mode()
    def point(self, state: State) -> Point:
        """BadInput: a class, layer, direction or space that this model does not have."""
        with self.lock:
            drawn, noise = self.drawn_for(state)
            labels = self.labels_of(state)
            latent, space = self.given(state, drawn)
            if self.mapped:
                latent = self.truncated(self.model.to_space(latent, space, self.space, labels), state.truncation)
            else:
                latent = latent * state.truncation
            return Point(self.shifted(self.styled(latent, labels, state), state), noise, labels)

    def drawn(self, place: Place) -> tuple[Tensor, Tensor]:
        """The latent and the noise that `ganbench sample` draws."""
        return self.model.split(self.generator.draws([place.image], place.seed).to(self.device))

    def drawn_for(self, state: State) -> tuple[Tensor, Tensor]:
        """As `drawn`; stochastic samplers take noise for each step."""
        varied = latent_model(self.varied(state), self.spec.name)
        return varied.split(varied.draws([state.place.image], state.place.seed).to(self.device))

    def given(self, state: State, drawn: Tensor) -> tuple[Tensor, str]:
        """The latent that the state names by its numbers, or else the drawn one; and its space."""
        if state.latent is None:
            return drawn, self.first
        name, numbers = state.latent.space, torch.tensor(state.latent.numbers, dtype=torch.float32)
        name = self.first if name == "z" and self.first != "z" and not self.mapped else name
        space = self.spaces.get(name)
        if space is None:
            raise BadInput("unknown-latent-space",
                           f"{self.spec.name} has no latent space {name!r}, only {', '.join(self.spaces)}.")
        if numbers.numel() != math.prod(space.shape):
            raise BadInput("latents-do-not-fit",
                           f"A latent of {self.spec.name} in {name} has {math.prod(space.shape):,} numbers, got "
                           f"{numbers.numel():,}.")
        return numbers.reshape(1, *space.shape).to(self.device), name

    def labels_of(self, state: State) -> Tensor | None:
        """The state's classes, or the one that is drawn."""
        if not self.n_classes:
            if state.classes:
                raise BadInput("missing-labels", f"{self.spec.name} has no classes: leave class= out.")
            return None
        wrong = next((label for label, _ in state.classes if label >= self.n_classes), None)
        if wrong is not None:
            raise BadInput("unfit-value", f"{self.spec.name} has no class {wrong}, only 0 to {self.n_classes - 1}.")
        drawn = int(asked_classes(self.generator, [state.place.image], state.place.seed))
        shares = state.classes or ((drawn, 1.0),)
        if mixes_classes(self.generator):
            weights = torch.zeros(1, self.n_classes)
            for label, share in shares:
                weights[0, label] = share
            return weights.to(self.device)
        if len(shares) > 1:
            raise BadInput("unfit-value", f"{self.spec.name} cannot mix classes: name one.")
        return torch.tensor([shares[0][0]], device=self.device)

    def truncated(self, latent: Tensor, truncation: float) -> Tensor:
        """Towards the mean of W; Karras et al. 2019, arXiv:1812.04948, appendix B."""
        if truncation == 1:
            return latent
        mean = torch.from_numpy(self.centre).to(latent)
        return mean + truncation * (latent - mean)

    def styled(self, latent: Tensor, labels: Tensor | None, state: State) -> Tensor:
        """The styles of other images in some layers; section 3.1 there."""
        if state.styles and self.space != "w+":
            raise BadInput("unfit-value", f"{self.spec.name} has no layers whose styles could be mixed.")
        for style in state.styles:
            other = self.model.to_space(self.drawn(style.place)[0], self.first, self.space, labels)
            rows = self.rows(style.layers)
            latent = latent.clone()
            latent[:, rows] = self.truncated(other, state.truncation)[:, rows]
        return latent

    def shifted(self, latent: Tensor, state: State) -> Tensor:
        """latent + sum of amount * sigma * direction, in the layers of each."""
        for shift in state.shifts:
            found = self.directions.get(shift.method)
            if found is None or shift.number > len(found):
                have = "none" if found is None else f"{len(found)}"
                raise BadInput("no-directions",
                               f"{self.spec.name} has no direction {shift.method}{shift.number}, but {have} of "
                               f"{shift.method}{f': {self.why_none}' if self.why_none else '.'}")
            step = torch.from_numpy(found.vectors[shift.number - 1] * found.sigmas[shift.number - 1]).to(latent)
            rows, latent = self.rows(shift.layers), latent.clone()
            if self.space == "w+":
                latent[:, rows] += shift.amount * step
            else:
                latent += shift.amount * step.reshape(latent.shape[1:])
        return latent

    def rows(self, layers: Layers) -> slice:
        if layers.last > self.layers:
            raise BadInput("unfit-value", f"{self.spec.name} has {self.layers} layers, not {layers.last}.")
        return layers.rows(self.layers)

    # ---- The latent space

    @cached_property
    def sample(self) -> np.ndarray:
        """(SAMPLE, d) latents in W of images of seed 0, each of its class."""
        with self.lock, torch.inference_mode():
            parts = [self.model.to_space(self.latents(rows), self.first, "w", self.labels(rows))
                     for rows in (range(k, k + 256) for k in range(0, SAMPLE, 256))]
            return torch.cat(parts).cpu().numpy()

    @cached_property
    def centre(self) -> np.ndarray:
        """(d,) float32: the mean of W."""
        return self.sample.mean(axis=0, dtype=np.float64).astype(np.float32)

    @cached_property
    def directions(self) -> Mapping[str, Directions]:
        """By method; empty, with a reason in `why_none`, where the network's first layers are not found."""
        self.why_none = ""
        if not self.latent:
            return {}
        if max(self.spaces[self.axis].shape) != math.prod(self.spaces[self.axis].shape):
            self.why_none = "its latent is an image."
            return {}
        with self.lock, torch.no_grad():
            try:
                return self.found_directions()
            except (BadInput, RuntimeError) as error:       # a network that only runs as it was written
                self.why_none = str(error)
                return {"pca": principal(self.sample)} if self.mapped else {}

    def found_directions(self) -> Mapping[str, Directions]:
        first = FirstLayers(self.traced(), self.examples())
        latent, *more = (one[0].cpu().numpy() for one in self.examples())
        strong = sefa([one.reshape(-1, latent.size) for one in first.weights(latent, *more)])
        if self.mapped:
            return {"pca": principal(self.sample), "sefa": scaled(strong, self.sample)}
        rows = range(ACTIVATIONS)
        latents, labels = self.latents(rows).cpu().numpy(), self.labels(rows)
        active = first.activations(latents, *([] if labels is None else [labels.cpu().numpy()]))
        active = active.reshape(len(active), -1)
        found = regressed(active[:, :: -(-active.shape[1] // MOST_NUMBERS)], latents)
        return {"pca": found, "sefa": scaled(strong, latents)}

    def traced(self) -> Callable[..., Tensor]:
        """Images of latents, with labels where the space needs them, and the noise of the first image."""
        noise = self.model.split(self.generator.draws([0], 0).to(self.device))[1]
        return lambda latent, *labels: self.model.decode(
            latent, noise.expand(len(latent), *noise.shape[1:]), labels[0] if labels else None, self.axis)

    def examples(self) -> list[Tensor]:
        rows = range(BATCH)
        labels = self.labels(rows)
        if self.mapped:
            return [self.model.to_space(self.latents(rows), self.first, "w", labels)]
        return [self.latents(rows), *([] if labels is None else [labels])]

    def latents(self, rows: range) -> Tensor:
        return self.model.split(self.generator.draws(rows, 0).to(self.device))[0]

    def labels(self, rows: range) -> Tensor | None:
        """Of images of seed 0."""
        if not self.n_classes:
            return None
        labels = asked_classes(self.generator, rows, 0)
        return (torch.eye(self.n_classes)[labels] if mixes_classes(self.generator) else labels).to(self.device)

    why_none = ""
