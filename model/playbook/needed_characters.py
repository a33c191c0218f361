"""What a text must hold for a regular expression to match it, so that most expressions need not be tried at all."""

from __future__ import annotations

from collections.abc import Iterable
from re import _constants as op  # type: ignore[attr-defined]
from re import _parser  # type: ignore[attr-defined]
from typing import Any

# They stand in so many messages that needing them tells little.
_COMMON = frozenset("的了不一是我有个到发好吗你没这就什么还给可以能买货")
_REPEATS = (op.MAX_REPEAT, op.MIN_REPEAT, op.POSSESSIVE_REPEAT)


def needed_characters(pattern: str) -> frozenset[str] | None:
    """Characters of which every match holds at least one; None where that cannot be told.

    >>> sorted(needed_characters("(?:先|就)?留(?:着|下)|不退") or "")
    ['留', '退']
    >>> needed_characters("留?.") is None
    True
    """
    return _of_sequence(_parser.parse(pattern))


def _of_sequence(items: Iterable[tuple[Any, Any]]) -> frozenset[str] | None:
    """All items of a sequence match: the one with the fewest characters, none of them common, tells the most."""
    told = [found for found in map(_of_item, items) if found]
    return min(told, key=lambda found: (len(found & _COMMON), len(found))) if told else None


def _of_item(item: tuple[Any, Any]) -> frozenset[str] | None:
    kind, value = item
    if kind is op.LITERAL:
        return frozenset(chr(value))
    if kind is op.IN:
        return _of_class(value)
    if kind is op.BRANCH:
        ways = [_of_sequence(way) for way in value[1]]
        return None if None in ways else frozenset().union(*(way for way in ways if way))
    if kind is op.SUBPATTERN or kind is op.ATOMIC_GROUP:
        return _of_sequence(value[-1] if kind is op.SUBPATTERN else value)
    if kind in _REPEATS:
        least, _, repeated = value
        return _of_sequence(repeated) if least else None
    return None


def _of_class(members: Iterable[tuple[Any, Any]]) -> frozenset[str] | None:
    found: set[str] = set()
    for kind, value in members:
        if kind is op.LITERAL:
            found.add(chr(value))
        elif kind is op.RANGE:
            found.update(map(chr, range(value[0], value[1] + 1)))
        else:  # A negated class, or a category such as \d.
            return None
    return frozenset(found)
