"""Which column of a table holds what, by the names that exports give them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from model.errors import InputError

# The first of a list that a table has is taken.
_KNOWN = {
    "text": (
        "text message content msg body messagecontent chatcontent 消息内容 聊天内容 对话内容 会话内容 发言内容 咨询内容"
        " 买家消息 消息 内容 文本 聊天记录 正文"
    ),
    "role": (
        "role sendertype sendrole fromrole 角色 身份 发送方类型 发送者类型 用户类型 消息类型 发送方 发送人 发送者"
        " 发言人 说话人 消息发送方 消息来源 来源 sender speaker from fromnick 昵称 发送人昵称"
    ),
    "time": (
        "time sentat timestamp createdat sendtime date 时间 发送时间 消息时间 聊天时间 创建时间 发言时间 日期 msgtime"
    ),
    "conversation": (
        "conversation conversationid session sessionid dialogid chatid cid 会话id 会话编号 会话 对话id 对话编号 聊天id"
        " 咨询单号 买家昵称 买家旺旺 顾客昵称 客户昵称 用户昵称 买家账号 买家 顾客 客户"
    ),
}
_NOISE = re.compile(r"[\s_\-()（）\[\]【】:：\ufeff]")


@dataclass(frozen=True, slots=True)
class Columns:
    """Names of a table's columns; None: found by their usual names, or not there."""

    text: str | None = None
    role: str | None = None
    time: str | None = None
    conversation: str | None = None


def find_columns(header: Sequence[str], named: Columns, path: Path) -> Columns:
    """The table's columns: those named, else those found; the one with the text is always there.

    Raises:
        InputError: a named column is missing, or no column has a usual name for the text.
    """
    usual = {_NOISE.sub("", name).lower(): name for name in reversed(header)}
    found: dict[str, str | None] = {}
    for what in (field.name for field in fields(Columns)):
        name = getattr(named, what)
        if name is not None and name not in header:
            raise InputError(
                f"没有 {name} 这一列（现有：{_listed(header)}）", remedy=f"用 --{what} 写明是其中哪一列", path=path
            )
        guesses = (usual[word] for word in _KNOWN[what].split() if usual.get(word) not in {None, *found.values()})
        found[what] = name or next(guesses, None)
    if found["text"] is None:
        raise InputError(
            f"认不出消息在哪一列（现有：{_listed(header)}）",
            remedy="用 --text 列名 写明",
            path=path,
            line=1,
        )
    return Columns(**found)


def _listed(header: Sequence[str]) -> str:
    return ", ".join(header)[:120]
