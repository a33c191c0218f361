"""Writes a file so that it is complete or absent, whatever happens meanwhile."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from model.errors import InputError

READABLE = 0o644
PRIVATE = 0o600


@contextmanager
def written_aside(path: Path, mode: int = READABLE) -> Iterator[Path]:
    """A path beside `path` to write to; at the end it is put on disk, gets its mode and takes the place of `path`.

    Raises:
        OSError: the folder or the disk does not take it; `path` is as it was.
    """
    handle, name = tempfile.mkstemp(prefix=f".{path.stem}-", suffix=f".partial{path.suffix}", dir=path.parent)
    os.close(handle)
    aside = Path(name)
    try:
        yield aside
        fsync(aside)
        aside.chmod(mode)
        aside.replace(path)
        fsync(path.parent)
    finally:
        aside.unlink(missing_ok=True)


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
