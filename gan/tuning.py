"""Pivotal tuning of a model to inverted images, what it costs elsewhere, and its file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from ganbench.gan.files import atomic_write, file_digest
from ganbench.gan.generators import GENERATORS
from ganbench.gan.generators.backwards import runs_backwards
from ganbench.gan.generators.base import LatentModel
from ganbench.gan.images import to_float
from ganbench.gan.inversion import Inverted, Way, as_floats, device_of, mapped
from ganbench.gan.latent.pivot import Tuning, tuned
from ganbench.gan.models.toml_file import write_spec
from ganbench.gan.types import BadInput, ModelSpec

OTHERS = 200        # drawn latents near which, in turn, images are held
WITNESSES = 50      # and other ones, of whose images the change is measured


@dataclass(frozen=True)
class Tuned:
    """A tuned copy of a model."""

    model: LatentModel
    found: Inverted             # the same latents, with the images that the copy makes of them
    drift: float                # root mean square change, in levels of 255, of images of other latents


def check_tuning(model: LatentModel, spec: ModelSpec) -> None:
    """Refuse what has no weights to tune, or no file that could hold them."""
    if runs_backwards(model) or spec.family not in GENERATORS or not isinstance(model, nn.Module):
        raise BadInput("conflicting-options",
                       f"{spec.name} cannot be tuned: pivotal tuning takes a GAN of ganbench's families, whose weights "
                       "it writes into a file.")


def tune(
    model: LatentModel, spec: ModelSpec, targets: np.ndarray, found: Inverted, way: Way, tuning: Tuning,
    watch: Callable[[int, int], object] = lambda done, steps: None,
) -> Tuned:
    """Tune a copy to targets (n, C, H, W) uint8 at the latents that were found for them; the model is not changed."""
    check_tuning(model, spec)
    device = device_of(model)
    noise, labels = found.noise.to(device), torch.tensor(found.labels, device=device) if found.labels else None

    def decode(network: LatentModel, latents: Tensor, rows: Tensor) -> Tensor:
        told = None if labels is None else labels[rows]
        return as_floats(network.decode(latents, noise[rows], told, found.space), spec)

    pivots = torch.from_numpy(found.latents).to(device)
    drawn = drawn_with(model, replace(way, space=found.space), found.labels, OTHERS + WITNESSES).to(device)
    aims = to_float(torch.from_numpy(targets)).to(device)
    network = tuned(model, decode, pivots, aims, drawn[:OTHERS], tuning, watch)         # type: ignore[type-var]
    rows = torch.arange(len(pivots), device=device)
    with torch.no_grad():
        images = decode(network, pivots, rows).cpu().numpy()
        some = rows.repeat(WITNESSES // len(rows) + 1)[:WITNESSES]
        change = (decode(network, drawn[OTHERS:], some) - decode(model, drawn[OTHERS:], some)).square().mean().sqrt()
    return Tuned(network, replace(found, images=images), float(change) * 127.5)


def drawn_with(model: LatentModel, way: Way, labels: tuple[int, ...], n: int) -> Tensor:
    """n drawn latents, of the classes of the images in turn."""
    told = torch.tensor([labels[i % len(labels)] for i in range(n)]) if labels else None
    return mapped(model, replace(way, seed=way.seed + 1), range(n), told)


def write_tuned(tuned: Tuned, spec: ModelSpec, path: Path) -> None:
    """A model file and, beside it, the weights."""
    state = tuned.model.state_dict()                                                    # type: ignore[attr-defined]
    weights = path.with_suffix(".safetensors")
    whole = {name: value.detach().cpu().contiguous().clone() for name, value in state.items()}
    atomic_write(weights, lambda partial: save_file(whole, partial))
    changed = replace(spec, name=path.stem, weights=weights.name, weights_key="", sha256=file_digest(weights))
    atomic_write(path, lambda partial: partial.write_text(write_spec(changed), "utf-8"))
