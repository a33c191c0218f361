"""The one exception for mistakes in what people give us: files, settings, arguments."""

from __future__ import annotations

from collections.abc import Callable
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

    def __reduce__(self) -> tuple[Callable[..., InputError], tuple[object, ...]]:
        """Exceptions pickle by their positional arguments; this one comes back whole from another process."""
        return _input_error, (self.problem, self.remedy, self.path, self.line)


def _input_error(problem: str, remedy: str, path: str | None, line: int | None) -> InputError:
    return InputError(problem, remedy=remedy, path=path, line=line)
