"""Files of weights: what they hold, which family they fit, and the arguments that they imply."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from ganbench.gan.checkpoints import (
    load_into,
    load_state,
    parts,
    read_checkpoint,
    read_head,
    select_state,
    without_norms,
)
from ganbench.gan.files import checked_digest
from ganbench.gan.generators import GENERATORS
from ganbench.gan.generators.base import Generator
from ganbench.gan.guessing import KINDS, kind_of, look
from ganbench.gan.models import hub
from ganbench.gan.models.building import made
from ganbench.gan.types import BadInput, ModelSpec


def examine(spec: ModelSpec, trust_pickle: bool) -> tuple[ModelSpec, dict[str, Tensor]]:
    """Read the weights; note their sha256, where they lie in the file, and the arguments that they imply."""
    if not (spec.family or spec.factory):
        raise BadInput("needs-family", needs_family(spec, trust_pickle))
    if not spec.weights:
        if spec.family:
            raise BadInput("missing-weights", f"{spec.name} has no weights: family {spec.family} needs a weights file.")
        return spec, {}
    path = hub.place(spec.weights)
    read_head(path)
    digest = checked_digest(path, spec.sha256)
    key, state = select_state(read_checkpoint(path, trust_pickle), path, spec.weights_key)
    spec_key, spec = spec.weights_key, replace(spec, sha256=digest, weights_key=key)
    if spec.factory:
        return spec, state
    state = without_norms(state)
    part = "" if spec_key else part_of_family(spec.family, state)
    if part:
        key, state = f"{key}.{part}".lstrip("."), dict(parts(state))[part]
        spec = replace(spec, weights_key=key)
    implied = {**GENERATORS[spec.family].arguments_of(state), **spec.arguments}
    check_fit(spec.family, implied, state, spec.weights, spec.latent)
    channels, resolution = (spec.channels or implied.get("channels"), spec.resolution or implied.get("resolution"))
    return replace(spec, arguments=implied, channels=channels, resolution=resolution), state


def needs_family(spec: ModelSpec, trust_pickle: bool) -> str:
    """What to do with a weights file that came alone."""
    state = without_norms(load_state(hub.place(spec.weights), spec.weights_key, trust_pickle))
    fitting = [name for name in GENERATORS if fits(name, state) or part_of_family(name, state)]
    if fitting:
        return f"{spec.weights} needs a family; its shapes fit {fitting[0]}: give --family {fitting[0]}."
    advice = f"give --family ({', '.join(sorted(GENERATORS))}) or --factory module:callable"
    kind = kind_of(look(state))
    if kind in ("classifier", "discriminator"):
        return (f"{spec.weights} looks like {KINDS[kind]}, so it cannot be evaluated as MODEL; if it is a generator "
                f"all the same, {advice}.")
    return f"{spec.weights} holds weights, but not what they belong to: {advice}."


def fits(family: str, state: Mapping[str, Tensor]) -> bool:
    arguments = GENERATORS[family].arguments_of(state)
    if not arguments:
        return False
    try:
        check_fit(family, arguments, state, "")
    except BadInput:
        return False
    return True


def part_of_family(family: str, state: Mapping[str, Tensor]) -> str:
    """The first part of a state dict that has the family's shapes, such as `generator` beside `discriminator`; '' when
    the whole looks like the family, or no part does."""
    if GENERATORS[family].arguments_of(state):
        return ""
    return next((part for part, values in parts(state) if fits(family, values)), "")


def check_fit(
    family: str, arguments: Mapping[str, Any], state: Mapping[str, Tensor], source: str, latent: str = "normal"
) -> None:
    """Hold a state dict against the family's shapes, on the meta device: no memory is taken."""
    with torch.device("meta"):
        module = make_family(family, arguments, latent)
    if isinstance(module, nn.Module):
        load_into(module, {name: value.to("meta") for name, value in state.items()}, source, family)


def make_family(family: str, arguments: Mapping[str, Any], latent: str = "normal") -> Generator:
    """The family's generator, with fresh weights."""
    return made(family, GENERATORS[family].make, arguments, latent)
