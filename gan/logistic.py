"""Logistic regression of two classes, which count equally however many examples they have."""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit


def logistic(
    x: np.ndarray, of_class: np.ndarray, targets: np.ndarray, penalty: float, least: float = -np.inf
) -> np.ndarray:
    """Weights and bias, (k + 1,), of the least mean log loss + penalty |w|^2 / 2; `least`: no weight lies below it."""
    share = balance(of_class)

    def loss(values: np.ndarray) -> tuple[float, np.ndarray]:
        logits = x @ values[:-1] + values[-1]
        slopes = share * (expit(logits) - targets)
        found = share @ (np.logaddexp(0, logits) - targets * logits) + penalty / 2 * values[:-1] @ values[:-1]
        return float(found), np.append(x.T @ slopes + penalty * values[:-1], slopes.sum())

    bounds = [(least, np.inf)] * x.shape[1] + [(-np.inf, np.inf)]
    return minimize(loss, np.zeros(x.shape[1] + 1), jac=True, method="L-BFGS-B", bounds=bounds,
                    options={"maxiter": 1_000, "ftol": 1e-13, "gtol": 1e-8}).x


def balance(of_class: np.ndarray) -> np.ndarray:
    """Weights (n,) of sum 1, with a total of 1/2 for those of the class."""
    return np.where(of_class, 0.5 / of_class.sum(), 0.5 / (~of_class).sum())
