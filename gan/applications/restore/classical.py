"""Restoration without a model of images: smooth surfaces, few edges, interpolation."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from scipy.sparse import csr_array, diags_array, eye_array, kron
from scipy.sparse.linalg import spsolve
from torch import Tensor
from torch.nn.functional import interpolate

STEPS, INNER = 200, 20      # of FISTA, and of the proximal step within
MEMBRANE = 1e-8


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


def total_variation(y: Tensor, operator: Any, weight: float, start: Tensor, norm: float = 1.0) -> Tensor:
    """argmin |A x - y|^2 / 2 + weight TV(x) by FISTA, with deepinv's proximal step (Beck & Teboulle 2009,
    doi:10.1109/TIP.2009.2028250).  y (1, ...), start (1, C, H, W); `norm`: the largest singular value of A."""
    from deepinv.models import TVDenoiser

    near = TVDenoiser(n_it_max=INNER, crit=1e-6)
    step = 1 / norm**2
    x = z = start
    for k in range(STEPS):
        before = x
        x = near(z - step * operator.A_adjoint(operator.A(z) - y), ths=step * weight)
        z = x + k / (k + 3) * (x - before)
    return x


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
