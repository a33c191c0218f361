"""Facts of the case that stand in a message: counts, amounts, times, photo, extent and the like."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from typing import NamedTuple

import cn2an

from model.playbook.conditions import Scalar
from model.playbook.cues import FactCues
from model.playbook.needed_characters import Needs
from model.recommendation import Fact
from model.text import remembered_normal_form

MAX_COUNT = 100_000
REMEMBERED_MESSAGES = 4096


class Told(NamedTuple):
    """What a message tells.

    Attributes:
        facts: in the order of the message. A fact may stand here twice, with two values.
        values: of each fact that is told in one way.
        torn: names of those that are told in two ways and so stay unknown.
    """

    facts: tuple[Fact, ...]
    values: Mapping[str, Scalar]
    torn: Sequence[str]


NOTHING_TOLD = Told((), {}, ())


class FactFinder:
    """Finds the facts that the cues of the playbook describe."""

    def __init__(self, cues: Sequence[FactCues]) -> None:
        # Most messages lack what most cues need. Every set of needed characters is a bit, and of each character it is
        # known which sets it is in.
        self._bits: dict[str, int] = {}
        self._n_bits = 0
        self._scans = [(fact, fact.scan.search, self._mask(fact.needs)) for fact in cues]
        # A conversation comes back with every message, one turn longer: today's message is the next one's history.
        self.read = lru_cache(REMEMBERED_MESSAGES)(self._read)

    def find(self, message: str) -> list[Fact]:
        """Facts in the order of the message; offsets are code points of the message as sent."""
        normal = remembered_normal_form(message)
        text = normal.text
        found: list[Fact] = []
        held, bits_of = 0, self._bits.get
        for character in set(text):
            held |= bits_of(character, 0)
        for fact, scan, needed in self._scans:
            if held & needed != needed:
                continue
            hit = scan(text)
            while hit is not None:
                read = _read(fact, text, hit.start())
                if read is not None:
                    value, start, end = read
                    first, last = normal.span(start, end)
                    if not any(other.name == fact.fact and other.start == first for other in found):
                        found.append(Fact(fact.fact, value, message[first:last], first, last))
                hit = scan(text, hit.end())
        return sorted(found, key=lambda item: (item.start, item.name))

    def _mask(self, needs: Needs) -> int:
        """New bits for some sets of needed characters."""
        mask = 0
        for needed in needs:
            bit = 1 << self._n_bits
            self._n_bits += 1
            mask |= bit
            for character in needed:
                self._bits[character] = self._bits.get(character, 0) | bit
        return mask

    def _read(self, message: str) -> Told:
        return told(self.find(message))


def told(facts: Sequence[Fact]) -> Told:
    """Which facts are clear, and which are told in two ways."""
    if not facts:
        return NOTHING_TOLD
    values: dict[str, Scalar] = {}
    torn: list[str] = []
    for fact in facts:
        if values.setdefault(fact.name, fact.value) != fact.value and fact.name not in torn:
            torn.append(fact.name)
    # The buyer's own word for what is counted: 两袋, not 两件.
    for fact in facts:
        if fact.name in {"affected_count", "package_count"} and not fact.text[-1].isdigit():
            values["unit"] = fact.text[-1]
    return Told(tuple(facts), {name: value for name, value in values.items() if name not in torn}, torn)


def _read(fact: FactCues, text: str, start: int) -> tuple[Scalar, int, int] | None:
    """Value and span of the first cue that begins at `start`."""
    for cue in fact.cues:
        for pattern in cue.patterns:
            match = pattern.match(text, start)
            if match is None:
                continue
            groups = match.re.groupindex
            if "value" in groups:
                return match["value"].upper(), *match.span("value")
            if "number" not in groups or cue.value is not None:
                return (True if cue.value is None else cue.value), *match.span()
            end = match.end("unit") if "unit" in groups else match.end("number")
            number = _number(match["number"])
            value = None if number is None else _as(fact.kind, number)
            return None if value is None else (value, match.start("number"), end)
    return None


def _as(kind: str, number: Decimal) -> Scalar | None:
    if kind == "money":
        return number.quantize(Decimal("0.01"), rounding=ROUND_HALF_UP) if number <= 1_000_000 else None
    return int(number) if number == int(number) and number <= MAX_COUNT else None


@lru_cache(1024)
def _number(written: str) -> Decimal | None:
    """A number in digits or Chinese numerals; None when it is none ("一一")."""
    if written[0].isdecimal():
        return Decimal(written)
    try:
        return Decimal(str(cn2an.cn2an(written.replace("俩", "两"), "smart")))
    except ValueError:
        return None
