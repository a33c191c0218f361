"""One line of a chat, and who may have said it."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from model.opening_hours import CHINA


class Role(StrEnum):
    """Who said a line."""

    buyer = "buyer"
    agent = "agent"
    system = "system"  # Cards, notices, robots.


class ChatLine(NamedTuple):
    """One line as a file has it.

    Attributes:
        row: line of a text file, row of a sheet (the header is 1), or record of a parquet file (the first is 1).
        text: what was said, as it stands there.
        speaker: the role or nickname that the file gives; None when it gives none.
        sent_at: when; None when the file does not say or in no known form.
        conversation: what the file calls the conversation, often the buyer's nickname; None when it does not say.
        problem: why the row cannot be read, in words for staff; then nothing else is known.
    """

    row: int
    text: str = ""
    speaker: str | None = None
    sent_at: datetime | None = None
    conversation: str | None = None
    problem: str | None = None


_ROLE_WORDS: dict[Role, frozenset[str]] = {
    Role.buyer: frozenset(
        {"买家", "顾客", "客户", "用户", "消费者", "访客", "会员", "buyer", "customer", "user", "client", "consumer"}
        | {"买方", "客人", "visitor"}
    ),
    Role.agent: frozenset(
        {"客服", "卖家", "商家", "店铺", "店家", "人工客服", "商户", "坐席", "接待", "主管", "掌柜", "小二"}
        | {"agent", "seller", "staff", "service", "merchant", "shop", "assistant", "operator", "waiter", "卖方"}
    ),
    Role.system: frozenset(
        {"系统", "系统消息", "系统提示", "系统通知", "机器人", "智能客服", "自动回复", "店小蜜", "智能助手"}
        | {"system", "robot", "bot", "notice", "auto", "autoreply"}
    ),
}
# Words in the nicknames of a shop's people; a colon parts a shop's name from its sub-account (果乐旗舰店:小美).
_ROBOT_SIGNS = ("机器人", "智能客服", "店小蜜", "系统消息")
_AGENT_SIGNS = ("旗舰店", "专营店", "专卖店", "客服", "官方", ":", "：")


def role_words(role: Role) -> frozenset[str]:
    """The words that stand for a role in exports."""
    return _ROLE_WORDS[role]


def role_of(speaker: str, agents: Collection[str] = ()) -> Role | None:
    """Whose line it is; None for a nickname that says nothing, which is a buyer's where agents are recognised.

    Args:
        speaker: a word for a role or a nickname.
        agents: nicknames of the shop's people.
    """
    if speaker in agents:
        return Role.agent
    word = speaker.strip().lower()
    for role, words in _ROLE_WORDS.items():
        if word in words:
            return role
    if any(sign in word for sign in _ROBOT_SIGNS):
        return Role.system
    if any(sign in word for sign in _AGENT_SIGNS):
        return Role.agent
    return None


_TIME_FORMS = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S.%f", "%Y-%m-%d")


def read_time(value: object) -> datetime | None:
    """A time from a cell or a transcript, in China's zone where it names none."""
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=CHINA)
    if not isinstance(value, str):
        return None
    text = value.strip()
    for sign in "/.年月":
        text = text.replace(sign, "-", 2) if sign in text[:10] else text
    text = text.replace("日", " ").replace("T", " ")
    for form in _TIME_FORMS:
        try:
            return datetime.strptime(" ".join(text.split()), form).replace(tzinfo=CHINA)
        except ValueError:
            continue
    return None
