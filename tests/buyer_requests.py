"""Varied requests for measurements: conversations out of the training messages, with what a plug-in knows of the order.

One message sent again and again would be answered out of caches that a shop's day does not fill so well.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

from model.dataset import message_files, read_messages
from model.paths import TRAINING_DATA
from model.taxonomy import load_taxonomy

BUYERS = 50
MAX_BUYER_TURNS = 5
NO_CONTEXT = 0.25  # This share of the conversations comes from plug-ins that know nothing of the order.
AGENT_LINES = (
    "您好亲，请问有什么可以帮您",
    "亲，非常抱歉给您添麻烦了，我马上帮您看一下",
    "亲，麻烦您拍一张照片发过来，我帮您核实",
    "好的亲，请问一共收到几件呢",
    "亲，我已经帮您登记了，今天之内给您答复",
    "亲，这边给您申请补发一份，您看可以吗",
    "亲，给您补偿5元，您看这样处理可以吗",
    "亲，我联系快递核实一下，有消息第一时间告诉您",
    "好的亲，退款已经同意了，请您把商品寄回",
    "亲，这个问题我转给主管来处理，请稍等",
)
# What a plug-in may know of an order, each with the share of orders where it does.
ORDER_FACTS: dict[str, tuple[float, tuple[Any, ...]]] = {
    "platform": (0.9, ("taobao", "tmall", "pdd", "jd", "douyin")),
    "shop_type": (0.3, ("c_shop", "mt", "mall")),
    "shop_name": (0.3, ("田间零食", "小满旗舰店", "鹿角家居")),
    "product_line": (0.7, ("biscuit", "grain_powder", "snack", "apparel", "shoes", "electronics", "household")),
    "product_name": (0.3, ("苏打饼干", "红豆薏米粉", "纯棉毛巾", "蓝牙耳机", "女士单鞋")),
    "order_status": (0.8, ("unpaid", "paid", "shipped", "signed", "signed", "completed")),
    "package_count": (0.6, (1, 1, 1, 2, 3, 6)),
    "order_amount": (0.6, ("19.90", "39.90", "59.00", "128.00", "329.00")),
    "goods_value": (0.4, ("19.90", "39.90", "59.00", "128.00", "329.00")),
    "returning_customer": (0.5, (True, False, False)),
    "photo": (0.3, ("none", "none", "provided", "refused")),
    "free_shipping": (0.3, (True, False)),
    "freight_insurance": (0.3, (True, False)),
    "carrier": (0.3, ("中通", "圆通", "韵达", "顺丰")),
    "paid_at": (0.4, tuple(f"2026-11-{day:02d}T09:{day}:00+08:00" for day in range(10, 21))),
    "signed_at": (0.3, tuple(f"2026-11-{day:02d}T17:{day}:00+08:00" for day in range(12, 21))),
}


def buyer_requests(seed: int = 0) -> Iterator[dict[str, Any]]:
    """Bodies of POST /v1/recommendations without end, turn by turn, from many buyers at once; the same for one seed."""
    chance = random.Random(seed)
    taxonomy = load_taxonomy()
    files = [[message.text for message in read_messages(path, taxonomy)] for path in message_files(TRAINING_DATA)]
    chats = [_chat(chance, files) for _ in range(BUYERS)]
    while True:
        yield next(chance.choice(chats))


def _chat(chance: random.Random, files: list[list[str]]) -> Iterator[dict[str, Any]]:
    """One conversation after another."""
    while True:
        (texts,) = chance.choices(files, [len(texts) for texts in files])
        turns = chance.randint(1, MAX_BUYER_TURNS)
        first = chance.randrange(max(len(texts) - turns, 1))
        context = {} if chance.random() < NO_CONTEXT else _order(chance)
        history: list[dict[str, str]] = []
        for text in texts[first : first + turns]:
            yield {"message": text, "history": list(history), "context": context, "top_k": 3}
            history += [{"role": "buyer", "text": text}, {"role": "agent", "text": chance.choice(AGENT_LINES)}]


def _order(chance: random.Random) -> dict[str, Any]:
    return {name: chance.choice(values) for name, (share, values) in ORDER_FACTS.items() if chance.random() < share}
