"""The folder that is published: weights, card, numbers, pictures, and sums by which changes on the way are found."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from ganbench.gan.files import cannot_write, file_digest
from ganbench.gan.generators import GENERATORS
from ganbench.gan.hub.card import Described, as_json, card, evaluation
from ganbench.gan.hub.checking import Obstacle, obstacles
from ganbench.gan.hub.pretrained import Pretrained
from ganbench.gan.images import write_contact_sheet
from ganbench.gan.types import BadInput, CompleteSpec

SHOWN = 64              # images of samples.png
CARD, SUMS = "README.md", "SHA256SUMS"


@dataclass(frozen=True)
class Part:
    """A file of a bundle, as a plan shows it."""

    name: str
    size: int
    sha256: str


def publishable(spec: CompleteSpec, generator: Any, classes: Sequence[str]) -> Pretrained:
    """The class that others load.  BadInput: a model whose code or format is not ours to publish."""
    if spec.family not in GENERATORS:
        what = f"a factory's ({spec.factory})" if spec.factory else f"of the kind {spec.family}"
        raise BadInput("unpublishable-model",
                       f"{spec.name} is {what}, expected one of the families {', '.join(sorted(GENERATORS))}, "
                       "whose code comes with ganbench.")
    model = Pretrained(spec.family, dict(spec.arguments), spec.output_range, classes)
    model.generator.load_state_dict(generator.state_dict())
    return model


def grid_digest(images: np.ndarray) -> str:
    """sha256 over the pixels (n, C, H, W) uint8, so that who loads the model can compare."""
    return sha256(np.ascontiguousarray(images).data).hexdigest()


def write_bundle(
    folder: Path, model: Pretrained, about: Described, images: np.ndarray, more: Mapping[str, Path]
) -> None:
    """A new folder, which appears when it is complete.  `images`: the first ones of seed 0; `more`: files to copy, by
    their names."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise BadInput("output-exists", f"{folder} is not an empty folder, and files of two models must not mix.")
    partial = folder.with_name(f".{folder.name}.{uuid.uuid4().hex[:12]}.partial")
    try:
        partial.mkdir(parents=True)
        model.save_pretrained(partial)
        write_contact_sheet(partial / "samples.png", images[:SHOWN])
        for name, path in more.items():
            shutil.copyfile(path, partial / name)
        (partial / "evaluation.json").write_text(as_json(evaluation(about)), "utf-8")
        (partial / CARD).write_text(card(about), "utf-8")
        (partial / SUMS).write_text(sums(partial), "utf-8")
        os.replace(partial, folder)
    except OSError as error:
        raise cannot_write(folder, error) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def sums(folder: Path) -> str:
    """As `sha256sum` writes and checks them."""
    return "".join(f"{part.sha256}  {part.name}\n" for part in parts_of(folder) if part.name != SUMS)


def parts_of(folder: Path) -> list[Part]:
    """All files, by name; the card last, as it is sent."""
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    names.sort(key=lambda name: name == CARD)
    return [Part(name, (folder / name).stat().st_size, file_digest(folder / name)) for name in names]


def refusals(folder: Path, licence: str, goal: str = "hub") -> list[Obstacle]:
    return obstacles({part.name: folder / part.name for part in parts_of(folder)}, licence, goal)
