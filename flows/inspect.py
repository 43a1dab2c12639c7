"""The output of `ganbench inspect`."""

from __future__ import annotations

import json
import shlex
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from ganbench.gan.generators import GENERATORS
from ganbench.gan.inspection import FACTORY, save_toml, toml_of
from ganbench.gan.types import BadInput

if TYPE_CHECKING:
    from ganbench.gan.inspection import Inspection
    from ganbench.gan.types import ModelSpec

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
        print(f"Guess: {guess.field} = {guess.value!r}: {guess.why}{f'; or {guess.instead}' * bool(guess.instead)}.")
    for guess in found.lines:
        print(f"If wanted: {guess.field} = {guess.value!r}, since {guess.why}.")
    for note in found.notes:
        print(f"Note: {note}.")
    if found.spec is not None:
        print(f"\nAs a TOML model file (--out writes it):\n\n{toml_of(found)}", end="")


def next_command(found: Inspection, out: Path | None, trust_pickle: bool) -> str:
    """The one command to type next, and what to do before it."""
    trust = " --trust-pickle" * (trust_pickle or any("--trust-pickle" in note for note in found.notes))
    again = f"ganbench inspect {shlex.quote(found.model)}"
    if found.spec is None:
        key = f" --weights-key {shlex.quote(found.sets[-1].at)}"
        return f"{again}{key} --out mine.toml" if len(found.sets) > 1 else ""
    if out is None and needs_file(found):
        return f"{again}{trust} --out mine.toml"
    family = f" --family {found.spec.family}" if found.spec.family in GENERATORS else ""
    given = found.model.endswith(".toml") or found.model.startswith("zoo:")
    model = shlex.quote(str(out)) if out else shlex.quote(found.model) + family * (not given)
    first = f"replace {FACTORY} in {out}, look at the guesses, then: " if found.spec.factory == FACTORY else ""
    return f"{first}ganbench evaluate {model}{trust} --reference {reference_for(found.spec)}"


def needs_file(found: Inspection) -> bool:
    """Whether the model cannot be given without a TOML model file."""
    return bool(found.guesses) and (bool(found.spec and found.spec.factory) or any(
        guess.field in ("weights_key", "arguments.prompts") for guess in found.guesses))


def reference_for(spec: ModelSpec) -> str:
    """Fashion-MNIST for grey pictures of its size, which people can replace by their own data; else a folder."""
    fashion = spec.channels == 1 and spec.resolution == 32
    return "fashion-mnist:test" if fashion else "path/to/real/images"


def inspection_json(found: Inspection) -> str:
    return json.dumps(asdict(found), indent=1, default=str)


def write_proposal(found: Inspection, out: Path) -> None:
    """The proposed model file; an older one of the user's is not overwritten."""
    if out.exists():
        raise BadInput("output-exists", f"{out} exists: choose another name with --out.")
    save_toml(found, out)
    print(f"Written: {out}")
