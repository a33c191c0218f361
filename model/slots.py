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
    if compensation and compensation.min and compensation.max and Decimal(compensation.max) > 0:
        low, high = Decimal(compensation.min), Decimal(compensation.max)
        slots["cash"] = yuan(high) if low == high else f"{plain(low)}到{yuan(high)}"
    return slots


def plain(amount: Decimal) -> str:
    """Money as people write it: no empty decimals."""
    return f"{amount:.2f}".rstrip("0").rstrip(".")


def yuan(amount: Decimal) -> str:
    """Money with its unit, as in a chat."""
    return f"{plain(amount)}元"
