"""TensorBoard's event files: records with checksums (TFRecord), each an `Event` in protobuf's wire format.

A record: length (uint64), its masked CRC32C, the data, their masked CRC32C; all little-endian.
https://github.com/tensorflow/tensorflow/blob/v2.18.0/tensorflow/core/lib/io/record_writer.h
https://github.com/tensorflow/tensorflow/blob/v2.18.0/tensorflow/core/util/event.proto
"""

from __future__ import annotations

import struct
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from ganbench.gan.curves.table import Points
from ganbench.gan.types import BadInput, Caveat

HEADER, FOOTER = 12, 4          # bytes around a record's data
BLOCK = 2_048                   # long records are checked in rows of so many bytes
FEW = 8                         # records of one length that are not worth a common layout
LAYOUTS = 200                   # different layouts of one length that are looked for
MOST_BYTES = 2**31              # of one record: protobuf allows no more


# Checksums

@lru_cache(maxsize=1)
def crc_table() -> np.ndarray:
    """(256,) uint32 of the reflected Castagnoli polynomial."""
    crc = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        crc = np.where(crc & 1, (crc >> 1) ^ np.uint32(0x82F63B78), crc >> 1)
    return crc


def crc_rows(rows: np.ndarray, start: np.ndarray | int = 0xFFFFFFFF) -> np.ndarray:
    """CRC32C of every row, not yet inverted: (n, length) uint8 -> (n,) uint32."""
    table, crc = crc_table(), np.full(len(rows), start, np.uint32)
    for column in np.ascontiguousarray(rows.T):
        crc = table[(crc ^ column) & 0xFF] ^ (crc >> 8)
    return crc


def crc32c(rows: np.ndarray) -> np.ndarray:
    """CRC32C (RFC 3720, appendix B.4) of every row: (n, length) uint8 -> (n,) uint32."""
    if rows.shape[1] <= 2 * BLOCK:
        return ~crc_rows(rows)
    return np.array([long_crc(row) for row in rows], np.uint32)


def long_crc(data: np.ndarray) -> int:
    """Of many bytes: checksums of blocks, which are linear in the data, joined by the operator of a block of zeros."""
    head = len(data) % BLOCK
    crc = int(crc_rows(data[None, :head])[0])
    zeros, step = np.zeros((32, BLOCK), np.uint8), 0
    powers = crc_rows(zeros, np.uint32(1) << np.arange(32, dtype=np.uint32))        # where each bit of the state goes
    for block in crc_rows(data[head:].reshape(-1, BLOCK), 0):
        step = 0
        for bit in range(32):
            if crc >> bit & 1:
                step ^= int(powers[bit])
        crc = step ^ int(block)
    return crc ^ 0xFFFFFFFF


def masked(crc: np.ndarray) -> np.ndarray:
    """As TFRecord stores it: rotated by 15 bits, plus a constant, modulo 2^32."""
    return ((crc >> np.uint32(15)) | (crc << np.uint32(17))) + np.uint32(0xA282EAD8)


# Records

@dataclass(frozen=True)
class Records:
    """Where the data of each record lie in a file, and how many bytes at its end are half a record."""

    data: np.ndarray            # (bytes,) uint8
    start: np.ndarray           # (n,) int64
    length: np.ndarray          # (n,) int64
    cut: int = 0


def read_records(path: Path) -> Records:
    """The records of a file, their checksums verified; one that is cut off at the end is left out.

    Raises BadInput for a damaged record, by its number and its byte.
    """
    data = np.fromfile(path, np.uint8)
    start, end, view, n = [], 0, data.data, len(data)
    unpack = struct.Struct("<Q").unpack_from
    while end + HEADER <= n:
        (length,) = unpack(view, end)
        if length > MOST_BYTES or (length == 0 and not data[end:].any()):
            break                                           # a wrong length, see below; or nothing but zeros
        if end + HEADER + length + FOOTER > n:
            break
        start.append(end + HEADER)
        end += HEADER + length + FOOTER
    starts = np.array(start, np.int64)
    lengths = np.diff(np.append(starts, end + HEADER)) - HEADER - FOOTER
    records = Records(data, starts, lengths, n - end)
    check(path, records, end)
    return records


