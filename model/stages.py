"""Where the conversation stands, from the history and the facts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from model.playbook.book import Playbook
from model.playbook.conditions import Scalar
from model.playbook.templates import Stage


class Turn(NamedTuple):
    """One earlier line of the conversation."""

    role: Literal["buyer", "agent"]
    text: str


def infer_stage(playbook: Playbook, issue: str, history: Sequence[Turn], facts: Mapping[str, Scalar]) -> Stage:
    """The stage that the next reply belongs to."""
    answered = any(turn.role == "agent" for turn in history)
    if issue == "greeting":
        return Stage.close if answered else Stage.clarify
    if issue in playbook.needs_person:
        return Stage.verify
    if issue in playbook.needs_photo and facts.get("photo", "none") == "none":
        return Stage.evidence
    if issue in playbook.needs_check and not facts.keys() & {"manifest_ok", "weight_ok", "waybill", "signed_by"}:
        return Stage.verify
    return Stage.resolve
