"""The case: all facts that are known of it, where they come from, and where they contradict each other."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from model.context import Context
from model.conversation import Turn, read_conversation
from model.derived_facts import derive
from model.opening_hours import Moment
from model.playbook.book import Playbook
from model.playbook.conditions import Scalar
from model.recommendation import Fact

_SCALARS = (bool, int, Decimal, str)
YES_NO = {True: "是", False: "否"}


class Case(NamedTuple):
    """What the rules are asked with.

    Attributes:
        facts: known facts by name, the caller's before the text's.
        as_told: the same with the buyer's words before the caller's, where they contradict; else None.
        found: facts in the message, with offsets.
        contradictions: in words, for the agent.
        now: the clock, if there is one. moment: the same as the shop sees it.
    """

    context: Context
    facts: dict[str, Scalar]
    as_told: dict[str, Scalar] | None
    found: Sequence[Fact]
    contradictions: list[str]
    now: datetime | None
    moment: Moment | None


def open_case(
    playbook: Playbook, message: str, history: Sequence[Turn], context: Context, now: datetime | None
) -> Case:
    """Gather the facts: the caller's context wins over the message, the message over earlier ones."""
    now = context.now or now
    moment = None if now is None else playbook.opening_hours.at(now)
    found, words, torn = playbook.fact_finder.read(message)
    stated = stated_facts(context)
    earlier: dict[str, Scalar] = {}
    for turn in history:
        if turn.role == "buyer":
            earlier |= playbook.fact_finder.read(turn.text).values
    contradictions = [_two_ways(playbook, found, name) for name in torn if name not in stated]
    facts = {**earlier, **words}
    for name in torn:
        facts.pop(name, None)
    disputed = {}
    for name, value in stated.items():
        # A caller that has no photo yet says "none": the buyer's word that it was sent is newer, no contradiction.
        if name == "photo" and value == "none" and name in facts:
            continue
        if name in words and words[name] != value:
            disputed[name] = words[name]
            contradictions.append(_contradiction(playbook, found, name, value))
        facts[name] = value
    moves = read_conversation(playbook.moves, history, message)
    as_told = {**facts, **disputed, **moves} if disputed else None
    facts |= moves
    derive(facts, context, moment, playbook.policy)
    if as_told is not None:
        derive(as_told, context, moment, playbook.policy)
    return Case(context, facts, as_told, found, contradictions, now, moment)


def stated_facts(context: Context) -> dict[str, Scalar]:
    """Facts of the context as conditions see them: times left out. Members of its enumerations are their values."""
    return {name: value for name, value in vars(context).items() if value is not None and isinstance(value, _SCALARS)}


def _contradiction(playbook: Playbook, found: Sequence[Fact], name: str, value: Scalar) -> str:
    said = next(fact.text for fact in found if fact.name == name)
    known = YES_NO[value] if isinstance(value, bool) else str(value)
    known = playbook.value_names.get(name, {}).get(known, known)
    return f"{playbook.fact_names.get(name, name)}：订单信息是“{known}”，买家说“{said}”，请核对以哪个为准"


def _two_ways(playbook: Playbook, found: Sequence[Fact], name: str) -> str:
    said = "”和“".join(dict.fromkeys(fact.text for fact in found if fact.name == name))
    return f"{playbook.fact_names.get(name, name)}：买家前后说了“{said}”，请核对"
