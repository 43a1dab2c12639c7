"""The one image convention: between functions images are uint8 NCHW."""

from __future__ import annotations

import io
import json
import math
import os
import re
import shutil
import uuid
import warnings
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from PIL import Image
from torch import Tensor

from ganbench.gan.files import atomic_write, cannot_write, check_file
from ganbench.gan.types import BadInput, BadOutput, ModelSpec

MOST_PIXELS = 64_000_000                    # of one image file; larger ones are refused before decoding
MOST_BYTES = 200_000_000                    # of one image file, as 64 million pixels in colours have
STRETCHED = 8                               # least number of images for detecting rescaling
GREY = {"1", "L", "LA", "La"}               # Pillow's modes; all others become RGB
RANGES = ((-1.0, 1.0), (0.0, 1.0), (-0.5, 0.5), (0.0, 255.0))      # common output ranges of generators
# What Pillow decodes by itself; it knows more by name, but has no decoder for it, or starts Ghostscript.
Image.init()
USUAL = ("PNG", "JPEG", "WEBP", "GIF", "BMP")                 # tried first
FORMATS = [*USUAL, *sorted(set(Image.OPEN) - {*USUAL, "BUFR", "EPS", "GRIB", "HDF5", "IPTC", "MPEG", "WMF"})]
TAIL = 1_024                                # bytes at the end of a file, where its end marker is
IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


# From a model's output to uint8

def to_uint8(images: Tensor) -> Tensor:
    """Quantise generator output: NCHW float in [-1, 1] -> NCHW uint8 in [0, 255].

    `(x * 127.5 + 128).clip(0, 255)`, as StyleGAN2/3, EDM2 and DiT do.
    """
    return (images * 127.5 + 128).clip(0, 255).to(torch.uint8)


def to_float(images: Tensor) -> Tensor:
    """NCHW uint8 -> NCHW float32 in [-1, 1]: the middle of the bin, so that `to_uint8` is its inverse."""
    return (images.float() - 127.5) / 127.5


def from_model(raw: Tensor, spec: ModelSpec, first: int = 0, independent: bool = True) -> Tensor:
    """A model's output, in the layout and range that its spec declares -> NCHW uint8.

    uint8 output is not changed.  A small overshoot is clipped (see `count_clipped`); output that does not match the
    spec is a `BadOutput`.  `first`: the number of the first image, for messages; `independent`: not neighbours on a
    path, which may all reach the ends of the range without having been rescaled.
    """
    images = to_nchw(raw, spec)
    if independent:
        check_rescaled(images, (0, 255) if images.dtype == torch.uint8 else spec.output_range, spec)
    if images.dtype == torch.uint8:
        return images
    check_range(images, spec.output_range, spec.name, first)
    low, high = spec.output_range
    if (low, high) != (-1, 1):
        images = (images - low) * (2 / (high - low)) - 1
    return to_uint8(images)


def to_nchw(raw: Tensor, spec: ModelSpec) -> Tensor:
    """Convert NCHW, NHWC, NHW or NC (flat, square) to NCHW and check it against the spec."""
    if not isinstance(raw, Tensor):
        raise BadOutput("not-images", f"{spec.name} gave a {type(raw).__name__}, expected a tensor of images.")
    if not (raw.is_floating_point() or raw.dtype == torch.uint8):
        raise BadOutput("not-images", f"{spec.name} gave {raw.dtype} values, expected floats or uint8.")
    images = arranged(raw, spec)
    if images is None or images.shape[1] not in (1, 3) or 0 in images.shape:
        raise BadOutput("not-images",
                        f"{spec.name} gave {tuple(raw.shape)}, which is no {spec.layout} batch of grey or colour "
                        f"images{layout_hint(raw)}.")
    if spec.channels is not None and images.shape[1] != spec.channels:
        raise BadOutput("wrong-channels",
                        f"{spec.name} gave images of {images.shape[1]} channels, declared were {spec.channels}.")
    if spec.resolution is not None and images.shape[2:] != (spec.resolution, spec.resolution):
        found = f"{images.shape[3]}x{images.shape[2]}"
        raise BadOutput("wrong-size",
                        f"{spec.name} gave images of {found} pixels, declared was a resolution of {spec.resolution}.")
    return images


