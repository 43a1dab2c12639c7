"""The output of `ganbench inspect`."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from ganbench.gan.inspection import save_toml, toml_of
from ganbench.gan.types import BadInput

if TYPE_CHECKING:
    from ganbench.gan.inspection import Inspection

MOST = 12                                                   # tensors listed from each end of a state dict


def print_inspection(found: Inspection) -> None:
    """What it is, its tensors, what was concluded from them, and the model file."""
    from ganbench.flows.tables import print_list

    print(f"{found.model}: {found.kind}")
    for weights in found.sets:
        loaded = " (this one is loaded)" if weights.at == found.chosen and len(found.sets) > 1 else ""
        rows = [{"name": tensor.name, "shape": "x".join(map(str, tensor.shape)) or "one number", "dtype": tensor.dtype}
                for tensor in weights.tensors]
        print(f"\n{weights.at or 'Weights'}: {len(rows)} tensors, {weights.numbers:,} numbers{loaded}")
        left_out = {"name": f"... {len(rows) - 2 * MOST} more", "shape": "", "dtype": ""}
        print_list("", rows if len(rows) <= 2 * MOST + 1 else [*rows[:MOST], left_out, *rows[-MOST:]], False)
    if found.asks_for:
        print(f"It names: {', '.join(found.asks_for)}")
    for guess in found.guesses:
        print(f"Guess: {guess.field} = {guess.value!r}, since {guess.why}.")
    for guess in found.lines:
        print(f"If wanted: {guess.field} = {guess.value!r}, since {guess.why}.")
    for note in found.notes:
        print(f"Note: {note}.")
    if found.spec is not None:
        print(f"\nAs a TOML model file (--out writes it):\n\n{toml_of(found)}", end="")


def inspection_json(found: Inspection) -> str:
    return json.dumps(asdict(found), indent=1, default=str)


def write_proposal(found: Inspection, out: Path) -> None:
    """The proposed model file; an older one of the user's is not overwritten."""
    if out.exists():
        raise BadInput("output-exists", f"{out} exists: choose another name with --out.")
    save_toml(found, out)
    print(f"Written: {out}. Look at what was guessed, then: ganbench evaluate {out}")
