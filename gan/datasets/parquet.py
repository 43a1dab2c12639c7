"""Images in a Parquet file, as Hugging Face `datasets` writes them: struct<bytes, path>, or bytes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ganbench.gan.datasets.base import ImageSet, content_digest, decode_all, method_in, other_images, scan
from ganbench.gan.files import fingerprint
from ganbench.gan.types import BadInput

NAMES = ("image", "img")
LABELS = ("label", "labels", "fine_label")
MOST, AT_ONCE = 4_000_000_000, 16                           # bytes of a row group's images; rows of a scan


def open_parquet(path: Path, rule: str = "") -> ImageSet:
    """The column of encoded images, found by its type, and a column `label` of class numbers if there is one."""
    try:
        with pq.ParquetFile(path) as file:
            schema = file.schema_arrow
            groups = [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)]
    except (pa.ArrowException, OSError) as error:
        raise BadInput("unreadable-data",
                       f"{path} is not a readable Parquet file, it may be truncated: {str(error).rstrip('.')}."
                       ) from error
    column = image_column(schema, path)
    found = scan(all_rows(path, column, len(groups)), str(path), rule)
    labels, classes = labels_in(path, schema)
    digest = content_digest(found.digests, found.shape, labels, method_in(rule, found.sizes))
    others = [field.name for field in schema if holds_images(field.type) and field.name != column]
    lost = (*found.lost, *other_images(str(path), column, others))
    rows = GroupedRows(path, column, tuple(groups), found.shape, rule)
    return ImageSet(str(path), found.n, found.shape, digest, rows, labels, classes, lost, found.sizes)


@dataclass(frozen=True)
class GroupedRows:
    """Rows of a Parquet file; a row group is read once for the images that lie in it."""

    path: Path
    column: str
    groups: tuple[int, ...]                                 # rows in each
    shape: tuple[int, int, int]
    rule: str

    def __call__(self, indices: Sequence[int]) -> np.ndarray:
        starts = np.cumsum([0, *self.groups])
        return decode_all((self.at(int(i), starts) for i in indices), self.shape, self.rule)

    def at(self, index: int, starts: np.ndarray) -> tuple[str, bytes]:
        group = int(np.searchsorted(starts, index, side="right")) - 1
        cell = read_group(self.path, self.column, group, fingerprint(self.path))[index - int(starts[group])]
        return encoded(cell, f"{self.path}, row {index},")


def image_column(schema: pa.Schema, path: Path) -> str:
    """`image` or `img`, or the only column whose type holds encoded images."""
    names = [field.name for field in schema if holds_images(field.type)]
    preferred = [name for name in NAMES if name in names]
    if not preferred and len(names) != 1:
        columns = ", ".join(f"{field.name}: {field.type}" for field in schema)
        raise BadInput("no-images",
                       f"{path} has {len(names) or 'no'} columns of encoded images, expected one "
                       f"(struct<bytes, path> or binary); it holds {columns}.")
    return (preferred or names)[0]


def holds_images(kind: pa.DataType) -> bool:
    if pa.types.is_struct(kind):
        return any(field.name == "bytes" and holds_images(field.type) for field in kind)
    return pa.types.is_binary(kind) or pa.types.is_large_binary(kind)


@lru_cache(maxsize=2)
def read_group(path: Path, column: str, group: int, version: tuple[int, ...]) -> pa.ChunkedArray:
    """One row group's cells, kept because rows are asked for in order."""
    try:
        with pq.ParquetFile(path) as file:
            return file.read_row_group(group, columns=[column]).column(column).combine_chunks()
    except (pa.ArrowException, OSError) as error:
        raise BadInput("unreadable-data", f"{path} is damaged: {error}.") from error


def all_rows(path: Path, column: str, groups: int) -> Iterator[tuple[str, bytes]]:
    """Every row's bytes, a few at a time: equal rows are stored once, so that a small file may hold any amount."""
    row = 0
    for group in range(groups):
        size = 0
        for cell in cells(path, column, group):
            name, data = encoded(cell, f"{path}, row {row},")
            size, row = size + len(data), row + 1
            if size > MOST:
                raise BadInput("too-large",
                               f"{path} has a row group of more than {MOST:,} bytes, which are read at once: write it "
                               "with smaller ones.")
            yield name, data


def cells(path: Path, column: str, group: int) -> Iterator[pa.Scalar]:
    try:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(AT_ONCE, row_groups=[group], columns=[column]):
                yield from batch.column(0)
    except (pa.ArrowException, OSError, MemoryError) as error:
        raise BadInput("unreadable-data", f"{path} is damaged: {error}.") from error


def encoded(cell: pa.Scalar, name: str) -> tuple[str, bytes]:
    value = cell.as_py()
    data = value.get("bytes") if isinstance(value, dict) else value
    if data is None:
        raise BadInput("no-images", f"{name} holds no bytes, only a reference to a file outside: embed the images.")
    return name, data


def labels_in(path: Path, schema: pa.Schema) -> tuple[np.ndarray | None, tuple[str, ...]]:
    """(n,) int64 and the names of the classes that the Hugging Face metadata give."""
    name = next((name for name in LABELS if name in schema.names), "")
    if not name or not pa.types.is_integer(schema.field(name).type):
        return None, ()
    with pq.ParquetFile(path) as file:
        labels = file.read(columns=[name]).column(name)
    if labels.null_count:
        raise BadInput("missing-labels", f"{path} has {labels.null_count:,} rows without a {name}.")
    return labels.to_numpy().astype(np.int64), class_names(schema.metadata or {}, name)


def class_names(metadata: dict[bytes, bytes], column: str) -> tuple[str, ...]:
    try:
        names = json.loads(metadata[b"huggingface"])["info"]["features"][column]["names"]
        return tuple(str(name) for name in names)
    except (KeyError, ValueError, TypeError):
        return ()
