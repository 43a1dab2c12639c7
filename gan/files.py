"""Atomic file writes, and file digests."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import stat
import uuid
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from ganbench.gan.types import BadInput


def file_digest(path: Path) -> str:
    """sha256 of a file's bytes, as hex; read in blocks."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


KINDS = {stat.S_IFIFO: "a named pipe", stat.S_IFSOCK: "a socket", stat.S_IFCHR: "a device", stat.S_IFBLK: "a device",
         stat.S_IFDIR: "a folder"}


def check_file(path: Path) -> None:
    """Refuse what is no file whose bytes have an end: nothing is opened, so that nobody waits for a pipe."""
    try:
        kind = stat.S_IFMT(path.stat().st_mode)
    except OSError as error:
        if error.errno == errno.ENOENT and path.is_symlink():
            raise BadInput("no-such-file",
                           f"{path} is a link to {os.readlink(path)}, which does not exist: remove it, or bring back "
                           "what it leads to.") from error
        why = "it is a link that leads back to itself" if error.errno == errno.ELOOP else error.strerror or str(error)
        raise BadInput("unreadable-file", f"{path} cannot be read: {why}.") from error
    if kind in KINDS:
        raise BadInput("not-a-file", f"{path} is {KINDS[kind]}, expected a file.")


def fingerprint(path: Path) -> tuple[int, ...]:
    """Metadata that changes when a file is written or replaced: keys of caches in memory."""
    facts = path.stat()
    return facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns, facts.st_ino


def digest_at(path: Path) -> str:
    """sha256 of a file, cached while the file is unchanged."""
    return _digest_at(path, fingerprint(path))


def checked_digest(path: Path, expected: str = "") -> str:
    """The sha256 of a file; refused if it is not the expected one, if given."""
    found = digest_at(path)
    if expected and found != expected:
        raise BadInput("wrong-digest", f"{path} has the sha256 {found}, expected {expected}.")
    return found


@lru_cache(maxsize=64)
def _digest_at(path: Path, version: tuple[int, ...]) -> str:
    return file_digest(path)


def atomic_write(path: Path, write: Callable[[Path], object]) -> None:
    """`write` fills a temporary file beside `path`, which takes that name once it is complete and on disk.

    Parent folders are created.  On failure `path` is unchanged and the temporary file is removed.
    """
    partial = path.with_name(f".{path.name[:100]}.{uuid.uuid4().hex[:12]}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write(partial)
        with partial.open("rb+") as file:
            os.fsync(file.fileno())
        os.replace(partial, path)
    except OSError as error:
        raise cannot_write(path, error) from error
    finally:
        with suppress(OSError):
            partial.unlink()


def check_room(folder: Path, least: int = 20_000_000) -> None:
    """Refuse a folder that cannot be written to, or whose disk has less than `least` bytes free."""
    atomic_write(folder / ".writable", lambda path: path.write_bytes(b"0"))
    (folder / ".writable").unlink(missing_ok=True)
    free = shutil.disk_usage(folder).free
    if free < least:
        found, expected = f"{free / 1e6:.1f} MB", f"{least / 1e6:.0f}"
        raise BadInput("no-space", f"No space left on the disk of {folder}: {found}, expected at least {expected}.")


def cannot_write(path: Path, error: OSError) -> BadInput:
    """The error for a failed write; Arrow's errors contain their number only in the text."""
    if error.errno == errno.ENOSPC or "No space left" in str(error):
        return BadInput("no-space",
                        f"No space left on the device that holds {path.parent}: {path.name} was not written.")
    return BadInput("unwritable-file", f"{path} cannot be written: {error.strerror or error}.")
