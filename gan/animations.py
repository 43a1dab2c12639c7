"""Frames as a film: GIF, WebP and MP4, a sheet of all frames, or a folder of PNG files."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from ganbench.gan.files import atomic_write
from ganbench.gan.images import to_pillow, write_contact_sheet, write_folder
from ganbench.gan.types import BadInput

SIDE = 256              # pixels to which small images are enlarged, by whole pixels
SLOWEST = 0.1           # frames per second
FASTEST = 50            # frames per second that a GIF can tell: its clock ticks in hundredths


def write_animation(path: Path, images: np.ndarray, fps: float) -> None:
    """Write (n, C, H, W) uint8 frames by the ending of the path; small ones are enlarged, except in a folder."""
    check_animation(path, fps)
    if path.suffix.lower() in FILMS:
        factor = max(1, SIDE // max(images.shape[2:]))
        images = images.repeat(factor, axis=2).repeat(factor, axis=3)
    WRITERS[path.suffix.lower()](path, images, fps)


def check_animation(path: Path, fps: float) -> None:
    """Refuse what could not be written, before anything is drawn."""
    suffix = path.suffix.lower()
    if suffix not in WRITERS:
        raise BadInput("unknown-output-format",
                       f"{path} ends in {suffix}, expected {', '.join(filter(None, WRITERS))}, or a folder.")
    if not SLOWEST <= fps <= (FASTEST if suffix == ".gif" else 240):
        raise BadInput("unfit-value",
                       f"The value of --fps is {fps:g}, expected {SLOWEST:g} to 240, in a GIF {FASTEST}.")
    if not suffix and path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise BadInput("output-exists", f"{path} is not an empty folder, and images of different runs must not mix.")
    if suffix == ".mp4":
        encoder()


def ticks(n: int, fps: float, per_second: int) -> list[int]:
    """How long each of n frames is shown, in whole ticks of which a second has so many; their sum is never more than
    half a tick from n / fps."""
    ends = [round(Fraction(k * per_second) / Fraction(fps).limit_denominator(10_000)) for k in range(n + 1)]
    return [after - before for before, after in pairwise(ends)]


def gif(path: Path, images: np.ndarray, fps: float) -> None:
    """256 colours for each frame; of equal frames that follow each other Pillow makes one that is shown longer."""
    first, *more = [to_pillow(image) for image in images]
    save(path, first, format="GIF", append_images=more, duration=[10 * tick for tick in ticks(len(images), fps, 100)],
         disposal=1)


def webp(path: Path, images: np.ndarray, fps: float) -> None:
    """Without loss."""
    first, *more = [to_pillow(image).convert("RGB") for image in images]
    save(path, first, format="WEBP", append_images=more, duration=ticks(len(images), fps, 1000), lossless=True)


def save(path: Path, first: Any, **options: Any) -> None:
    first.save(file := io.BytesIO(), save_all=True, loop=0, **options)
    atomic_write(path, lambda partial: partial.write_bytes(file.getvalue()))


def mp4(path: Path, images: np.ndarray, fps: float) -> None:
    """H.264, 4:2:0, which all browsers show; an odd side gets a row of its own edge."""
    av = encoder()
    images = np.pad(images, ((0, 0), (0, 0), (0, images.shape[2] % 2), (0, images.shape[3] % 2)), mode="edge")
    colour = images.repeat(3, axis=1) if images.shape[1] == 1 else images

    def write(partial: Path) -> None:
        with av.open(str(partial), "w", format="mp4") as film:
            stream = film.add_stream("libx264", rate=Fraction(fps).limit_denominator(10_000), options={"crf": "16"})
            stream.width, stream.height, stream.pix_fmt = colour.shape[3], colour.shape[2], "yuv420p"
            for image in colour:
                frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image.transpose(1, 2, 0)), "rgb24")
                film.mux(stream.encode(frame))
            film.mux(stream.encode())

    atomic_write(path, write)


def encoder() -> Any:
    try:
        import av
    except ImportError as error:
        raise BadInput("missing-package",
                       "MP4 needs PyAV, which is not installed: pip install 'ganbench[video]', or write a .webp or a "
                       ".gif.") from error
    return av


def sheet(path: Path, images: np.ndarray, fps: float) -> None:
    write_contact_sheet(path, images)


def folder(path: Path, images: np.ndarray, fps: float) -> None:
    write_folder(images, path)


FILMS = (".gif", ".webp", ".mp4")
WRITERS: Mapping[str, Callable[[Path, np.ndarray, float], None]] = {
    ".gif": gif, ".webp": webp, ".mp4": mp4, ".png": sheet, "": folder,
}