def arranged(raw: Tensor, spec: ModelSpec) -> Tensor | None:
    """NCHW if the number of axes allows it; flat images are channel by channel."""
    if spec.layout == "NC" and raw.ndim == 2:
        channels = spec.channels or next((c for c in (1, 3) if is_square(raw.shape[1] / c)), 1)
        side = math.isqrt(raw.shape[1] // channels)
        return raw.reshape(len(raw), channels, side, side) if channels * side**2 == raw.shape[1] else None
    if spec.layout == "NHW" and raw.ndim == 3:
        return raw[:, None]
    if spec.layout == "NHWC" and raw.ndim == 4:
        return raw.permute(0, 3, 1, 2)
    return raw if spec.layout == "NCHW" and raw.ndim == 4 else None


def is_square(number: float) -> bool:
    return number == int(number) and math.isqrt(int(number)) ** 2 == number


def layout_hint(raw: Tensor) -> str:
    """Which layout a shape suggests, as the end of a sentence."""
    shape = tuple(raw.shape)
    looks_like = ""
    if raw.ndim == 4:
        looks_like = "NCHW" if shape[1] in (1, 3) else "NHWC" if shape[3] in (1, 3) else ""
    elif raw.ndim == 3 and shape[1] == shape[2]:
        looks_like = "NHW"
    elif raw.ndim == 2 and shape[1] >= 144 and (is_square(shape[1]) or is_square(shape[1] / 3)):
        looks_like = "NC"
    if looks_like:
        return f': it looks like layout = "{looks_like}"'
    if raw.ndim <= 2:
        return (": a row of numbers per image is the output of a classifier, and a classifier cannot be "
                "evaluated as a generator")
    return ""


def check_range(
    images: Tensor, output_range: tuple[float, float], name: str = "The model", first: int = 0
) -> None:
    """Refuse NaN, infinities, and more than 1 % of the values outside the range by more than 5 % of its width.

    `images`: (n, ...) float.  The range is the declared one; nothing is rescaled.
    """
    finite = torch.isfinite(images)
    if not finite.all():
        image = first + int((~finite).flatten(1).any(1).nonzero()[0])
        raise BadOutput("images-not-finite",
                        f"{name} gave {int((~finite).sum()):,} of {finite.numel():,} values that are NaN or infinite, "
                        f"first in image {image}.")
    low, high = output_range
    slack = 0.05 * (high - low)
    outside = int(((images < low - slack) | (images > high + slack)).sum())
    if outside > 0.01 * images.numel():
        raise BadOutput(
            "out-of-range",
            f"{name} gave values from {float(images.min()):.3g} to {float(images.max()):.3g}, declared was the range "
            f"[{low:g}, {high:g}]: {100 * outside / images.numel():.0f} % of them lie outside by more than {slack:.2g}"
            f"{range_hint(images)}."
        )


def check_rescaled(images: Tensor, output_range: tuple[float, float], spec: ModelSpec) -> None:
    """Refuse images that were rescaled one by one: each reaches both ends of the range exactly, and one of them in a
    single value.  Where a model saturates or is clipped, some images have no such value and others many.  Images on
    disk are not checked: real images may have been stretched when they were taken.

    `images`: (n, channels, height, width); with fewer than 8 nothing is refused.
    """
    alike = bool((images == images[0]).all())               # `gates` reports that
    if spec.family == "images" or len(images) < STRETCHED or alike:
        return
    low, high = output_range
    for values in (images.flatten(1), images.flatten(2).flatten(0, 1)):     # whole images, or channel by channel
        lowest, highest = (values == low).sum(1), (values == high).sum(1)
        reached = bool((lowest > 0).all() and (highest > 0).all())
        if reached and bool((lowest == 1).all() or (highest == 1).all()):
            raise BadOutput(
                "rescaled-images",
                f"{spec.name} gave {len(images)} images that all reach {low:g} and {high:g} exactly, in one value: "
                "each was rescaled by its own minimum and maximum, which hides the model's output; remove that "
                "step and declare the output_range."
            )


def range_hint(images: Tensor) -> str:
    """The narrowest common range that contains 99 % of the values up to 5 % of its width, and is not much wider."""
    spread = float(images.max() - images.min())
    for low, high in sorted(RANGES, key=lambda r: r[1] - r[0]):
        if high - low > 4 * spread:
            continue
        slack = 0.05 * (high - low)
        if int(((images < low - slack) | (images > high + slack)).sum()) <= 0.01 * images.numel():
            return f"; output_range = [{low:g}, {high:g}] would fit"
    return "; no common range fits, so the last activation may be missing"


def count_clipped(raw: Tensor, output_range: tuple[float, float]) -> int:
    """How many values lie outside the range, by however little: `from_model` clips them."""
    return int(((raw < output_range[0]) | (raw > output_range[1])).sum())


# Shapes

def pad_to(images: np.ndarray, size: int) -> np.ndarray:
    """Zero-pad the last two axes to (size, size), centred; the odd pixel goes right and below."""
    height, width = images.shape[-2:]
    top, left = (size - height) // 2, (size - width) // 2
    margins = [(0, 0)] * (images.ndim - 2) + [(top, size - height - top), (left, size - width - left)]
    return np.pad(images, margins)


def resize(
    image: np.ndarray, size: int, method: Image.Resampling = Image.Resampling.BICUBIC
) -> np.ndarray:
    """CHW uint8 -> (C, size, size) uint8 by one of Pillow's filters, which antialias when shrinking.

    The aspect ratio is not preserved, as in clean-fid; an image of that size is not changed.
    """
    if image.shape[1:] == (size, size):
        return image
    resized = to_pillow(image).resize((size, size), method)
    return from_pillow(resized)


def fitted(image: np.ndarray, side: int) -> np.ndarray:
    """CHW uint8 whose longer side is at most `side`: enlarged by whole pixels, or reduced by Lanczos' filter."""
    height, width = image.shape[1:]
    if max(height, width) <= side:
        factor = side // max(height, width)
        return image.repeat(factor, axis=1).repeat(factor, axis=2)
    factor = side / max(height, width)
    size = max(1, round(width * factor)), max(1, round(height * factor))
    return from_pillow(to_pillow(image).resize(size, Image.Resampling.LANCZOS))


def grid(images: np.ndarray, columns: int, gap: int = 2, background: int = 255) -> np.ndarray:
    """Lay NCHW uint8 images out in rows: -> (height, width, 3) uint8, `gap` pixels between them."""
    n, _, height, width = images.shape
    rows = -(-n // columns)
    sheet = np.full((rows * (height + gap) + gap, columns * (width + gap) + gap, 3), background, np.uint8)
    for i, image in enumerate(images):
        top, left = gap + i // columns * (height + gap), gap + i % columns * (width + gap)
        sheet[top : top + height, left : left + width] = image[:3].transpose(1, 2, 0)
    return sheet


def contact_sheet(images: np.ndarray, columns: int | None = None, tile: int = 128) -> np.ndarray:
    """A square-ish grid, (height, width, 3) uint8; tiny images are enlarged by whole pixels up to `tile`."""
    factor = max(1, tile // max(images.shape[2:]))
    enlarged = images.repeat(factor, axis=2).repeat(factor, axis=3)
    return grid(enlarged, columns or math.ceil(math.sqrt(len(images))), gap=max(2, enlarged.shape[3] // 32))


# Reading

def read_image(path: Path) -> np.ndarray:
    """An image file -> CHW uint8; see `decode`."""
    return decode(read_bytes(path), str(path))


def read_bytes(path: Path, most: int = -1) -> bytes:
    """A picture's bytes, or the first `most` of a file."""
    check_file(path)
    try:
        with path.open("rb") as file:
            data = file.read(most if most >= 0 else MOST_BYTES + 1)
    except OSError as error:
        raise BadInput("unreadable-file", f"{path} cannot be read: {error.strerror or error}.") from error
    if most < 0 and len(data) > MOST_BYTES:
        raise BadInput("too-large", f"{path} has more than the {MOST_BYTES:,} bytes that are read of one picture.")
    return data


def decode(data: bytes, name: str, channels: int | None = None) -> np.ndarray:
    """Encoded bytes (PNG, JPEG, ...) -> CHW uint8: grey files 1 channel, all others 3, unless `channels` says so.

    Alpha is dropped and the EXIF orientation ignored, as clean-fid, pytorch-fid and torch-fidelity do.
    """
    image = open_header(data, name)
    try:
        image.load()
        if image.mode == "P" and "transparency" in image.info:
            image = image.convert("RGBA")
        mode = "L" if (channels or n_channels(image)) == 1 else "RGB"
        return from_pillow(image.convert(mode))
    except Exception as error:      # decoders of damaged files raise whatever they run into
        raise BadInput("not-an-image", f"{name} cannot be decoded, it may be truncated: {reason(error)}.") from error


def image_ends(data: bytes, kind: str) -> bool:
    """Whether a file has its end; False where that is not seen at once, and only decoding can tell."""
    if kind in ("PNG", "JPEG"):
        return {"PNG": b"IEND", "JPEG": b"\xff\xd9"}[kind] in data[-TAIL:]
    if kind == "GIF":
        return data[-1:] == b";"
    if kind == "WEBP":
        return len(data) >= 8 + int.from_bytes(data[4:8], "little")
    return kind == "BMP" and len(data) >= int.from_bytes(data[2:6], "little") > 0


def open_header(data: bytes, name: str) -> Image.Image:
    """Pillow's lazy image, if it has 8 bits per channel and at most MOST_PIXELS."""
    if not data:
        raise BadInput("empty-file", f"{name} is empty (0 bytes), expected an image.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            image = Image.open(io.BytesIO(data), formats=FORMATS)
            pixels = image.width * image.height
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        found = re.search(r"\d+", str(error))
        pixels = int(found[0]) if found else MOST_PIXELS + 1
    except Exception as error:
        raise BadInput("not-an-image",
                       f"{name} cannot be read as an image: it begins with {data[:8].hex()}.") from error
    if pixels > MOST_PIXELS:
        raise BadInput("too-large", f"{name} has {pixels:,} pixels, more than the {MOST_PIXELS:,} that are decoded.")
    if image.mode[:1] in "IF" or any(";16" in str(tile[3]) for tile in getattr(image, "tile", ())):
        raise BadInput("not-uint8",
                       f"{name} has 16 or more bits per channel ({image.mode}), expected 8: convert it first, "
                       "because the rounding would change the scores.")
    return image


def n_channels(image: Image.Image) -> int:
    return 1 if image.mode in GREY else 3


def reason(error: Exception) -> str:
    return str(error).strip().split("\n")[0].rstrip(".") or type(error).__name__


def from_pillow(image: Image.Image) -> np.ndarray:
    """Mode L or RGB -> CHW uint8, contiguous."""
    pixels = np.array(image, np.uint8)
    return np.ascontiguousarray(pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1))


def to_pillow(image: np.ndarray) -> Image.Image:
    """CHW uint8 of 1 or 3 channels -> mode L or RGB."""
    return Image.fromarray(np.ascontiguousarray(image[0] if len(image) == 1 else image.transpose(1, 2, 0)))


# Writing: each file, and each folder, is written atomically

def png_bytes(image: np.ndarray) -> bytes:
    """CHW uint8 -> a PNG file's bytes."""
    buffer = io.BytesIO()
    to_pillow(image).save(buffer, "PNG")
    return buffer.getvalue()


Encode = Callable[[int, np.ndarray], bytes]      # the number of an image, CHW uint8 -> a PNG file


def write_folder(images: Iterable[np.ndarray], folder: Path, labels: Sequence[int] | None = None,
                 classes: Sequence[str] = (), encode: Encode = lambda i, image: png_bytes(image)) -> None:
    """Write 000000.png, ... from CHW uint8 images; with labels in one sub-folder per class, as ImageFolder wants.

    The folder must be new or empty, so that two runs are never mixed.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise BadInput("output-exists", f"{folder} is not an empty folder, and images of different runs must not mix.")
    partial = folder.with_name(f".{folder.name}.{uuid.uuid4().hex[:12]}.partial")
    try:
        for i, image in enumerate(images):
            target = partial if labels is None else partial / class_folder(int(labels[i]), classes)
            target.mkdir(parents=True, exist_ok=True)
            (target / f"{i:06d}.png").write_bytes(encode(i, image))
        os.replace(partial, folder)
    except OSError as error:
        raise cannot_write(folder, error) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def class_folder(label: int, classes: Sequence[str]) -> str:
    """A folder name that sorts as the labels do: 03-dress, or 03."""
    name = re.sub(r"[^\w.-]+", "-", classes[label]) if label < len(classes) else ""
    return f"{label:02d}-{name}".rstrip("-")


def write_npz(
    path: Path, images: Iterable[np.ndarray], labels: Sequence[int] | None = None, classes: Sequence[str] = ()
) -> None:
    """arr_0: NHWC uint8, arr_1: labels if there are any, in the format that guided-diffusion's evaluator reads; beside
    them `classes`, the names of the classes, if they have some."""
    arrays = [np.stack(list(images)).transpose(0, 2, 3, 1)]
    if labels is not None:
        arrays.append(np.asarray(labels, np.int64))
    names: Any = {"classes": np.array(classes, np.str_)} if labels is not None and classes else {}

    def write(partial: Path) -> None:
        with partial.open("wb") as file:
            np.savez(file, *arrays, **names)

    atomic_write(path, write)


def write_parquet(path: Path, images: Iterable[np.ndarray], labels: Sequence[int] | None = None,
                  classes: Sequence[str] = (), encode: Encode = lambda i, image: png_bytes(image)) -> None:
    """A column `image` of PNGs as struct<bytes, path>, and `label`, in row groups of 1,000.

    The schema's metadata tells Hugging Face `datasets` that these are pictures and what the classes are called.
    """
    fields = [pa.field("image", IMAGE)] + ([] if labels is None else [pa.field("label", pa.int64())])
    schema = pa.schema(fields, {"huggingface": json.dumps({"info": {"features": features(labels, classes)}})})

    def write(partial: Path) -> None:
        with pq.ParquetWriter(partial, schema) as writer:
            rows: list[dict[str, object]] = []
            for i, image in enumerate(images):
                row: dict[str, object] = {"image": {"bytes": encode(i, image), "path": f"{i:06d}.png"}}
                rows.append(row if labels is None else {**row, "label": int(labels[i])})
                if len(rows) == 1_000:
                    writer.write_table(pa.Table.from_pylist(rows, schema))
                    rows = []
            if rows:
                writer.write_table(pa.Table.from_pylist(rows, schema))

    atomic_write(path, write)


def features(labels: Sequence[int] | None, classes: Sequence[str]) -> dict[str, dict[str, object]]:
    """The columns as `datasets.Features` describes them."""
    image: dict[str, dict[str, object]] = {"image": {"_type": "Image"}}
    if labels is None:
        return image
    known: dict[str, object] = {"names": list(classes), "_type": "ClassLabel"}
    return {**image, "label": known if classes else {"dtype": "int64", "_type": "Value"}}


def write_contact_sheet(path: Path, images: np.ndarray, columns: int | None = None) -> None:
    """NCHW uint8 images as one PNG; see `contact_sheet`."""
    sheet = contact_sheet(images, columns).transpose(2, 0, 1)
    atomic_write(path, lambda partial: partial.write_bytes(png_bytes(sheet)))
