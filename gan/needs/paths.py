"""Steps along paths between a model's latents, for perceptual path length."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ganbench.gan.needs.sets import Sets
from ganbench.gan.rows import Chunks
from ganbench.gan.types import Features

# The latent space that an argument's paths lead through; "": that of the draws.
SPACES: Mapping[str, str] = {"paths": "", "w_paths": "w"}


def paths(sets: Sets) -> np.ndarray | None:
    return walked(sets.context.paths)


def w_paths(sets: Sets) -> np.ndarray | None:
    return walked(sets.context.w_paths)


def walked(shards: Features | None) -> np.ndarray | None:
    return np.concatenate(Chunks(shards, "steps")) if shards else None
