"""The playbook's files in layers: the shipped folder, and a shop's own that replaces and adds by id."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from pydantic import BaseModel

from model.errors import InputError
from model.validated_yaml import read_text, read_yaml


class Entry(Protocol):
    """A rule or a template."""

    @property
    def id(self) -> str:
        """The name that a shop's folder replaces it by."""


E = TypeVar("E", bound=Entry)


@dataclass(frozen=True, slots=True)
class Placed(Generic[E]):
    """An entry and the file it stands in."""

    entry: E
    path: Path

    def mistake(self, problem: str, remedy: str) -> InputError:
        """The error for this entry, with file and line."""
        return InputError(
            f"{self.entry.id}: {problem}", remedy=remedy, path=self.path, line=line_of(self.path, self.entry.id)
        )


def line_of(path: Path, entry_id: str) -> int | None:
    """Line of a file in which an entry's id stands."""
    declared = re.compile(rf"^\s*(-\s+)?\{{?\s*id:\s*[\"']?{re.escape(entry_id)}[\"']?\s*(,.*|\}}.*|#.*)?$")
    for number, line in enumerate(read_text(path).splitlines(), 1):
        if declared.match(line):
            return number
    return None


def layered(files: Sequence[tuple[Path, Iterable[E], Iterable[str]]]) -> list[Placed[E]]:
    """Entries of `(path, entries, disabled)`, shipped layer first: a later layer replaces, adds and switches off.

    Raises:
        InputError: an id stands twice in one layer, or one that is switched off does not exist.
    """
    result: dict[str, Placed[E]] = {}
    folders: dict[str, Path] = {}
    for path, entries, disabled in files:
        layer = path.parent
        for name in disabled:
            if name not in result or folders[name] == layer:
                raise InputError(f"disabled：没有 {name}", remedy="写自带条目的 id", path=path)
            del result[name]
        for entry in entries:
            if entry.id in result and folders[entry.id] == layer:
                first = result[entry.id].path
                raise InputError(
                    f"id {entry.id} 出现了两次" + ("" if first == path else f"（{first.name} 里也有）"),
                    remedy="给其中一个换一个 id",
                    path=path,
                    line=line_of(path, entry.id),
                )
            result[entry.id] = Placed(entry, path)
            folders[entry.id] = layer
    return list(result.values())


M = TypeVar("M", bound=BaseModel)


def read_settings(name: str, model: type[M], folders: Sequence[Path]) -> M:
    """A file of single settings: keys of a shop's own file replace the shipped ones.

    Raises:
        InputError: a file is wrong, or their combination is.
    """
    base, *own = [folder / name for folder in folders]
    merged = read_yaml(base, model).model_dump()
    for path in own:
        if path.exists():
            merged = read_yaml(path, model, defaults=merged).model_dump()
    return model.model_validate(merged)
