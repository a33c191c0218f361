"""What a text must hold for a regular expression to match it, so that most expressions need not be tried at all."""

from __future__ import annotations

import re
from collections.abc import Iterable
from re import _constants as op  # type: ignore[attr-defined]
from re import _parser  # type: ignore[attr-defined]
from typing import Any

# They stand in so many messages that needing them tells little.
_COMMON = frozenset("的了不一是我有个到发好吗你没这就什么还给可以能买货")
MOST_NEEDS = 3  # A fourth one rules out next to nothing.
_DIGITS = frozenset(filter(str.isdecimal, map(chr, range(0x20000))))  # All of Unicode's.
_REPEATS = (op.MAX_REPEAT, op.MIN_REPEAT, op.POSSESSIVE_REPEAT)


Needs = list[frozenset[str]]


def needed_characters(pattern: str) -> Needs:
    """Sets of characters, of each of which a text that matches holds at least one; the most telling first.

    >>> [sorted(needed) for needed in needed_characters("(?:先|就)?留(?:着|下)|不退货")]
    [['留', '退'], ['下', '不', '着'], ['下', '着', '货']]
    >>> needed_characters("留?.")
    []
    """
    parsed = _parser.parse(pattern)
    return [] if parsed.state.flags & re.IGNORECASE else _of_sequence(parsed)[:MOST_NEEDS]


def _of_sequence(items: Iterable[tuple[Any, Any]]) -> Needs:
    """All items of a sequence match. The needs with the fewest characters, none of them common, tell the most."""
    told = [needed for item in items for needed in _of_item(item)]
    return sorted(told, key=lambda needed: (len(needed & _COMMON), len(needed)))


def _of_item(item: tuple[Any, Any]) -> Needs:
    kind, value = item
    if kind is op.LITERAL:
        return [frozenset(chr(value))]
    if kind is op.IN:
        return _of_class(value)
    if kind is op.BRANCH:
        return _of_any([_of_sequence(way) for way in value[1]])
    if kind is op.SUBPATTERN:
        _, flags, _, inside = value
        return [] if flags & re.IGNORECASE else _of_sequence(inside)
    if kind is op.ATOMIC_GROUP:
        return _of_sequence(value)
    if kind is op.ASSERT:
        return _of_sequence(value[1])
    if kind in _REPEATS:
        least, _, repeated = value
        return _of_sequence(repeated) if least else []
    return []


def _of_any(ways: list[Needs]) -> Needs:
    """One of the ways matches: it holds one of what is needed first by any of them, one of what is needed second..."""
    if not all(ways):
        return []
    ranks = range(min(max(map(len, ways)), MOST_NEEDS))
    return [frozenset().union(*(needs[min(rank, len(needs) - 1)] for needs in ways)) for rank in ranks]


def _of_class(members: Iterable[tuple[Any, Any]]) -> Needs:
    found: set[str] = set()
    for kind, value in members:
        if kind is op.LITERAL:
            found.add(chr(value))
        elif kind is op.RANGE:
            found.update(map(chr, range(value[0], value[1] + 1)))
        elif (kind, value) == (op.CATEGORY, op.CATEGORY_DIGIT):
            found.update(_DIGITS)
        else:  # A negated class, or a category such as \w.
            return []
    return [frozenset(found)]
