"""Files of latents: JSON that says which latents of which model make which images.

    {"format": "ganbench-latents-1",
     "model": {"name": ..., "digest": ...},      the identity that keys of the store have
     "space": "w", "noise": "zeros",             what is drawn beside the latent was 0
     "search": {...},                            starts, steps, ..., seed; {} of samplers that ran backwards
     "latents": [{"image": path, "class": 3 or null, "latent": [...], "psnr": 31.2 or null, ...}]}
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ganbench.gan.files import atomic_write, check_file
from ganbench.gan.types import BadInput

FORMAT = "ganbench-latents-1"
MOST_BYTES = 200_000_000


@dataclass(frozen=True)
class Latents:
    """n latents of a model; `rows`: facts about each of them, as JSON has them."""

    model: str
    digest: str
    space: str
    values: np.ndarray              # (n, *shape) float32
    labels: tuple[int, ...]         # (n,), or () of a model without classes
    rows: Sequence[Mapping[str, Any]]
    search: Mapping[str, Any] = field(default_factory=dict)


def write_latents(path: Path, latents: Latents) -> None:
    """Numbers are written with all digits of float32."""
    labels = latents.labels or (None,) * len(latents.values)
    rows = [{"image": row.get("image", ""), "class": label, **{name: finite(value) for name, value in row.items()},
             "latent": nested(value)}
            for row, label, value in zip(latents.rows, labels, latents.values, strict=True)]
    facts = {"format": FORMAT, "model": {"name": latents.model, "digest": latents.digest}, "space": latents.space,
             "noise": "zeros", "search": dict(latents.search), "latents": rows}
    text = json.dumps(facts, indent=1, allow_nan=False)
    atomic_write(path, lambda partial: partial.write_text(text, "utf-8"))


def nested(value: np.ndarray) -> Any:
    """An array as lists, in the shortest decimals that give float32 back."""
    return [nested(row) for row in value] if value.ndim else float(str(np.float32(value)))


def finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def read_latents(path: Path, digest: str = "", name: str = "the model") -> Latents:
    """What `write_latents` wrote.  `digest`: the identity that its model must have, if it is given."""
    facts = parsed(path)
    try:
        model, rows = facts["model"], facts["latents"]
        values = np.array([row["latent"] for row in rows], np.float32)
        labels = [row["class"] for row in rows]
        found = Latents(model["name"], model["digest"], facts["space"], values,
                        () if None in labels else tuple(map(int, labels)),
                        [{key: value for key, value in row.items() if key not in ("latent", "class")} for row in rows],
                        facts["search"])
    except (KeyError, TypeError, ValueError) as error:
        raise unusable(path, f"it lacks something, or has it in another form ({error!r})") from error
    if digest and found.digest != digest:
        raise BadInput("latents-do-not-fit",
                       f"{path} holds latents of {found.model} with other weights or arguments than {name} has.")
    return found


def parsed(path: Path) -> Mapping[str, Any]:
    check_file(path)
    if path.stat().st_size > MOST_BYTES:
        raise BadInput("too-large", f"{path} has more than the {MOST_BYTES:,} bytes that are read of such a file.")
    try:
        facts = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise unusable(path, "it is no JSON") from error
    if not isinstance(facts, dict) or facts.get("format") != FORMAT:
        raise unusable(path, f'its format is not "{FORMAT}"')
    return facts


def unusable(path: Path, why: str) -> BadInput:
    return BadInput("unusable-config", f"{path} is no file of latents: {why}.")
