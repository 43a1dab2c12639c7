"""Restoration without a model of images: smooth surfaces, few edges, interpolation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from scipy.sparse import csr_array, diags_array, eye_array, kron
from scipy.sparse.linalg import spsolve
from torch import Tensor
from torch.nn.functional import interpolate, pad

STEPS, STEP = 500, 0.05     # of `total_variation`: how many, and how far each goes
MEMBRANE = 1e-8

Nearer = Callable[[Tensor], Tensor]


def biharmonic(y: np.ndarray, missing: np.ndarray) -> np.ndarray:
    """(C, H, W) with missing pixels (H, W) -> (C, H, W): those make the thin plate through the known ones bend least.

    They minimise the sum of x_vv^2 + 2 x_vh^2 + x_hh^2, in whose interior the biharmonic equation holds (Duchon 1977,
    doi:10.1007/BFb0086566).  A membrane of weight MEMBRANE makes it unique where few pixels are known.
    """
    plate = energy_of(*missing.shape)
    hole, known = np.flatnonzero(missing), np.flatnonzero(~missing)
    found = y.reshape(len(y), -1).astype(np.float64)
    right = -(plate[hole][:, known] @ found[:, known].T)
    found[:, hole] = spsolve(plate[hole][:, hole].tocsc(), right).reshape(len(hole), -1).T
    return found.reshape(y.shape)


def energy_of(height: int, width: int) -> Any:
    """(H W, H W) sparse: the quadratic form of `biharmonic`, with free edges."""
    down, right = kron(first(height), eye_array(width)), kron(eye_array(height), first(width))
    parts = [(1, kron(second(height), eye_array(width))), (1, kron(eye_array(height), second(width))),
             (2, kron(first(height), first(width))), (MEMBRANE, down), (MEMBRANE, right)]
    return csr_array(sum(weight * (part.T @ part) for weight, part in parts))


def first(n: int) -> Any:
    """Differences of n values, (n - 1, n) sparse."""
    return diags_array([-np.ones(n - 1), np.ones(n - 1)], offsets=[0, 1], shape=(n - 1, n))


def second(n: int) -> Any:
    """Second differences, (n - 2, n) sparse."""
    return first(n - 1) @ first(n)


def total_variation(nearer: Nearer, start: Tensor) -> Tensor:
    """argmin F(x) + TV(x), from `start` (n, C, H, W): the primal-dual algorithm of Chambolle & Pock 2011
    (doi:10.1007/s10851-010-0251-1, algorithm 1).

    TV(x) sums the lengths of the gradients (channels, v, h) of all pixels, so that channels have their edges at the
    same places (Bresson & Chan 2008, doi:10.3934/ipi.2008.2.455).  `nearer(x)`: argmin_u F(u) + |u - x|^2 / (2 STEP).
    """
    dual_step = 1 / (8 * STEP)                  # 8: an upper bound of the gradient's squared norm
    x = ahead = start
    dual = torch.zeros(2, *start.shape)
    for _ in range(STEPS):
        dual = dual + dual_step * gradient(ahead)
        dual = dual / dual.square().sum((0, 2), keepdim=True).sqrt().clamp_min(1)
        before, x = x, nearer(x + STEP * divergence(dual))
        ahead = 2 * x - before
    return x


def gradient(x: Tensor) -> Tensor:
    """(n, C, H, W) -> (2, n, C, H, W): differences to the pixels below and to the right, 0 at the edges."""
    return torch.stack([pad(x.diff(dim=-2), (0, 0, 0, 1)), pad(x.diff(dim=-1), (0, 1))])


def divergence(flux: Tensor) -> Tensor:
    """(2, n, C, H, W) -> (n, C, H, W): minus the adjoint of `gradient`."""
    down, right = pad(flux[0, ..., :-1, :], (0, 0, 1, 1)), pad(flux[1, ..., :-1], (1, 1))
    return down.diff(dim=-2) + right.diff(dim=-1)


def bicubic(y: Tensor, factor: int) -> Tensor:
    """(1, C, h, w) -> (1, C, h f, w f): cubic convolution (Keys 1981; a = -1/2, torch's with `antialias`).  Pixels are
    at the middles of their blocks."""
    return interpolate(y, scale_factor=factor, mode="bicubic", align_corners=False, antialias=True)


def nearest(y: np.ndarray, images: np.ndarray, operator: Any, known: np.ndarray, at_once: int = 1_000) -> int:
    """The number of the image among (n, C, H, W) uint8 whose own measurement is nearest to y."""
    distances = [
        (operator.A(torch.from_numpy(images[first : first + at_once]).float() / 255).numpy() - y)[:, known]
        for first in range(0, len(images), at_once)]
    return int(np.concatenate([(apart**2).sum(1) for apart in distances]).argmin())
