"""The step of a sampler backwards: which x becomes the given y.

Inverting DDIM (Song et al. 2021, arXiv:2010.02502, section 4.3) or Euler's method by one evaluation takes the network's
answer at y for that at x, so that errors add up.  The step's equation y = step(x) is solved instead, as Pan et al. 2023
do (arXiv:2309.04907, by iterating x - step(x)), with Anderson's acceleration (Walker & Ni 2011, SIAM J. Numer. Anal.
49, algorithm AA), which also converges where plain iteration does not.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor

MEMORY = 5          # former iterates that the next one is combined of
RIDGE = 1e-10       # of the least squares, relative to their trace: directions that say the same

Step = Callable[[Tensor], Tensor]


def undone(step: Step, y: Tensor, iterations: int = 10, tolerance: float = 1e-6) -> Tensor:
    """x with step(x) = y, for each row of y (n, ...) by itself; the best iterate, if the tolerance is not reached.

    `tolerance`: root mean square of step(x) - y, at which a row is left alone.  It begins at x = y.
    """
    x, best, least = y, y, torch.full((len(y),), torch.inf, device=y.device)
    points: list[Tensor] = []
    residuals: list[Tensor] = []
    for _ in range(iterations):
        residual = y - step(x)
        error = residual.flatten(1).square().mean(1).sqrt()
        best, least = torch.where(per_row(error < least, y), x, best), torch.minimum(error, least)
        if bool((least <= tolerance).all()):
            break
        points, residuals = [*points, x.flatten(1)][-MEMORY - 1 :], [*residuals, residual.flatten(1)][-MEMORY - 1 :]
        x = torch.where(per_row(least <= tolerance, y), best, accelerated(points, residuals).view_as(y))
    return best


def per_row(condition: Tensor, like: Tensor) -> Tensor:
    """(n,) bool -> (n, 1, ...), as many axes as `like`."""
    return condition.reshape(-1, *[1] * (like.ndim - 1))


def accelerated(points: list[Tensor], residuals: list[Tensor]) -> Tensor:
    """The next iterate x + f - (dX + dF) g, where g makes |f - dF g| least; points x and residuals f (n, d), the newest
    last.  With one point it is x + f."""
    x, f = points[-1], residuals[-1]
    if len(points) == 1:
        return x + f
    moved = torch.stack([b - a for a, b in pairwise(points)], 2).double()          # (n, d, m)
    change = torch.stack([b - a for a, b in pairwise(residuals)], 2).double()
    square = change.mT @ change
    ridge = RIDGE * square.diagonal(dim1=1, dim2=2).sum(1)[:, None, None] + torch.finfo(torch.float64).tiny
    weights = torch.linalg.solve(square + ridge * torch.eye(square.shape[1], device=x.device, dtype=square.dtype),
                                 change.mT @ f.double()[:, :, None])
    return (x.double() + f.double() - ((moved + change) @ weights)[:, :, 0]).to(x)
