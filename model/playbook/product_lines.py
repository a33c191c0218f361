"""Kinds of goods, as far as rules and words differ by them."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from model.paths import PLAYBOOK, playbook_overrides
from model.playbook.layers import layered
from model.validated_yaml import read_yaml


class ProductLine(BaseModel):
    """A kind of goods: its code, the word in a reply, and the unit it is counted in."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    word: str = Field(min_length=1, max_length=12)
    unit: str = Field(min_length=1, max_length=2)


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    product_lines: tuple[ProductLine, ...] = ()
    disabled: tuple[str, ...] = ()


def read_product_lines(folders: tuple[Path, ...]) -> dict[str, ProductLine]:
    """Product lines of the layers, by code.

    Raises:
        InputError: a file is wrong.
    """
    paths = [path for folder in folders if (path := folder / "product_lines.yaml").exists()]
    files = [(path, read_yaml(path, _File)) for path in paths]
    placed = layered([(path, file.product_lines, file.disabled) for path, file in files])
    return {item.entry.id: item.entry for item in placed}


@cache
def _known(overrides: Path | None) -> frozenset[str]:
    return frozenset(read_product_lines((PLAYBOOK, *([overrides] if overrides else []))))


def known_product_lines() -> frozenset[str]:
    """Codes that a caller may send: the shipped ones and those the shop's own folder adds."""
    return _known(playbook_overrides())
