"""Damages: y = A x + noise, with A linear, described in a line of text.

    inpaint:box=12          a square hole of 12 pixels in the middle; also half, random=0.8 (80 % of the pixels are
                            missing), and a mask from a file
    superres:4              the average of every block of 4x4 pixels
    denoise:0.1             Gaussian noise of this standard deviation
    deblur:1.5              a Gaussian blur of this standard deviation in pixels, periodic at the borders

Each may be followed by `,noise=0.05`.  Images are floats in [0, 1], and so are the units of noise.  The operators are
deepinv's, with their singular value decompositions.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.fft import dct
from torch import Tensor
from torch.nn.functional import pixel_shuffle, pixel_unshuffle

from ganbench.gan.images import read_image
from ganbench.gan.philox import normals, words
from ganbench.gan.types import BadInput

KINDS = ("inpaint", "superres", "denoise", "deblur")
USUAL = {"inpaint": "box", "superres": "4", "denoise": "0.1", "deblur": "1.5"}     # where only the kind is named
USUAL_NOISE = {"deblur": 0.02}      # a blur without any is undone by dividing in Fourier space
HOLES = ("box", "half", "random")
BOX = 3 / 8                         # of the image's side, where no size is named
WHITE = 128                         # from this level on a mask's pixel is white
GREYS = (32, 223)                   # levels between which a mask's pixel is neither
EXPECTED = ("inpaint[:box=PIXELS|half|random=SHARE], superres[:FACTOR], denoise[:SIGMA] or deblur[:PIXELS], each with "
            "or without ,noise=SIGMA")


@dataclass(frozen=True)
class Damage:
    """What happened to an image; `text` describes it, and with the mask it is a part of keys."""

    kind: str
    hole: str = ""          # of inpaint: one of HOLES, or "mask"
    amount: float = 0.0     # pixels of a box (0: BOX of the side), share missing, factor, or pixels of a blur
    noise: float = 0.0      # standard deviation, of images in [0, 1]
    missing: np.ndarray | None = field(default=None, compare=False)     # (H, W) bool, of a mask from a file

    @property
    def text(self) -> str:
        amount = f"{self.amount:g}"
        what = {"inpaint": self.hole + (f"={amount}" if self.amount else ""), "denoise": f"{self.noise:g}"}
        said = self.kind in USUAL_NOISE or (self.noise and self.kind != "denoise")
        tail = f",noise={self.noise:g}" if said else ""
        return f"{self.kind}:{what.get(self.kind, amount)}{tail}"

    @property
    def factor(self) -> int:
        """How many times smaller than the image the measurement is, in each direction."""
        return int(self.amount) if self.kind == "superres" else 1


# From text

def damage_in(text: str, mask: Path | None = None) -> Damage:
    """See the module.  BadInput: not such a line, or numbers that make no sense."""
    kind, rest = re.fullmatch(r"(\w*)[:,]?(.*)", text.strip(), re.DOTALL).groups()     # type: ignore[union-attr]
    if kind not in KINDS:
        raise not_understood(text)
    parts = [part.strip() for part in rest.split(",") if part.strip()]
    noise = [part for part in parts if part.startswith("noise=")]
    what = [part for part in parts if part not in noise]
    if len(noise) > 1 or len(what) > 1 or (noise and kind == "denoise"):
        raise not_understood(text)
    sigma = number(noise[0].removeprefix("noise="), text) if noise else USUAL_NOISE.get(kind, 0.0)
    if mask is not None:
        if kind != "inpaint" or what:
            raise BadInput("conflicting-options",
                           "The option --mask says which pixels are missing, so --damage is inpaint alone, not "
                           f"{text}.")
        return Damage("inpaint", "mask", 0.0, checked(sigma, 0, 1, "The noise", text), mask_in(mask))
    made = READERS[kind](what[0] if what else USUAL[kind], text)
    return replace(made, noise=checked(made.noise or sigma, 0, 1, "The noise", text))


def inpainting(what: str, text: str) -> Damage:
    hole, equals, amount = what.partition("=")
    if hole not in HOLES or (hole == "half" and equals) or (hole == "random" and not equals):
        raise not_understood(text)
    if hole == "random":
        share = number(amount, text)
        if not 0 < share < 1:
            raise BadInput("unfit-value", f"The share of missing pixels of {text} is {share:g}, expected between 0 "
                           "and 1.")
        return Damage("inpaint", hole, share)
    return Damage("inpaint", hole, whole_number(amount, 1, text) if equals else 0)


def superres(what: str, text: str) -> Damage:
    return Damage("superres", "", whole_number(what, 2, text))


def denoising(what: str, text: str) -> Damage:
    sigma = number(what, text)
    if not sigma > 0:
        raise BadInput("unfit-value", f"The noise of {text} is {sigma:g}, expected above 0.")
    return Damage("denoise", noise=sigma)


def deblurring(what: str, text: str) -> Damage:
    return Damage("deblur", "", checked(number(what, text), 0.1, 100, "The blur", text))


READERS: dict[str, Callable[[str, str], Damage]] = {
    "inpaint": inpainting, "superres": superres, "denoise": denoising, "deblur": deblurring}


def number(word: str, text: str) -> float:
    if not re.fullmatch(r"-?([0-9]+(\.[0-9]*)?|\.[0-9]+)", word):
        raise not_understood(text)
    return float(word)


def whole_number(word: str, least: int, text: str) -> float:
    value = number(word, text)
    if value != int(value) or value < least:
        raise BadInput("unfit-value",
                       f"The number of --damage {text} is {value:g}, expected a whole number from {least} on.")
    return value


def checked(value: float, low: float, high: float, what: str, text: str) -> float:
    if not low <= value <= high:
        raise BadInput("unfit-value", f"{what} of --damage {text} is {value:g}, expected from {low:g} to {high:g}.")
    return value


def not_understood(text: str) -> BadInput:
    return BadInput("unknown-damage", f"The value of --damage is {text!r}, expected {EXPECTED}.")


# Holes

def mask_in(path: Path) -> np.ndarray:
    """A picture's white pixels are missing: (H, W) bool.  BadInput: all, none, or greys."""
    levels = read_image(path).mean(0)
    grey = ((levels > GREYS[0]) & (levels < GREYS[1])).mean()
    if grey > 0.01:
        raise BadInput("unfit-mask",
                       f"The mask {path} has {100 * grey:.0f} % of grey pixels, expected white where pixels are "
                       "missing and black where they are known.")
    missing = np.asarray(levels >= WHITE)
    if not missing.any():
        raise BadInput("unfit-mask", f"The mask {path} has no white pixel, so nothing is missing: white is missing, "
                       "black is known.")
    if missing.all():
        raise BadInput("unfit-mask", f"The mask {path} is white everywhere, so nothing is known: white is missing, "
                       "black is known.")
    return missing