def check(path: Path, records: Records, end: int) -> None:
    """Refuse the first record whose checksum is wrong; zeros at the end are what a file system allots in advance."""
    data, rest = records.data, records.data[end : end + HEADER]
    heads = gathered(data, records.start - HEADER, HEADER)
    wrong = np.flatnonzero(masked(crc32c(heads[:, :8])) != numbers(heads[:, 8:]))
    if len(rest) == HEADER and data[end:].any() and masked(crc32c(rest[None, :8]))[0] != numbers(rest[None, 8:])[0]:
        wrong = np.append(wrong, len(records.start))
    for length in np.unique(records.length):
        mine = np.flatnonzero(records.length == length)
        if not len(wrong) or mine[0] < wrong.min():         # behind a wrong length nothing is a record
            rows = gathered(data, records.start[mine], int(length) + FOOTER)
            bad = masked(crc32c(rows[:, :-FOOTER])) != numbers(rows[:, -FOOTER:])
            wrong = np.append(wrong, mine[bad])
    if len(wrong):
        first = int(wrong.min())
        place = int(records.start[first]) - HEADER if first < len(records.start) else end
        raise BadInput("damaged-log",
                       f"{path} is damaged: the checksum of record {first + 1:,}, at byte {place:,} of {len(data):,}, "
                       "is wrong.")


def gathered(data: np.ndarray, start: np.ndarray, length: int) -> np.ndarray:
    """(n, length) uint8: the bytes behind each start."""
    return data[start[:, None] + np.arange(length)]


def numbers(rows: np.ndarray) -> np.ndarray:
    """(n, 4) uint8 -> (n,) uint32, little-endian."""
    return np.ascontiguousarray(rows).view("<u4")[:, 0]


# Protobuf

def varint(data: bytes, at: int) -> tuple[int, int]:
    """A number of seven bits a byte, and where the next field begins."""
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at
        if shift > 63:
            raise ValueError("A varint has more than ten bytes.")


def fields(data: bytes, at: int = 0, end: int | None = None) -> Iterator[tuple[int, int, int, int]]:
    """(field, kind, where its value begins, where it ends); of kind 0 the value is a varint."""
    end = len(data) if end is None else end
    while at < end:
        tag, at = varint(data, at)
        kind, begin = tag & 7, at
        if kind == 0:
            _, at = varint(data, at)
        elif kind == 2:
            size, begin = varint(data, at)
            at = begin + size
        elif kind in (1, 5):
            at += 8 if kind == 1 else 4
        else:
            raise ValueError(f"Protobuf has no fields of kind {kind}.")
        if at > end:
            raise ValueError("A field ends behind its message.")
        yield tag >> 3, kind, begin, at


@dataclass(frozen=True)
class Layout:
    """Where the numbers of an event stand; `values`: tag, place and numpy's type of each scalar."""

    wall: int = -1              # of its time, 8 bytes
    step: tuple[int, int] = (0, 0)
    values: tuple[tuple[str, int, str], ...] = ()


# Of TensorProto: dtype -> numpy's type, the field of values that are written one by one, and their type there.
TYPES = {1: ("<f4", 5, "<f4"), 2: ("<f8", 6, "<f8"), 3: ("<i4", 7, ""), 9: ("<i8", 10, ""), 19: ("<f2", 13, "")}


def layout_of(event: bytes) -> Layout:
    """Of an Event: its wall_time (1), step (2), and the scalars of its summary (5)."""
    wall, step, values = -1, (0, 0), list[tuple[str, int, str]]()
    for field, kind, begin, end in fields(event):
        if (field, kind) == (1, 1):
            wall = begin
        elif (field, kind) == (2, 0):
            step = begin, end
        elif (field, kind) == (5, 2):
            values += [found for inner, _, at, to in fields(event, begin, end) if inner == 1
                       for found in scalar_in(event, at, to)]
    return Layout(wall, step, tuple(values))


def scalar_in(event: bytes, at: int, end: int) -> list[tuple[str, int, str]]:
    """Of a Summary.Value: tag (1), and simple_value (2) or a tensor (8) of one number."""
    tag, found = "", list[tuple[int, str]]()
    for field, kind, begin, to in fields(event, at, end):
        if (field, kind) == (1, 2):
            tag = event[begin:to].decode("utf-8", "replace")
        elif (field, kind) == (2, 5):
            found.append((begin, "<f4"))
        elif (field, kind) == (8, 2):
            found += tensor_in(event, begin, to)
    return [(tag, begin, kind) for begin, kind in found]


