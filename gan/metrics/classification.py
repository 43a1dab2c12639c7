"""Whether images show the requested class."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ganbench.gan.types import BadInput, Estimate


def accuracy(generated_logits: Any, generated_labels: Any) -> Estimate:
    """The share of images whose largest logit is that of their label; its binomial error.

    Logits (n, classes) float32, labels (n,) int64.  Accuracy of a classifier of real images on generated ones: Ravuri &
    Vinyals 2019, arXiv:1905.10887, section 4.2, which also measures the converse.  The error is at least that of a
    share of one image.
    """
    logits, labels = np.asarray(generated_logits[:]), np.asarray(generated_labels[:])
    if labels.min() < 0 or labels.max() >= logits.shape[1]:
        raise BadInput("labels-do-not-fit",
                       f"The classifier knows {logits.shape[1]} classes, but the labels reach from {labels.min()} to "
                       f"{labels.max()}.")
    n, p = len(labels), float((logits.argmax(axis=1) == labels).mean())
    return Estimate(p, math.sqrt(max(p * (1 - p), (1 - 1 / n) / n) / n))
