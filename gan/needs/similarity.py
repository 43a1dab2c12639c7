"""The mean similarity of real images to each other, for kernel distances."""

from __future__ import annotations

from ganbench.gan.metrics import kernel
from ganbench.gan.needs.sets import Sets, once, real_features
from ganbench.gan.sources import source_digest
from ganbench.gan.store import remember
from ganbench.gan.types import digest_of


@once
def real_self_similarity(sets: Sets) -> float | None:
    """The self-similarity of the reference: stored, since it is the same for every model."""
    reference, features = sets.context.reference, real_features(sets)
    if reference is None or features is None:
        return None
    key = digest_of({"stage": "self-similarity", "features": reference.digest, "view": sets.view,
                     "source": source_digest("self-similarity")})
    value, _ = remember(sets.store, "statistics", key, lambda: kernel.mean_self_similarity(features))
    return float(value)
