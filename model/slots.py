"""What fills the slots of a reply template, and where it comes from."""

from __future__ import annotations

from decimal import Decimal

from model.case import Case
from model.playbook.book import Playbook
from model.playbook.conditions import Scalar
from model.recommendation import Compensation

# Slot -> its source, for the page and the staff who write templates.
SLOT_SOURCES = {
    "shop": "context.shop_name",
    "product": "context.product_name，否则 product_lines.yaml 里品类的叫法",
    "cash": "建议补偿的金额，只在是一个确定的数时",
    "affected": "有问题的件数，单位照买家的说法，否则照品类",
    "waybill": "context.waybill 或消息里的单号",
    "carrier": "context.carrier 或消息里的快递公司",
    "price_drop": "降价的金额",
    "due": "现在起能答应的答复时间（policy.yaml 的工作时间）",
}


def fill_slots(playbook: Playbook, case: Case, compensation: Compensation | None) -> dict[str, str]:
    """Texts of the slots that can be filled."""
    facts, slots = case.facts, {}
    if case.context.shop_name:
        slots["shop"] = case.context.shop_name
    line = playbook.product_lines.get(str(facts.get("product_line")))
    if case.context.product_name:
        slots["product"] = case.context.product_name
    elif line is not None and line.id != "other":
        slots["product"] = line.word
    affected = facts.get("affected_count")
    if isinstance(affected, int) and affected > 0:
        slots["affected"] = f"{affected}{facts.get('unit') or (line.unit if line else '件')}"
    for name in ("waybill", "carrier"):
        if name in facts:
            slots[name] = str(facts[name]).upper() if name == "waybill" else str(facts[name])
    drop = facts.get("price_drop")
    if isinstance(drop, Decimal) and drop > 0:
        slots["price_drop"] = yuan(drop)
    # A range is for the agent's eyes; a buyer is told one figure or none.
    if compensation and compensation.max and compensation.min == compensation.max and Decimal(compensation.max) > 0:
        slots["cash"] = yuan(Decimal(compensation.max))
    if case.moment is not None:
        slots["due"] = case.moment.promise
    return slots


def yuan(amount: Scalar) -> str:
    """Money as people write it in a chat: no empty decimals."""
    return f"{amount:.2f}".rstrip("0").rstrip(".") + "元"
