"""The folder that is published: it appears when it is complete, with sums by which changes on the way are found."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np

from ganbench.gan.files import cannot_write, file_digest
from ganbench.gan.hub.checking import Obstacle, obstacles
from ganbench.gan.types import BadInput

SHOWN = 64              # images of samples.png, whose pixels the card's digest is of
CARD, SUMS, NUMBERS, WEIGHTS = "README.md", "SHA256SUMS", "evaluation.json", "model.safetensors"
SAMPLES, FAILURES, REPORT, EXPLORE, CITATION = (
    "samples.png", "failures.png", "report.html", "explore.html", "CITATION.cff")
WHAT = {                # of files, for a plan and for the card
    CARD: "the card", SUMS: "sha256 of every file", NUMBERS: "every number of the card, in full precision",
    WEIGHTS: "the weights", "config.json": "the family and its arguments", SAMPLES: "the first images of seed 0",
    FAILURES: "the least realistic images, beside the nearest real ones", REPORT: "the whole evaluation, as one page",
    EXPLORE: "its latent space, in the browser, without a server", CITATION: "how it is cited",
    "index.html": "the page of a Space", "app.py": "the program of a Space", "requirements.txt": "what it needs",
    "model_index.json": "the parts of a diffusers pipeline",
}


@dataclass(frozen=True)
class Part:
    """A file of a bundle, as a plan shows it."""

    name: str
    size: int
    sha256: str

    @property
    def what(self) -> str:
        if self.name.startswith(".eval_results/"):
            return "a score of a benchmark of the Hub"
        return WHAT.get(self.name, "part of a diffusers pipeline" if "/" in self.name else "")


def grid_digest(images: np.ndarray) -> str:
    """sha256 over the pixels (n, C, H, W) uint8, so that who loads the model can compare."""
    return sha256(np.ascontiguousarray(images).data).hexdigest()


def check_new(folder: Path) -> None:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise BadInput("output-exists", f"{folder} is not an empty folder, and files of two models must not mix.")


@contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """A place to write into, which becomes `folder` at the end, with its sums."""
    check_new(folder)
    partial = folder.with_name(f".{folder.name}.{uuid.uuid4().hex[:12]}.partial")
    try:
        partial.mkdir(parents=True)
        yield partial
        (partial / SUMS).write_text(sums(partial), "utf-8")
        os.replace(partial, folder)
    except OSError as error:
        raise cannot_write(folder, error) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def sums(folder: Path) -> str:
    """As `sha256sum` writes and checks them."""
    return "".join(f"{part.sha256}  {part.name}\n" for part in parts_of(folder) if part.name != SUMS)


def is_sound(folder: Path) -> bool:
    """Whether all files are what the sums say."""
    return (folder / SUMS).is_file() and (folder / SUMS).read_text("utf-8") == sums(folder)


def parts_of(folder: Path) -> list[Part]:
    """All files, by name; the card last, as it is sent.  Git's own folder and what systems leave behind are no part."""
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    names = [name for name in names if not is_litter(name)]
    names.sort(key=lambda name: name == CARD)
    return [Part(name, (folder / name).stat().st_size, file_digest(folder / name)) for name in names]


def is_litter(name: str) -> bool:
    parts = name.split("/")
    return parts[0] in (".git", ".cache") or parts[-1] == ".DS_Store" or "__pycache__" in parts


def refusals(folder: Path, goal: str = "hub") -> list[Obstacle]:
    """Why a folder cannot be published; its licence is that of its card."""
    return obstacles({part.name: folder / part.name for part in parts_of(folder)}, licence_in(folder), goal)


def licence_in(folder: Path) -> str:
    """What the card's metadata say of the weights; '' where they say nothing."""
    found = metadata_in(folder)
    licence = str(found.get("license") or "")
    name = str(found.get("license_name") or "")
    return name if licence == "other" else "" if licence in ("unknown", "None") else licence


def metadata_in(folder: Path) -> Mapping[str, object]:
    """The front matter of the card; BadInput: it is no YAML."""
    from huggingface_hub import ModelCard

    path = folder / CARD
    if not path.is_file():
        return {}
    try:
        return dict(ModelCard.load(path, ignore_metadata_errors=False).data.to_dict())
    except Exception as error:          # of the YAML reader, and of the Hub's rules for scores
        raise BadInput("unusable-config", f"The metadata of {path} cannot be read: {type(error).__name__}.") from error
