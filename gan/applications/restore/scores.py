"""How good a restored image is: like the whole one, in the hole too, and like the measurement."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy.ndimage import gaussian_filter

KNOWN = 35.0            # dB on what is known, below which a method is said to ignore it
SURE = 3                # standard errors of the noise's mean square that are forgiven
K1, K2, WIDTH, REACH = 0.01, 0.03, 1.5, 5       # Wang et al. 2004, section III.C: an 11x11 window


@dataclass(frozen=True)
class Agreement:
    """||A x - y||: its mean square over what is known, beside that of the noise."""

    error: float        # of images in [0, 1]
    noise: float        # variance
    n: int              # numbers that are known

    @property
    def decibels(self) -> float:
        return decibels(self.error)

    @property
    def ignores(self) -> bool:
        """Whether the excess over what the noise explains is more than KNOWN allows."""
        explained = self.noise * (1 + SURE * math.sqrt(2 / self.n))
        return bool(self.error - explained > 10 ** (-KNOWN / 10))


@dataclass(frozen=True)
class Likeness:
    """PSNR in dB and SSIM beside the whole image; in the hole where there is one."""

    psnr: float
    ssim: float
    psnr_hole: float | None = None
    ssim_hole: float | None = None


def decibels(error: float) -> float:
    """PSNR of a mean squared error of images in [0, 1]; infinite at 0."""
    return -10 * math.log10(error) if error > 0 else math.inf


def agreement(image: np.ndarray, y: np.ndarray, operator: Any, known: np.ndarray, noise: float) -> Agreement:
    """Of an image (C, H, W) uint8 with the measurement y."""
    with torch.no_grad():
        own = operator.A(torch.from_numpy(image)[None].float() / 255)[0].numpy()
    apart = (own.astype(np.float64) - y)[known]
    return Agreement(float((apart**2).mean()), noise**2, int(known.sum()))


def likeness(image: np.ndarray, truth: np.ndarray, missing: np.ndarray) -> Likeness:
    """Of images (C, H, W) uint8; missing (H, W) bool."""
    error = ((image.astype(np.float64) - truth) / 255) ** 2
    alike = ssim_map(image / 255.0, truth / 255.0)
    whole = decibels(float(error.mean())), float(alike.mean())
    if not missing.any():
        return Likeness(*whole)
    return Likeness(*whole, decibels(float(error[:, missing].mean())), float(alike[:, missing].mean()))


def ssim_map(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """(C, H, W) floats in [0, 1] -> (C, H, W): Wang et al. 2004, doi:10.1109/TIP.2003.819861, equation 13, with a
    Gaussian window of standard deviation 1.5, cut at 5 pixels; images are mirrored at their edges."""

    def mean(values: np.ndarray) -> np.ndarray:
        return gaussian_filter(values, (0, WIDTH, WIDTH), radius=(0, REACH, REACH), mode="mirror")

    mu_x, mu_y = mean(x), mean(y)
    var_x, var_y, cov = mean(x * x) - mu_x**2, mean(y * y) - mu_y**2, mean(x * y) - mu_x * mu_y
    c1, c2 = K1**2, K2**2
    return ((2 * mu_x * mu_y + c1) * (2 * cov + c2)) / ((mu_x**2 + mu_y**2 + c1) * (var_x + var_y + c2))


def spread(images: np.ndarray) -> np.ndarray:
    """(n, C, H, W) uint8 -> (H, W): the standard deviation of solutions at each pixel, in levels of 255; over channels
    its root mean square."""
    return np.sqrt(images.astype(np.float64).var(0, ddof=1).mean(0)) if len(images) > 1 else np.zeros(images.shape[2:])
