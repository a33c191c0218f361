"""What fills the slots of a reply template, and where it comes from."""

from __future__ import annotations

from decimal import Decimal

from model.context import Context, ProductLine
from model.recommendation import Compensation

# The word that a shop uses for its goods when the caller names only the product line.
PRODUCT_WORDS = {
    ProductLine.biscuit: "饼干",
    ProductLine.grain_powder: "五谷粉",
    ProductLine.snack: "零食",
    ProductLine.apparel: "衣服",
    ProductLine.shoes: "鞋子",
    ProductLine.leather: "皮具",
    ProductLine.cosmetics: "护肤品",
    ProductLine.electronics: "电器",
    ProductLine.laptop: "电脑",
    ProductLine.furniture: "家具",
    ProductLine.household: "日用品",
}


def fill_slots(context: Context, compensation: Compensation | None) -> dict[str, str]:
    """Texts of the slots that can be filled: from the context, and money from the compensation."""
    slots: dict[str, str] = {}
    if context.shop_name:
        slots["shop"] = context.shop_name
    if product := context.product_name or (context.product_line and PRODUCT_WORDS.get(context.product_line)):
        slots["product"] = product
    if context.affected_count:
        slots["affected"] = f"{context.affected_count}件"
    if context.waybill:
        slots["waybill"] = context.waybill
    if context.carrier:
        slots["carrier"] = context.carrier
    if context.price_drop:
        slots["price_drop"] = yuan(context.price_drop)
    # A range is for the agent's eyes; a buyer is told one figure or none.
    if compensation and compensation.max and compensation.min == compensation.max and Decimal(compensation.max) > 0:
        slots["cash"] = yuan(Decimal(compensation.max))
    return slots


def yuan(amount: Decimal) -> str:
    """Money as people write it in a chat: no empty decimals."""
    return f"{amount:.2f}".rstrip("0").rstrip(".") + "元"
