"""What has been said so far: what the agent asked, promised and offered, and the buyer's answer to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from re import Pattern
from typing import Literal, NamedTuple

from model.playbook.conditions import Scalar
from model.text import remembered_normal_form

AGENT_MOVES = ("photo_asked", "question_asked", "check_promised", "handed_over", "offered")

# Name -> what it means. All of them are always known.
CONVERSATION_FACTS = {
    "first_contact": "客服还没有回复过",
    "photo_asked": "客服已请买家拍照",
    "question_asked": "客服已问过情况",
    "check_promised": "客服已答应去查",
    "handed_over": "客服已说转主管或专员",
    "courtesy": "买家这句是问候 hello、道谢 thanks、应答 ok，还是都不是 none",
    "solution": "方案到哪一步：none 未提、offered 已提、accepted 已接受、refused 不接受",
}


class Turn(NamedTuple):
    """One earlier line of the conversation."""

    role: Literal["buyer", "agent"]
    text: str


def read_conversation(moves: Mapping[str, Pattern[str]], history: Sequence[Turn], message: str) -> dict[str, Scalar]:
    """The moves so far, and whether the buyer takes what was offered."""
    facts: dict[str, Scalar] = dict.fromkeys(AGENT_MOVES[:-1], False)
    facts["first_contact"] = True
    solution = "none"
    for turn in history:
        text = remembered_normal_form(turn.text).text
        if turn.role == "agent":
            facts["first_contact"] = False
            for move in AGENT_MOVES[:-1]:
                if not facts[move] and moves[move].search(text):
                    facts[move] = True
            if moves["offered"].search(text):
                solution = "offered"
        elif solution != "none":
            solution = _answer(moves, text, solution)
    if solution != "none":
        solution = _answer(moves, remembered_normal_form(message).text, solution)
    facts["solution"] = solution
    facts["courtesy"] = _courtesy(moves, remembered_normal_form(message).text)
    return facts


def _answer(moves: Mapping[str, Pattern[str]], text: str, solution: str) -> str:
    if moves["refuses"].search(text):
        return "refused"
    return "accepted" if moves["accepts"].search(text) else solution


def _courtesy(moves: Mapping[str, Pattern[str]], text: str) -> str:
    for move, name in (("thanks", "thanks"), ("hello", "hello"), ("agrees", "ok")):
        if moves[move].search(text):
            return name
    return "none"