def tensor_in(event: bytes, at: int, end: int) -> list[tuple[int, str]]:
    """The place of a TensorProto's only number: in tensor_content (4), or in the field of its type."""
    parts = {field: (begin, to) for field, kind, begin, to in fields(event, at, end)}
    kind = varint(event, parts[1][0])[0] if 1 in parts else 0
    if kind not in TYPES:
        return []
    dense, field, single = TYPES[kind]
    for place, form in ((4, dense), (field, single)):
        if form and place in parts and parts[place][1] - parts[place][0] == int(form[2]):
            return [(parts[place][0], form)]
    return []


# Events

def read_events(path: Path) -> tuple[dict[str, Points], list[Caveat]]:
    """The scalars of an event file by tag, in the order in which they were written."""
    records = read_records(path)
    columns: dict[str, list[tuple[np.ndarray, ...]]] = defaultdict(list)
    for length in np.unique(records.length):
        places = np.flatnonzero(records.length == length)
        for part, layout in alike(path, records, places, int(length)):
            rows = gathered(records.data, records.start[part], int(length))
            for tag, *found in decoded(rows, layout):
                columns[tag].append((part, *found))
    first = {tag: min(int(parts[0].min()) for parts in columns[tag]) for tag in columns}
    metrics = {tag: in_order(columns[tag]) for tag in sorted(columns, key=first.__getitem__)}
    cut = [Caveat("cut off", {"bytes": records.cut, "records": len(records.start)})] if records.cut else []
    return metrics, cut


def in_order(parts: list[tuple[np.ndarray, ...]]) -> Points:
    place, step, time, value = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    order, points = np.argsort(place, kind="stable"), Points()
    points.add(step[order], time[order], value[order])
    return points


def alike(path: Path, records: Records, places: np.ndarray, length: int) -> Iterator[tuple[np.ndarray, Layout]]:
    """Records of one length in groups of one layout: those that differ from the first one in nothing but numbers."""
    rows = gathered(records.data, records.start[places], length) if len(places) > FEW else None
    for _ in range(LAYOUTS):
        if rows is None or len(places) <= FEW:
            break
        layout = parsed(path, rows[0].tobytes(), places[0])
        same = like_first(rows, layout)
        yield places[same], layout
        places, rows = places[~same], rows[~same]
    for place in places:
        start = int(records.start[place])
        yield np.array([place]), parsed(path, records.data[start : start + length].tobytes(), place)


def parsed(path: Path, event: bytes, place: int) -> Layout:
    try:
        return layout_of(event)
    except (ValueError, IndexError) as error:
        raise BadInput("damaged-log",
                       f"{path} is no file of TensorBoard's events: record {int(place) + 1:,} is no Event.") from error


def like_first(rows: np.ndarray, layout: Layout) -> np.ndarray:
    """(n,) bool: rows whose bytes are those of the first one, apart from time, step and values."""
    fixed = np.ones(rows.shape[1], bool)
    begin, end = layout.step
    fixed[begin:end] = False
    if layout.wall >= 0:
        fixed[layout.wall : layout.wall + 8] = False
    for _, at, kind in layout.values:
        fixed[at : at + int(kind[2])] = False
    ends = (rows[:, begin:end] ^ rows[0, begin:end]) & 0x80     # where a varint ends
    return (rows[:, fixed] == rows[0, fixed]).all(1) & ~ends.any(1)


def decoded(rows: np.ndarray, layout: Layout) -> Iterator[tuple[str, np.ndarray, np.ndarray, np.ndarray]]:
    """Tag, steps, times and values of events of one layout."""
    step = np.zeros(len(rows), np.int64)
    for k, column in enumerate(range(*layout.step)):
        step |= (rows[:, column].astype(np.int64) & 0x7F) << (7 * k)
    time = numbers_at(rows, layout.wall, "<f8") if layout.wall >= 0 else np.full(len(rows), np.nan)
    for tag, at, kind in layout.values:
        yield tag, step, time, numbers_at(rows, at, kind)


def numbers_at(rows: np.ndarray, at: int, kind: str) -> np.ndarray:
    """(n,) float64 of the bytes of a numpy type at a place."""
    found: Any = np.ascontiguousarray(rows[:, at : at + int(kind[2])]).view(kind)
    return found[:, 0].astype(np.float64)
