"""Which lines of a chat are a buyer's own words."""

from __future__ import annotations

import re
from collections.abc import Collection
from enum import StrEnum

from model.chats.line import ChatLine, Role, role_of
from model.text import MAX_MESSAGE_CHARS, normalise, without_controls


class Skip(StrEnum):
    """Why a line is not taken; the value is what staff read."""

    unreadable = "读不懂的行"
    agent = "客服说的"
    system = "系统消息、机器人"
    empty = "空的"
    card = "只有图片、表情或卡片"
    link = "只有链接"
    too_long = f"超过 {MAX_MESSAGE_CHARS} 字"
    in_training = "训练数据里已有"
    in_queue = "重复：队列里已有同样的话"


# What stands in the place of pictures, stickers and cards: [图片], 【订单卡片】, #表情, /:^_^
_CARD = re.compile(
    r"(?:\s*(?:\[[^\[\]]{1,12}\]|【[^【】]{1,12}】|<[^<>]{1,20}>|/:[^\s/\u4e00-\u9fff]{1,6}|#E-[a-z]\d+))+\s*"
)
_ORDER_CARD = re.compile(r"(?:订单编?号|商品编?号|商品ID|下单时间|订单金额)\s*[:：]\s*\S{4,}(?:\s.*)?", re.DOTALL)
_LINK = re.compile(r"(?:\s*(?:https?://|www\.)[\x21-\x7e]+)+\s*")
_SYSTEM = re.compile(
    r"(?:系统(?:提示|消息|通知)|\[?系统\]?[:：]|(?:对方|您|你|买家|.{1,20})撤回了?一条消息|当前用户来自|您已超过\d+"
    r"|会话(?:已|即将)(?:结束|关闭)|.{0,20}(?:进入|离开|结束)了?会话|.{0,20}转接给|以上(?:是|为)历史消息"
    r"|当前排队|邀请您?(?:对本次服务)?进行?评价)"
)
_AUTO_REPLY = re.compile(r"[\[【(（]?(?:自动回复|机器人|智能客服)[\]】)）:：]")


def reason_to_skip(line: ChatLine, agents: Collection[str] = ()) -> Skip | None:
    """Why the line is not a buyer's own words; None when it is. A nickname that says nothing is taken for a buyer's."""
    if line.problem is not None:
        return Skip.unreadable
    text = without_controls(line.text)
    if not normalise(text).text:
        return Skip.empty
    role = None if line.speaker is None else role_of(line.speaker, agents)
    if role is Role.agent:
        return Skip.agent
    if role is Role.system or _SYSTEM.match(text) or _AUTO_REPLY.match(text):
        return Skip.system
    if _CARD.fullmatch(text) or _ORDER_CARD.fullmatch(text):
        return Skip.card
    if _LINK.fullmatch(text):
        return Skip.link
    return Skip.too_long if len(text) > MAX_MESSAGE_CHARS else None
