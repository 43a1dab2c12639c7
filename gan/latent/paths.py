"""Paths through latents: straight lines, arcs and closed or open splines through key latents.

`lerp` and `slerp` are those of White 2016, arXiv:1609.04468: latents of N(0, I) lie near a sphere of radius sqrt(d),
from which the middle of a straight line between two of them is sqrt(1/2) away, and that of an arc is not.  In a mapped
space, such as W, there is no such sphere, and straight lines or splines are the natural paths.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from scipy.interpolate import CubicSpline

from ganbench.gan.types import BadInput

PARALLEL = 1e-6     # radians between two directions, or from opposite ones, below which an arc is not defined
Between = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]


def lerp(a: np.ndarray, b: np.ndarray, t: np.ndarray) -> np.ndarray:
    """(1 - t) a + t b; a and b (m, d), t (m,) from 0 to 1."""
    return (1 - t[:, None]) * a + t[:, None] * b


def slerp(a: np.ndarray, b: np.ndarray, t: np.ndarray) -> np.ndarray:
    """(sin((1 - t) w) a + sin(t w) b) / sin w, where w is the angle between a and b; (m, d), t (m,) from 0 to 1.

    Latents of the same or of opposite directions have no arc of their own between them: there it is `lerp`.
    """
    lengths = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    cosine = np.divide((a * b).sum(axis=1), lengths, out=np.ones(len(a)), where=lengths > 0)
    angle = np.arccos(cosine.clip(-1, 1))
    defined = (angle > PARALLEL) & (angle < np.pi - PARALLEL)
    angle = np.where(defined, angle, 1.0)
    one, other = np.sin((1 - t) * angle) / np.sin(angle), np.sin(t * angle) / np.sin(angle)
    return np.where(defined[:, None], one[:, None] * a + other[:, None] * b, lerp(a, b, t))


BETWEEN: Mapping[str, Between] = {"lerp": lerp, "slerp": slerp}
KINDS = (*BETWEEN, "spline")


@dataclass(frozen=True)
class LatentPath:
    """A curve through k key latents, (k, *shape): at 0, 1, ..., k - 1 it is where they are, and at k, if it is
    `closed`, again at the first one.  `kind`: a row of KINDS; splines are cubic, and periodic where they are closed."""

    keys: np.ndarray
    kind: str = "slerp"
    closed: bool = False
    _flat: np.ndarray = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise BadInput("unknown-choice", f"No path {self.kind!r}, expected one of {', '.join(KINDS)}.")
        if len(self.keys) < 2:
            raise BadInput("too-few-keys", f"A path needs at least 2 key latents, got {len(self.keys)}.")
        flat = np.asarray(self.keys, np.float64).reshape(len(self.keys), -1)
        object.__setattr__(self, "_flat", np.concatenate([flat, flat[:1]]) if self.closed else flat)

    @property
    def length(self) -> int:
        """The largest parameter: the number of pieces."""
        return len(self._flat) - 1

    @cached_property
    def _spline(self) -> CubicSpline:
        kind = "periodic" if self.closed else "natural"
        return CubicSpline(np.arange(len(self._flat)), self._flat, bc_type=kind)

    def __call__(self, at: np.ndarray) -> np.ndarray:
        """(m,) parameters from 0 to `length` -> latents (m, *shape) float32."""
        at = np.asarray(at, np.float64)
        if self.kind == "spline":
            found = self._spline(at)
        else:
            piece = np.floor(at).astype(np.int64).clip(0, self.length - 1)
            found = BETWEEN[self.kind](self._flat[piece], self._flat[piece + 1], at - piece)
        return np.asarray(found, np.float32).reshape(len(at), *self.keys.shape[1:])

    def steps(self, frames: int) -> np.ndarray:
        """(frames,) parameters at equal distances; a closed path does not show its first latent twice."""
        return np.linspace(0, self.length, frames, endpoint=not self.closed)
