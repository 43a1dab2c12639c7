"""Style as statistics of feature maps, and how far two of them are apart.

Which statistics: means and deviations of each channel (AdaIN: Huang & Belongie 2017, arXiv:1703.06868, equations 6 and
7), or the products of all pairs of channels (Gram matrices: Gatys, Ecker & Bethge 2016, "Image Style Transfer Using
Convolutional Neural Networks", equation 3).  Distances are relative, so that layers and networks of unlike scales can
be averaged: 0 means equal statistics, 1 a difference as large as the statistics of the style themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from ganbench.gan.applications.stylize.regions import within

Statistics = list[Tensor]                       # of each layer: (n, d)
TINY = 1e-12


def shares_of(maps: Tensor, weights: Tensor | None) -> Tensor:
    """Weights of places (n, 1, h, w), or None, which are equal ones -> (n, 1, h w) with sum 1."""
    flat = (torch.ones_like(maps[:, :1]) if weights is None else weights).flatten(2)
    return flat / flat.sum(2, keepdim=True).clamp_min(TINY)


def moments(maps: Tensor, weights: Tensor | None = None) -> Tensor:
    """Maps (n, C, h, w), weights of the places (n, 1, h, w) -> the means and deviations of each channel, (n, 2C).

    mu_c(x) = mean x_chw, sigma_c(x) = sqrt(mean (x_chw - mu_c)^2)      (Huang & Belongie 2017, section 2.2)
    """
    flat, shares = maps.flatten(2), shares_of(maps, weights)
    mean = (shares * flat).sum(2, keepdim=True)
    variance = (shares * (flat - mean).square()).sum(2)
    return torch.cat([mean.squeeze(2), (variance + TINY).sqrt()], 1)


def gram(maps: Tensor, weights: Tensor | None = None) -> Tensor:
    """Maps (n, C, h, w), weights of the places (n, 1, h, w) -> products of channels, G_ij = mean over places of
    x_i x_j, as rows (n, C^2).

    Gatys et al. 2016, equation 3, divided by the number of places, so that images of all sizes can be compared.
    """
    flat, shares = maps.flatten(2), shares_of(maps, weights)
    return ((shares * flat) @ flat.mT).flatten(1)


STATISTICS: Mapping[str, Callable[[Tensor, Tensor | None], Tensor]] = {"adain": moments, "gram": gram}


def statistics(layers: Sequence[Tensor], kind: str = "adain", mask: Tensor | None = None) -> Statistics:
    """Of each layer's maps, where a mask (1 or n, 1, H, W) covers them; None: everywhere."""
    return [STATISTICS[kind](maps, None if mask is None else within(mask, maps)) for maps in layers]


def between(a: Statistics, b: Statistics, t: float) -> Statistics:
    """(1 - t) a + t b: what statistics of a strength t are."""
    return [(1 - t) * x + t * y for x, y in zip(a, b, strict=True)]


def squared(found: Statistics, aim: Statistics, scale: Statistics) -> Tensor:
    """(n,) the mean over layers of |found - aim|^2 / |scale|^2."""
    terms = [(x - y).square().sum(1) / z.square().sum(1).clamp_min(TINY)
             for x, y, z in zip(found, aim, scale, strict=True)]
    return torch.stack(terms).mean(0)


def distance(found: Statistics, aim: Statistics) -> Tensor:
    """(n,) the root of `squared`, relative to what is aimed at."""
    return squared(found, aim, aim).sqrt()


def standardised(maps: Tensor) -> Tensor:
    """Each channel with mean 0 and deviation 1 over its places: what is left of maps without their style
    (Ulyanov et al. 2017, arXiv:1701.02096).  Channels that are the same everywhere become 0."""
    flat = maps.flatten(2)
    centred = flat - flat.mean(2, keepdim=True)
    spread = (centred.square().mean(2, keepdim=True) + TINY).sqrt()
    return torch.where(spread > 1e-4, centred / spread, 0.0).view_as(maps)


def strayed(maps: Tensor, known: Tensor) -> Tensor:
    """(n,) how far content is from what it was: 1 - r, where r is the correlation of standardised maps, averaged over
    the channels that have any variation in what was known.  0: the same places stand out; 1: unrelated ones."""
    a, b = standardised(maps), standardised(known)
    lively = b.flatten(2).square().mean(2).clamp_max(1)                                # (n, C): 1, or 0 where constant
    together = (a * b).flatten(2).mean(2)
    return 1 - (together * lively).sum(1) / lively.sum(1).clamp_min(TINY)
