"""Encoded pictures: which files Pillow reads here, and what of a picture is lost when it becomes uint8 pixels."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import PurePath

from PIL import Image, ImageCms

from ganbench.gan.images import FORMATS, decode, image_ends, n_channels, open_header

# Endings that mean something else more often: point clouds, circuit boards, a watch's records, sounds.
ELSE = {".pcd", ".gbr", ".fit", ".vst", ".msp", ".im", ".pxr", ".ftc", ".ftu"}
SUFFIXES = {suffix for suffix, kind in Image.registered_extensions().items() if kind in FORMATS} - ELSE | {".mpo"}
# Endings of pictures, or of what holds many of them, that are not read out of a folder.
OTHERS = {
    ".heic", ".heif", ".hif", ".jxl", ".jxr", ".hdp", ".wdp", ".svg", ".svgz", ".eps", ".ps", ".pdf", ".ai", ".emf",
    ".wmf", ".exr", ".hdr", ".dng", ".cr2", ".cr3", ".nef", ".arw", ".orf", ".rw2", ".raf", ".raw", ".xcf", ".kra",
    ".dcm", ".nii", ".h5", ".hdf", ".hdf5", ".flif", ".bpg", ".ktx", ".mng", ".pam", ".phm", ".zip", ".tar", ".tgz",
    ".parquet", ".tfrecord", ".mp4", ".mov", ".webm", ".mpg", ".mpeg", ".avi",
} | ELSE
MAGIC = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"BM", b"II*\x00", b"MM\x00*", b"RIFF", b"\x00\x00\x00\x0cjP")
TURNED = range(2, 9)                    # EXIF's orientations that are not as the pixels lie


@dataclass(frozen=True)
class Facts:
    """What a picture's header says, and what will be lost of it: keys of `ganbench.gan.words.CAVEATS`."""

    channels: int
    height: int
    width: int
    lost: tuple[str, ...] = ()


def facts_of(data: bytes, name: str) -> Facts:
    """See `Facts`; a file that may be truncated is decoded to see if it is whole."""
    image = open_header(data, name)
    if not image_ends(data, image.format or ""):
        decode(data, name)
    lost = tuple(kind for kind, is_lost in LOST.items() if is_lost(image, data))
    return Facts(n_channels(image), image.height, image.width, lost)


def has_frames(image: Image.Image, data: bytes) -> bool:
    """An animation, or several pages; a second look at a JPEG of several (MPO) is no other picture."""
    return image.format != "MPO" and bool(getattr(image, "is_animated", False))


def is_transparent(image: Image.Image, data: bytes) -> bool:
    """Whether any pixel is; pixels are looked at only where the header says that some may be."""
    if not image.has_transparency_data:
        return False
    try:
        copy = Image.open(io.BytesIO(data), formats=FORMATS)
        low, _ = copy.convert("RGBA").getchannel("A").getextrema()
    except Exception:                   # a damaged file: decoding says so when it is read
        return False
    return isinstance(low, int) and low < 255


def is_turned(image: Image.Image, data: bytes) -> bool:
    """By EXIF; Pillow turns TIFF itself."""
    if image.format == "TIFF" or not image.info.get("exif"):
        return False
    try:
        return image.getexif().get(0x0112, 1) in TURNED
    except Exception:                   # EXIF that nobody can read says nothing
        return False


def is_print(image: Image.Image, data: bytes) -> bool:
    return image.mode in ("CMYK", "LAB", "YCbCr") and image.format not in ("AVIF", "JPEG2000")


def has_profile(image: Image.Image, data: bytes) -> bool:
    """One that changes colours: any but sRGB, of a picture in colours."""
    profile = image.info.get("icc_profile")
    return bool(profile) and n_channels(image) == 3 and image.mode != "CMYK" and not is_srgb(profile)


@lru_cache(maxsize=64)
def is_srgb(profile: bytes) -> bool:
    try:
        return "srgb" in ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(io.BytesIO(profile))).lower()
    except (ImageCms.PyCMSError, OSError, ValueError):
        return True                     # nothing that could be applied


LOST: dict[str, Callable[[Image.Image, bytes], bool]] = {
    "animated": has_frames, "transparent": is_transparent, "turned": is_turned, "print colours": is_print,
    "profile": has_profile,
}


def ending(name: str) -> str:
    """`.png` of IMG.PNG; '' of a name without one."""
    return PurePath(name).suffix.lower()


def looks_like_one(head: bytes) -> bool:
    """Whether a file without a known ending begins as pictures do."""
    return head.startswith(MAGIC) or head[4:12] in (b"ftypavif", b"ftypheic", b"ftypmif1")
