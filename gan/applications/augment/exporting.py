"""Synthetic images as training data for others: ImageFolder, Parquet of Hugging Face, or WebDataset.

Every image says that it is synthetic and where it comes from: model, its digest, seed and number of the draw, class and
realism.  PNG files also bear IPTC's mark for it, see `ganbench.gan.synthetic`.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import tarfile
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ganbench.gan.croissant import write_croissant
from ganbench.gan.files import cannot_write
from ganbench.gan.images import IMAGE, class_folder, features
from ganbench.gan.synthetic import marked_png
from ganbench.gan.types import BadInput

SHARD = 1_000                       # images of a file of WebDataset, and of a row group
TYPES = {"model": "string", "model_digest": "string", "seed": "int64", "index": "int64", "class": "string",
         "realism": "float64", "synthetic": "bool"}


@dataclass(frozen=True, eq=False)
class Exported:
    """Images with their classes, and where they come from."""

    images: np.ndarray              # (n, C, H, W) uint8
    labels: np.ndarray              # (n,) int64
    names: tuple[str, ...]          # of the classes
    model: str
    model_digest: str
    seed: int                       # of the draws
    indices: np.ndarray             # (n,) int64, the number of each image among the draws
    realism: np.ndarray             # (n,) float64

    def __len__(self) -> int:
        return len(self.labels)

    def origin(self, i: int) -> dict[str, Any]:
        """The columns of TYPES."""
        return {"model": self.model, "model_digest": self.model_digest, "seed": self.seed,
                "index": int(self.indices[i]), "class": self.names[self.labels[i]], "realism": float(self.realism[i]),
                "synthetic": True}


def export(folder: Path, kind: str, made: Exported) -> None:
    """Write a new folder, which appears when it is complete.  `kind`: a row of FORMATS."""
    check_export(folder, kind)
    partial = folder.with_name(f".{folder.name}.{uuid.uuid4().hex[:12]}.partial")
    try:
        partial.mkdir(parents=True)
        FORMATS[kind](partial, made)
        (partial / "README.md").write_text(card(made), "utf-8")
        write_croissant(partial, len(made), {"model": made.model, "model_digest": made.model_digest, "seed": made.seed})
        os.replace(partial, folder)
    except OSError as error:
        raise cannot_write(folder, error) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def check_export(folder: Path, kind: str) -> None:
    if kind not in FORMATS:
        raise BadInput("unknown-output-format",
                       f"The value of --format is {kind!r}, expected one of {', '.join(FORMATS)}.")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise BadInput("output-exists", f"{folder} is not an empty folder, and images of different runs must not mix.")


def write_imagefolder(folder: Path, made: Exported) -> None:
    """A sub-folder for each class, as torchvision's ImageFolder wants it, and metadata.jsonl for `datasets`."""
    lines = []
    for i, image in enumerate(made.images):
        place = f"{class_folder(int(made.labels[i]), made.names)}/{i:06d}.png"
        (folder / place).parent.mkdir(exist_ok=True)
        (folder / place).write_bytes(marked_png(image, made.origin(i)))
        lines.append(json.dumps({"file_name": place, "label": int(made.labels[i]), **made.origin(i)}))
    (folder / "metadata.jsonl").write_text("\n".join(lines) + "\n", "utf-8")


def write_parquet(folder: Path, made: Exported) -> None:
    """One file, whose schema tells `datasets` which column holds pictures and what the classes are called."""
    origin = {name: {"dtype": kind, "_type": "Value"} for name, kind in TYPES.items()}
    known = {**features(made.labels.tolist(), made.names), **origin}
    schema = pa.schema(
        [pa.field("image", IMAGE), pa.field("label", pa.int64()),
         *(pa.field(name, arrow(kind)) for name, kind in TYPES.items())],
        {"huggingface": json.dumps({"info": {"features": known}})})
    (folder / "data").mkdir()
    with pq.ParquetWriter(folder / "data" / "train-00000-of-00001.parquet", schema) as writer:
        for rows in shards(len(made)):
            writer.write_table(pa.Table.from_pylist([row_of(made, i) for i in rows], schema))


def row_of(made: Exported, i: int) -> dict[str, Any]:
    origin = made.origin(i)
    return {"image": {"bytes": marked_png(made.images[i], origin), "path": f"{i:06d}.png"},
            "label": int(made.labels[i]), **origin}


def arrow(kind: str) -> pa.DataType:
    return {"string": pa.string(), "int64": pa.int64(), "float64": pa.float64(), "bool": pa.bool_()}[kind]


def write_webdataset(folder: Path, made: Exported) -> None:
    """Archives of 1,000 images: NUMBER.png, NUMBER.cls and NUMBER.json; the same bytes whenever they are written."""
    for number, rows in enumerate(shards(len(made))):
        with tarfile.open(folder / f"synthetic-{number:06d}.tar", "w") as archive:
            for i in rows:
                origin = made.origin(i)
                add(archive, f"{i:06d}.png", marked_png(made.images[i], origin))
                add(archive, f"{i:06d}.cls", str(int(made.labels[i])).encode())
                add(archive, f"{i:06d}.json", json.dumps(origin).encode())


def add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    archive.addfile(entry, io.BytesIO(content))


def shards(n: int) -> Iterator[range]:
    for first in range(0, n, SHARD):
        yield range(first, min(first + SHARD, n))


def card(made: Exported) -> str:
    """What Hugging Face shows of the folder."""
    facts = json.dumps({"model": made.model, "model_digest": made.model_digest, "seed": made.seed}, indent=1)
    return (f"---\ntags:\n- synthetic\n---\n\n{len(made):,} synthetic images, made by a generator: none is a "
            f"photograph.\n\n```json\n{facts}\n```\n")


FORMATS: dict[str, Callable[[Path, Exported], None]] = {
    "imagefolder": write_imagefolder, "parquet": write_parquet, "webdataset": write_webdataset,
}
