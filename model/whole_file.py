"""Writes a file so that it is complete or absent, whatever happens meanwhile."""

from __future__ import annotations

import fcntl
import glob
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from model.errors import InputError

READABLE = 0o644
PRIVATE = 0o600
RANDOM_CHARS = 8  # In the names that tempfile makes.


@contextmanager
def written_aside(path: Path, mode: int = READABLE) -> Iterator[Path]:
    """A path beside `path` to write to; at the end it is put on disk, gets its mode and takes the place of `path`.

    What a killed process left there of the same file is removed first.

    Raises:
        OSError: the folder or the disk does not take it; `path` is as it was.
    """
    before, after = f".{path.stem}-", f".partial{path.suffix}"
    for left in path.parent.glob(f"{glob.escape(before)}{'?' * RANDOM_CHARS}{glob.escape(after)}"):
        _remove_if_abandoned(left)
    handle, name = tempfile.mkstemp(prefix=before, suffix=after, dir=path.parent)
    aside = Path(name)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)  # Ends with this process, also when it is killed.
        yield aside
        fsync(aside)
        aside.chmod(mode)
        aside.replace(path)
        fsync(path.parent)
    finally:
        aside.unlink(missing_ok=True)
        os.close(handle)


def _remove_if_abandoned(aside: Path) -> None:
    """Remove what a killed process left; one that still writes holds its lock."""
    with suppress(OSError), aside.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        aside.unlink()


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """`written_aside`, with what goes wrong told to staff.

    Raises:
        InputError: the folder or the disk does not take it; `path` is as it was.
    """
    try:
        with written_aside(path) as aside:
            yield aside
    except OSError as error:
        remedy = "检查文件夹、权限和空间"
        raise InputError(f"写不了（{error.strerror or error}）", remedy=remedy, path=path) from error


def fsync(path: Path) -> None:
    """Put a file, or the names in a folder, on disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
