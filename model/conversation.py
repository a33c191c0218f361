"""What has been said so far: what the agent asked, promised and offered, and the buyer's answer to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from re import Pattern
from typing import Literal, NamedTuple

from model.playbook.conditions import Scalar
from model.text import remembered_normal_form

AGENT_MOVES = ("photo_asked", "question_asked", "check_promised", "handed_over", "offered")
NO_MOVES: Mapping[str, Scalar] = dict.fromkeys(AGENT_MOVES[:-1], False)
REMEMBERED_LINES = 4096

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


class Moves:
    """Finds the moves that the cues of the playbook describe.

    A conversation comes back with every message, one turn longer, so that what each line says is remembered.
    """

    def __init__(self, patterns: Mapping[str, Pattern[str]]) -> None:
        self._patterns = patterns
        self.made_by_agent = lru_cache(REMEMBERED_LINES)(self._made_by_agent)
        self.answer = lru_cache(REMEMBERED_LINES)(self._answer)
        self.courtesy = lru_cache(REMEMBERED_LINES)(self._courtesy)

    def _made_by_agent(self, line: str) -> tuple[str, ...]:
        """Which of `AGENT_MOVES` the line makes."""
        text = remembered_normal_form(line).text
        return tuple(move for move in AGENT_MOVES if self._patterns[move].search(text))

    def _answer(self, line: str) -> str | None:
        """Whether the buyer's line takes what was offered; None where it says nothing of it."""
        text = remembered_normal_form(line).text
        if self._patterns["refuses"].search(text):
            return "refused"
        return "accepted" if self._patterns["accepts"].search(text) else None

    def _courtesy(self, line: str) -> str:
        text = remembered_normal_form(line).text
        for move, name in (("thanks", "thanks"), ("hello", "hello"), ("agrees", "ok")):
            if self._patterns[move].search(text):
                return name
        return "none"


def read_conversation(moves: Moves, history: Sequence[Turn], message: str) -> dict[str, Scalar]:
    """The moves so far, and whether the buyer takes what was offered."""
    facts: dict[str, Scalar] = {**NO_MOVES, "first_contact": True}
    solution = "none"
    for turn in history:
        if turn.role == "agent":
            facts["first_contact"] = False
            for move in moves.made_by_agent(turn.text):
                if move == "offered":
                    solution = "offered"
                else:
                    facts[move] = True
        elif solution != "none":
            solution = moves.answer(turn.text) or solution
    if solution != "none":
        solution = moves.answer(message) or solution
    facts["solution"] = solution
    facts["courtesy"] = moves.courtesy(message)
    return facts
