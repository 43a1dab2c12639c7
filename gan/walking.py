"""Steps along paths -> shards on disk, as images and features are: path i depends only on the model, the seed and i."""

from __future__ import annotations

import torch

from ganbench.gan.drawing import MICRO_BATCH, Tick, silent
from ganbench.gan.features.base import Extractor
from ganbench.gan.features.extract import module_of
from ganbench.gan.interpolation import latent_model
from ganbench.gan.sampling import generator_of, shard_key
from ganbench.gan.sources import source_digest
from ganbench.gan.stepping import steps
from ganbench.gan.store import SHARD, Arrays, Store, extend, whole_batches
from ganbench.gan.types import ModelSpec, Shard, Workspace, digest_of


def walk_shard(
    spec: ModelSpec, seed: int, index: int, rows: int, space: str, extractor: Extractor, workspace: Workspace,
    store: Store, tick: Tick = silent,
) -> Shard:
    """The first `rows` paths of shard `index` through a space, see `ganbench.gan.stepping.steps`; walks only those that
    are not in the store."""

    def compute(start: int, stop: int) -> Arrays:
        first, model = index * SHARD, latent_model(generator_of(spec, workspace), spec.name)
        return steps(model, spec, seed, space, first + start, first + stop, extractor, workspace.device, tick)

    key = digest_of(
        {
            "stage": "paths", "images": shard_key(spec, seed, index, workspace), "space": space,
            "extractor": extractor.digest, "engine": extractor.engine,
            "source": source_digest("paths", module_of(extractor)),
        }
    )
    step = whole_batches(workspace.batch_size, MICRO_BATCH[torch.device(workspace.device).type])
    return extend(store, "paths", key, index, rows, compute, step)
