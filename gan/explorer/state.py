"""What is seen, as one line of text: `seed=3:5,class=7,truncation=0.7,pca1=2.5@2-5`.

The same line is in the address of the page, in the text chunk of its PNG files and behind --at on the command line, so
each of them can be opened by the others.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from ganbench.gan.interpolation import Place
from ganbench.gan.types import BadInput

MOST_SEED = 2**63           # seeds and numbers of images are below it
OPTIONS = ("steps", "guidance", "temperature", "top-k", "keep")
SPACES = ("z", "w", "w+")
EXAMPLE = "such as seed=3:5,class=7,truncation=0.7,pca1=2.5@2-5"


@dataclass(frozen=True)
class Layers:
    """A range of layers, counted from 1, both ends included; `last` 0: all of them."""

    first: int = 1
    last: int = 0

    @property
    def text(self) -> str:
        return f"@{self.first}-{self.last}" if self.last else ""

    def rows(self, layers: int) -> slice:
        """The rows of a W+ latent (layers, d)."""
        return slice(self.first - 1, self.last or layers)


@dataclass(frozen=True)
class Shift:
    """`amount` sigmas along direction `number`, counted from 1, of a method."""

    method: str
    number: int
    amount: float
    layers: Layers = field(default_factory=Layers)


@dataclass(frozen=True)
class Style:
    """The styles of another image in a range of layers."""

    place: Place
    layers: Layers


@dataclass(frozen=True)
class Latent:
    """A latent that is given by its numbers, in a space."""

    space: str
    numbers: tuple[float, ...]


@dataclass(frozen=True)
class State:
    """An image: that of a seed, or of a latent with the noise of a seed, and what has been changed.

    `classes`: weights by class; (): as the seed draws it.
    """

    place: Place = field(default_factory=lambda: Place(0))
    latent: Latent | None = None
    classes: tuple[tuple[int, float], ...] = ()
    truncation: float = 1.0
    shifts: tuple[Shift, ...] = ()
    styles: tuple[Style, ...] = ()
    options: tuple[tuple[str, float], ...] = ()     # of sampling, by name: OPTIONS
    redraw: Place | None = None                     # whose tokens follow the first `keep` ones

    @property
    def text(self) -> str:
        """The line that `state_of` reads; numbers have at most four decimals."""
        parts = [f"seed={self.place.name}"]
        if self.latent:
            data = np.asarray(self.latent.numbers, "<f4").tobytes()
            parts.append(f"{self.latent.space}={base64.urlsafe_b64encode(data).decode().rstrip('=')}")
        if self.classes:
            one = len(self.classes) == 1 and self.classes[0][1] == 1
            mixed = "+".join(f"{label}:{short(share)}" for label, share in self.classes)
            parts.append(f"class={self.classes[0][0] if one else mixed}")
        if self.truncation != 1:
            parts.append(f"truncation={short(self.truncation)}")
        parts += [f"style={style.place.name}{style.layers.text}" for style in self.styles]
        parts += [f"{shift.method}{shift.number}={short(shift.amount)}{shift.layers.text}" for shift in self.shifts]
        parts += [f"{name}={short(value)}" for name, value in self.options]
        parts += [f"redraw={self.redraw.name}"] if self.redraw else []
        return ",".join(parts)


def short(value: float) -> str:
    """At most four decimals, without needless zeros."""
    return f"{value:.4f}".rstrip("0").rstrip(".")


def state_of(text: str) -> State:
    """The state that a line describes.  BadInput: what part of it is not understood."""
    state = State()
    for item in filter(None, re.split(r"[,\s]+", text.strip())):
        name, equals, value = item.partition("=")
        method = re.fullmatch(r"(pca|sefa)([1-9][0-9]?)", name)
        if method and equals:
            amount, layers = with_layers(value, item)
            shift = Shift(method[1], int(method[2]), number_in(amount, item), layers)
            kept = tuple(one for one in state.shifts if (one.method, one.number) != (shift.method, shift.number))
            state = replace(state, shifts=(*kept, shift) if shift.amount else kept)
        elif name in READERS and equals:
            state = READERS[name](state, value, item)
        else:
            raise BadInput("malformed-state", f"{item!r} is not understood, expected NAME=VALUE, {EXAMPLE}.")
    return state


def seeded(state: State, value: str, item: str) -> State:
    return replace(state, place=place_in(value, item))


def classed(state: State, value: str, item: str) -> State:
    parts = [re.fullmatch(r"([0-9]{1,9})(?::(.+))?", part) for part in value.split("+")]
    if not all(parts):
        raise BadInput("malformed-state", f"{item!r} names no class, expected class=7 or class=7:0.4+9:0.6.")
    found = tuple((int(part[1]), number_in(part[2] or "1", item)) for part in parts if part)
    total = sum(share for _, share in found)
    if min(share for _, share in found) < 0 or not total > 0:
        raise BadInput("malformed-state", f"{item!r} mixes classes with shares that are not positive.")
    kept = {label: 0.0 for label, _ in found}
    for label, share in found:
        kept[label] += share / total
    return replace(state, classes=tuple((label, share) for label, share in kept.items() if share))


def truncated(state: State, value: str, item: str) -> State:
    return replace(state, truncation=number_in(value, item))


def styled(state: State, value: str, item: str) -> State:
    place, layers = with_layers(value, item)
    return replace(state, styles=(*state.styles, Style(place_in(place, item), layers)))


def optional(name: str) -> Callable[[State, str, str], State]:
    def read(state: State, value: str, item: str) -> State:
        kept = tuple(one for one in state.options if one[0] != name)
        return replace(state, options=(*kept, (name, number_in(value, item))))
    return read


def redrawn(state: State, value: str, item: str) -> State:
    return replace(state, redraw=place_in(value, item))


def given_in(space: str) -> Callable[[State, str, str], State]:
    def read(state: State, value: str, item: str) -> State:
        try:
            data = base64.b64decode(value + "=" * (-len(value) % 4), altchars=b"-_", validate=True)
            numbers = np.frombuffer(data, "<f4")
        except ValueError as error:
            raise BadInput("malformed-state",
                           f"The latent {item[:24]}... is not base64 of float32 numbers: copy it whole.") from error
        if not len(numbers) or not np.isfinite(numbers).all():
            raise BadInput("malformed-state", f"The latent {item[:24]}... has no numbers, or some that are not finite.")
        return replace(state, latent=Latent(space, tuple(numbers.tolist())))
    return read


READERS: dict[str, Callable[[State, str, str], State]] = {
    "seed": seeded, "class": classed, "truncation": truncated, "style": styled, "redraw": redrawn,
    **{name: optional(name) for name in OPTIONS},
    **{space: given_in(space) for space in SPACES},
}


def place_in(text: str, item: str) -> Place:
    parts = re.fullmatch(r"([0-9]{1,19})(?::([0-9]{1,15}))?", text)
    if not parts or int(parts[1]) >= MOST_SEED or int(parts[2] or 0) >= 2**48:
        raise BadInput("malformed-state",
                       f"{item!r} names no image, expected SEED or SEED:IMAGE, whole numbers from 0 on: seeds below "
                       "2^63, images below 2^48.")
    return Place(int(parts[1]), int(parts[2] or 0))


def with_layers(text: str, item: str) -> tuple[str, Layers]:
    """`VALUE@2-5`, `VALUE@3` or `VALUE`."""
    value, at, layers = text.partition("@")
    if not at:
        return value, Layers()
    parts = re.fullmatch(r"([1-9][0-9]?)(?:-([1-9][0-9]?))?", layers)
    if not parts or int(parts[2] or parts[1]) < int(parts[1]):
        raise BadInput("malformed-state", f"{item!r} names no layers, expected @2-5 or @3, counted from 1.")
    return value, Layers(int(parts[1]), int(parts[2] or parts[1]))


def number_in(text: str, item: str) -> float:
    if not re.fullmatch(r"[+-]?([0-9]{1,6}(\.[0-9]*)?|\.[0-9]+)", text):
        raise BadInput("malformed-state", f"{item!r} has no number, expected one such as 2.5.")
    return float(text)
