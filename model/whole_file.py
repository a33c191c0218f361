"""Writes a file so that it is complete or absent, whatever happens meanwhile."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from model.errors import InputError

READABLE = 0o644


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A path beside `path` to write to; at the end it is put on disk and takes the place of `path`.

    Raises:
        InputError: the folder or the disk does not take it; `path` is as it was.
    """
    aside: Path | None = None
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.stem}-", suffix=f".partial{path.suffix}", dir=path.parent)
        os.close(handle)
        aside = Path(name)
        yield aside
        with aside.open("rb") as file:
            os.fsync(file.fileno())
        aside.chmod(READABLE)
        aside.replace(path)
    except OSError as error:
        remedy = "check the folder, its rights and its free space"
        raise InputError(f"cannot be written ({error.strerror or error})", remedy=remedy, path=path) from error
    finally:
        if aside is not None:
            aside.unlink(missing_ok=True)
