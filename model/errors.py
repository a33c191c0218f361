"""The one exception for mistakes in what people give us: files, settings, arguments."""

from __future__ import annotations

from pathlib import Path


class InputError(Exception):
    """A mistake in a file or argument, told in one line: where it is, what it is, what to do instead."""

    def __init__(self, problem: str, *, remedy: str, path: Path | str | None = None, line: int | None = None) -> None:
        self.problem = problem
        self.remedy = remedy
        self.path = None if path is None else str(path)
        self.line = line
        where = "" if path is None else f"{path}:{line}: " if line else f"{path}: "
        super().__init__(f"{where}{problem} — {remedy}")
