"""Emoji: colour pictures of 64x64 pixels in the nine groups of Unicode, drawn from the font Noto Color Emoji.

The pictures travel with the project (`gan/zoo/emoji`, SIL Open Font Licence 1.1), so reading them needs no font;
`build` makes the same file anew from the font and from Unicode's emoji-test.txt (https://unicode.org/Public/emoji/15.0).
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from ganbench.gan.datasets.base import DataFolders, ImageSet, decode_all, of_array
from ganbench.gan.files import atomic_write
from ganbench.gan.images import IMAGE
from ganbench.gan.types import BadInput

CLASSES = (
    "Smileys & Emotion", "People & Body", "Animals & Nature", "Food & Drink", "Travel & Places", "Activities",
    "Objects", "Symbols", "Flags",
)
SHAPE = (3, 64, 64)
EMBEDDED = Path(__file__).parent.parent / "zoo" / "emoji" / "emoji.parquet"
FONT = Path("/usr/share/fonts/truetype/noto/NotoColorEmoji.ttf")    # package fonts-noto-color-emoji
LISTING = Path("/usr/share/unicode/emoji/emoji-test.txt")           # package unicode-data
CONTENT = {                                                 # digests of the sets
    "train": "068ad35f4d0f085bb7f674a1992fd95620fedbb63ea42784995798a7c8df0927",
    "test": "b1d5416cacd9a45ae894a2da1991fc0e44057037d979054ff9ce91503ea7bb31",
}

Points = tuple[int, ...]                                    # the code points of one emoji

TONES = frozenset(range(0x1F3FB, 0x1F400))                  # five modifiers: light to dark skin
HAIR = frozenset(range(0x1F9B0, 0x1F9B4))
JOINERS = frozenset({0x200D, 0xFE0F, 0x2640, 0x2642})       # zero-width joiner, variation selector, female, male
PERSON, CHILD, OLD, CLOCK, SPEAKER = 0x1F9D1, 0x1F9D2, 0x1F9D3, 0x1F550, 0x1F508
SAME: Mapping[int, Points] = {                              # code points whose pictures differ in sex or in little
    **dict.fromkeys((0x1F468, 0x1F469), (PERSON,)),
    **dict.fromkeys((0x1F466, 0x1F467), (CHILD,)),
    **dict.fromkeys((0x1F474, 0x1F475), (OLD,)),
    **dict.fromkeys(range(0x1F550, 0x1F568), (CLOCK,)),     # 24 faces of a clock
    **dict.fromkeys(range(0x1F508, 0x1F50B), (SPEAKER,)),   # three volumes
    0x1F46A: (PERSON, PERSON, CHILD),                       # a family
}


# Reading

def open_split(split: str, folders: DataFolders) -> ImageSet:
    """`train` or `test`, about four to one: no emoji of `test` is a variant of one of `train`; see `base`."""
    images, labels, emoji = embedded()
    chosen = np.array([in_test(one) == (split == "test") for one in emoji])
    found = of_array(f"emoji:{split}", images[chosen], labels[chosen], CLASSES)
    if found.digest != CONTENT[split]:
        raise BadInput("wrong-digest",
                       f"{EMBEDDED} is damaged: the digest of {found.name} is {found.digest[:12]}…, "
                       f"expected {CONTENT[split][:12]}….")
    return found


@lru_cache(maxsize=1)
def embedded() -> tuple[np.ndarray, np.ndarray, list[Points]]:
    """See `load`; all that travels with the project."""
    return load(EMBEDDED)


def load(path: Path) -> tuple[np.ndarray, np.ndarray, list[Points]]:
    """What `build` wrote: images (n, 3, 64, 64) uint8, labels (n,) int64, and the code points of each."""
    try:
        columns = pq.read_table(path).to_pydict()
    except (pa.ArrowException, OSError) as error:
        raise BadInput("unreadable-data",
                       f"{path} is not a readable Parquet file, it may be truncated: {str(error).rstrip('.')}."
                       ) from error
    pictures = ((f"{path}: {cell['path']}", cell["bytes"]) for cell in columns["image"])
    return decode_all(pictures, SHAPE, ""), np.array(columns["label"], np.int64), [parse(t) for t in columns["emoji"]]


def parse(text: str) -> Points:
    """`1F44B 1F3FB` -> (0x1F44B, 0x1F3FB)."""
    return tuple(int(point, 16) for point in text.split())


def written(sequence: Points) -> str:
    """(0x1F44B, 0x1F3FB) -> `1F44B 1F3FB`."""
    return " ".join(f"{point:04X}" for point in sequence)


# Splitting

def base(sequence: Points) -> Points:
    """What an emoji is a variant of: without skin tone, hair and sex, and with one clock for all clocks."""
    kept = [point for point in sequence if point not in TONES | HAIR | JOINERS]
    return tuple(part for point in kept for part in SAME.get(point, (point,)))


def in_test(sequence: Points) -> bool:
    """One base in five, by the first byte of its sha256, so that a new emoji moves no other."""
    return digest(base(sequence))[0] < 51


def digest(sequence: Points) -> bytes:
    return hashlib.sha256(written(sequence).encode()).digest()


# Making

def build(font: Path, listing: Path, path: Path) -> None:
    """Write the Parquet file: `image` (lossless WebP), `label`, and `emoji`, the code points.

    Of people drawn in several skin tones at once none is kept, of equal pictures the first (Norway's flag is three
    countries').  The order is that of a hash of the code points (without the byte that splits), so that the first n are
    a sample of all.
    """
    pictures = read_font(font)
    rows: list[tuple[bytes, dict[str, object]]] = []
    seen = set()
    for sequence, label in listed(listing):
        if plain(sequence) not in pictures:
            raise BadInput("no-images",
                           f"{font} has no picture of {written(sequence)}, expected all that {listing} lists.")
        image = over_white(pictures[plain(sequence)])
        if len(TONES.intersection(sequence)) < 2 and image.tobytes() not in seen:
            seen.add(image.tobytes())
            rows.append((digest(sequence)[1:], row(sequence, label, image)))
    table = pa.Table.from_pylist([found for _, found in sorted(rows, key=lambda pair: pair[0])], schema())
    atomic_write(path, lambda partial: pq.write_table(table, partial, compression="none"))


def listed(listing: Path) -> Iterator[tuple[Points, int]]:
    """Code points and group of every emoji in emoji-test.txt that keyboards show."""
    group = ""
    for line in listing.read_text("utf-8").splitlines():
        if line.startswith("# group: "):
            group = line.removeprefix("# group: ")
        elif "; fully-qualified" in line:
            yield parse(line.partition(";")[0]), CLASSES.index(group)


def read_font(font: Path) -> dict[Points, bytes]:
    """Code points, less variation selectors -> a PNG of 136x128 pixels: the tables CBDT, cmap and GSUB (ligatures)."""
    from fontTools.ttLib import TTFont  # slow to import, and of no use to readers

    tables = TTFont(font)
    points = {glyph: point for point, glyph in tables["cmap"].getBestCmap().items()}
    bitmaps = {glyph: bitmap.imageData for glyph, bitmap in tables["CBDT"].strikeData[0].items()}
    found: dict[Points, bytes] = {(point,): bitmaps[glyph] for glyph, point in points.items() if glyph in bitmaps}
    for parts, glyph in ligatures(tables["GSUB"].table):
        if glyph in bitmaps and all(part in points for part in parts):
            found[plain(tuple(points[part] for part in parts))] = bitmaps[glyph]
    return found


def ligatures(substitutions: Any) -> Iterator[tuple[tuple[str, ...], str]]:
    """Glyphs that stand together, and the one that is drawn instead."""
    for lookup in substitutions.LookupList.Lookup:
        for table in lookup.SubTable:
            for first, choices in getattr(table, "ligatures", {}).items():
                for choice in choices:
                    yield (first, *choice.Component), choice.LigGlyph


def plain(sequence: Points) -> Points:
    return tuple(point for point in sequence if point != 0xFE0F)


def over_white(png: bytes) -> np.ndarray:
    """A PNG of 136x128 pixels with alpha -> HWC uint8, 64x64, on white.

    The outer four columns of every picture are empty.  Each pixel is the mean of 2x2, in whole numbers: 255 times
    each of the four is c a + 255 (255 - a), and 510 rounds to the nearest; so every machine makes the same.
    """
    pixels = np.asarray(Image.open(io.BytesIO(png)).convert("RGBA"), np.int64)[:, 4:132]
    colour, alpha = pixels[..., :3], pixels[..., 3:]
    blended = colour * alpha + 255 * (255 - alpha)          # (128, 128, 3)
    sums = blended.reshape(64, 2, 64, 2, 3).sum(axis=(1, 3))
    return ((sums + 510) // 1020).astype(np.uint8)


def row(sequence: Points, label: int, image: np.ndarray) -> dict[str, object]:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "WEBP", lossless=True, quality=50)      # quality: effort, here
    name = written(sequence)
    return {"image": {"bytes": buffer.getvalue(), "path": f"{name.replace(' ', '-')}.webp"}, "label": label,
            "emoji": name}


def schema() -> pa.Schema:
    """The columns, in words of Hugging Face `datasets`, too."""
    features = {"image": {"_type": "Image"}, "label": {"names": list(CLASSES), "_type": "ClassLabel"},
                "emoji": {"dtype": "string", "_type": "Value"}}
    fields = [("image", IMAGE), ("label", pa.int64()), ("emoji", pa.string())]
    return pa.schema(fields, {"huggingface": json.dumps({"info": {"features": features}})})