def missing_in(damage: Damage, shape: tuple[int, int, int]) -> np.ndarray:
    """(H, W) bool: the pixels that are missing; none where it is no hole.  Random ones depend on share and size alone,
    so that they are the same for all images, models and machines."""
    _, height, width = shape
    missing = np.zeros((height, width), bool)
    if damage.missing is not None:
        if damage.missing.shape != (height, width):
            tall, wide = damage.missing.shape
            raise BadInput("wrong-size",
                           f"The mask has {wide}x{tall} pixels, the model's images have {width}x{height}.")
        return damage.missing
    if damage.hole == "box":
        side = int(damage.amount) or round(BOX * min(height, width))
        if side >= min(height, width):
            raise BadInput("unfit-value", f"A hole of {side} pixels does not fit into images of {width}x{height}.")
        top, left = (height - side) // 2, (width - side) // 2
        missing[top : top + side, left : left + side] = True
    elif damage.hole == "half":
        missing[height // 2 :] = True
    elif damage.hole == "random":
        order = np.argsort(words(range(height * width), 0, 1, "mask")[:, 0], kind="stable")
        missing.flat[order[: min(max(1, round(damage.amount * missing.size)), missing.size - 1)]] = True
    return missing


# Operators

def operator_of(damage: Damage, shape: tuple[int, int, int]) -> Any:
    """deepinv's operator of images (n, C, H, W) float in [0, 1], with its noise."""
    from deepinv.physics import BlurFFT, Denoising, GaussianNoise, Inpainting

    noise = GaussianNoise(damage.noise)
    if damage.kind == "inpaint":
        known = torch.from_numpy(~missing_in(damage, shape)).float()        # deepinv: 1 is kept
        return Inpainting(shape, known.expand(shape).contiguous(), noise_model=noise)
    if damage.kind == "superres":
        return averaging(damage.factor, shape, noise)
    if damage.kind == "deblur":
        return BlurFFT(shape, blur_of(damage, shape), noise_model=noise)
    return Denoising(noise)


def blur_of(damage: Damage, shape: tuple[int, int, int]) -> Tensor:
    """(1, 1, k, k): a Gaussian, cut at three standard deviations."""
    from deepinv.physics.functional import gaussian_blur

    reach = math.ceil(3 * damage.amount)
    if 2 * reach + 1 > min(shape[1:]):
        raise BadInput("unfit-value",
                       f"A blur of {damage.amount:g} pixels reaches {reach} pixels to each side, more than images of "
                       f"{shape[2]}x{shape[1]} have.")
    return gaussian_blur((2 * reach + 1,) * 2, damage.amount)


def averaging(factor: int, shape: tuple[int, int, int], noise: Any) -> Any:
    """Averages over blocks: of an orthonormal basis of a block (the two-dimensional cosine transform) the first vector
    is constant, with the singular value 1 / factor, and the others are lost (Kawar et al. 2022, arXiv:2201.11793,
    appendix D)."""
    from deepinv.physics import DecomposablePhysics

    channels, height, width = shape
    if height % factor or width % factor:
        raise BadInput("unfit-value",
                       f"Images of {width}x{height} pixels have no whole blocks of {factor}x{factor}: give --damage "
                       "superres:FACTOR with a factor of their size.")
    cosines = dct(np.eye(factor), norm="ortho", axis=0)                     # rows are the basis
    basis = torch.from_numpy(np.kron(cosines, cosines)).float()             # (f f, f f), the first row constant
    values = torch.zeros(1, channels, factor**2, height // factor, width // factor)
    values[:, :, 0] = 1 / factor

    def coefficients(x: Tensor) -> Tensor:
        blocks = pixel_unshuffle(x, factor).unflatten(1, (channels, factor**2))
        return torch.einsum("kp,ncphw->nckhw", basis.to(x), blocks)

    def blended(c: Tensor) -> Tensor:
        return pixel_shuffle(torch.einsum("kp,nckhw->ncphw", basis.to(c), c).flatten(1, 2), factor)

    def first(c: Tensor) -> Tensor:
        return c[:, :, 0]

    def with_zeros(y: Tensor) -> Tensor:
        return torch.cat([y[:, :, None], y.new_zeros(len(y), channels, factor**2 - 1, *y.shape[2:])], 2)

    return DecomposablePhysics(U=first, U_adjoint=with_zeros, V=blended, V_adjoint=coefficients, img_size=shape,
                               mask=values, noise_model=noise)


def measured(damage: Damage, operator: Any, image: np.ndarray, seed: int, name: str) -> np.ndarray:
    """A whole image (C, H, W) uint8 -> its measurement, float32, neither rounded nor cut to [0, 1].

    The noise depends on the seed and on `name`, such as the image's digest, alone.
    """
    with torch.no_grad():
        y = operator.A(torch.from_numpy(image)[None].float() / 255)[0].numpy()
    if damage.noise:
        noise = normals([0], seed, math.prod(y.shape), f"damage {name}").reshape(y.shape)
        y = y + damage.noise * noise * known_of(damage, image.shape, y.shape)
    return np.asarray(y, np.float32)


def known_of(damage: Damage, shape: tuple[int, ...], like: tuple[int, ...]) -> np.ndarray:
    """(*like,) bool: which numbers of a measurement are known: all, but for the pixels of a hole."""
    if damage.kind != "inpaint":
        return np.ones(like, bool)
    return np.broadcast_to(~missing_in(damage, (shape[0], shape[1], shape[2])), like)
