"""Play the conversations of tests/data/conversations.yaml: `python -m tests.conversations > tests/conversations.md`."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from model import registry
from model.context import Context
from model.conversation import Turn
from model.paths import artifacts_dir
from model.playbook.loading import load_playbook
from model.recommender import Recommender
from model.validated_yaml import read_yaml

FILE = Path(__file__).parent / "data" / "conversations.yaml"
START = datetime.fromisoformat("2026-03-04T10:30:00+08:00")


class Conversation(BaseModel):
    """What the buyer says, and what the shop finds out on the way (by turn, from 0)."""

    title: str
    context: dict[str, Any]
    buyer: list[str]
    later: dict[int, dict[str, Any]] = {}


class Conversations(BaseModel):
    """The file."""

    conversations: list[Conversation]


def play(recommender: Recommender, conversation: Conversation) -> list[str]:
    """Lines of Markdown: the buyer's words, the first reply, and what stands behind it."""
    lines = [f"## {conversation.title}", ""]
    history: list[Turn] = []
    known = dict(conversation.context)
    for number, message in enumerate(conversation.buyer):
        known |= conversation.later.get(number, {})
        now = START + timedelta(minutes=5 * number)
        answer = recommender.recommend(message, history, Context.model_validate(known), now=now)
        reply, money = answer.replies[0], answer.compensation
        figure = "" if money is None else f"，{money.remedy} {money.min or '—'}–{money.max or '—'}"
        lines += [
            f"买家：{message}",
            "",
            f"> 客服：{reply.text}",
            "",
            f"<sub>{answer.issue.code}，{answer.customer.code}，{answer.stage}{figure}，{reply.template_id}</sub>",
            "",
        ]
        history += [Turn("buyer", message), Turn("agent", reply.text)]
    return lines


def main() -> None:
    """Print all conversations as Markdown."""
    classifier, manifest = registry.load(artifacts_dir())
    recommender = Recommender(classifier, load_playbook(classifier.taxonomy))
    print(f"# 十段对话\n\n每轮都取第一条回复。模型 {manifest.version}。\n")
    for conversation in read_yaml(FILE, Conversations).conversations:
        print("\n".join(play(recommender, conversation)))


if __name__ == "__main__":
    main()
