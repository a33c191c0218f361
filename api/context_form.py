"""The facts of a case as a form: which control each one has, and what it and its values are called."""

from __future__ import annotations

import types
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import AwareDatetime

from model.context import Context
from model.playbook.product_lines import ProductLine

Kind = Literal["choice", "list", "count", "money", "time", "text"]
MAX_CHIPS = 5  # More values than this stand in a list, not side by side.
YES_NO = {"true": "是", "false": "否"}

# Every field of the context but `now`, which is the server's to know. The first section is always in sight.
SECTIONS: Mapping[str, Mapping[str, str]] = {
    "常用": {
        "product_line": "品类",
        "platform": "平台",
        "order_status": "订单",
        "photo": "照片",
        "returning_customer": "老客户",
        "package_count": "买了几件",
        "affected_count": "几件有问题",
        "order_amount": "实付",
        "goods_value": "商品价值",
        "shop_type": "店铺",
    },
    "商品": {
        "product_name": "商品名",
        "damage_extent": "破损程度",
        "keeps_goods": "愿意留下",
        "usable": "还能用",
        "repairable": "能修",
        "fit_to_return": "能寄回",
        "goods_used": "用过了",
        "tags_intact": "吊牌完好",
        "material": "材质",
        "fault_part": "坏的部位",
        "repair_count": "修过几次",
        "shelf_life_shown": "页面写明日期",
        "size_shown": "页面写明尺寸",
    },
    "订单": {
        "shop_name": "店名",
        "price_drop": "降价",
        "free_shipping": "包邮",
        "freight_insurance": "运费险",
        "collect_on_delivery": "到付",
        "invoice_issued": "已开发票",
        "gift_returned": "赠品寄回",
    },
    "物流": {
        "carrier": "快递公司",
        "waybill": "运单号",
        "signed_by": "谁签收",
        "refused_at_door": "拒收了",
        "manifest_ok": "出库清单对",
        "weight_ok": "包裹重量对",
        "parcel_intact": "外箱完好",
    },
    "时间": {
        "paid_at": "付款",
        "shipped_at": "发货",
        "signed_at": "签收",
        "days_since_signed": "签收几天",
        "completed_at": "交易完成",
        "refund_requested_at": "申请退款",
        "refund_refused_at": "拒绝退款",
        "return_shipped_at": "买家寄回",
        "return_received_at": "收到退货",
    },
}
VALUES: Mapping[str, Mapping[str, str]] = {
    "platform": {"taobao": "淘宝", "tmall": "天猫", "pdd": "拼多多", "jd": "京东", "douyin": "抖音", "other": "其他"},
    "shop_type": {"c_shop": "C店", "mt": "MT", "mall": "商城"},
    "order_status": {"unpaid": "未付", "paid": "已付", "shipped": "已发", "signed": "签收", "completed": "完成"},
    "photo": {"none": "未发", "provided": "已发", "refused": "不肯拍"},
    "damage_extent": {"slight": "轻微", "severe": "严重"},
    "signed_by": {"self": "本人", "proxy": "代收", "unclear": "不清楚"},
}
# The same for all buyers of an agent, so that the browser remembers them.
REMEMBERED = frozenset({"platform", "shop_type", "shop_name"})


@dataclass(frozen=True, slots=True)
class Field:
    """One control. `choices`: value as in the context, and its name."""

    code: str
    name: str
    kind: Kind
    choices: Mapping[str, str]
    is_remembered: bool


@dataclass(frozen=True, slots=True)
class Section:
    """Controls that belong together."""

    name: str
    fields: tuple[Field, ...]


def context_form(product_lines: Iterable[ProductLine]) -> list[Section]:
    """All controls, for a playbook with these product lines."""
    words = {line.id: line.word for line in product_lines}
    return [
        Section(name, tuple(_field(code, title, words) for code, title in fields.items()))
        for name, fields in SECTIONS.items()
    ]


def _field(code: str, name: str, product_words: Mapping[str, str]) -> Field:
    kind, choices = _control(code, product_words)
    return Field(code, name, kind, choices, code in REMEMBERED)


def _control(code: str, product_words: Mapping[str, str]) -> tuple[Kind, Mapping[str, str]]:
    if code == "product_line":
        return "list", product_words
    value_type = _value_type(Context.model_fields[code].annotation)
    if value_type is bool:
        return "choice", YES_NO
    if issubclass(value_type, StrEnum):
        choices = {str(value): VALUES[code][value] for value in value_type}
        return ("choice" if len(choices) <= MAX_CHIPS else "list"), choices
    kinds: dict[type, Kind] = {int: "count", Decimal: "money", AwareDatetime: "time", str: "text"}
    return kinds[value_type], {}


def _value_type(annotation: Any) -> type:
    """`int` of `Annotated[int, …] | None`."""
    if get_origin(annotation) is Annotated:
        return _value_type(get_args(annotation)[0])
    if get_origin(annotation) in {Union, types.UnionType}:
        return _value_type(next(part for part in get_args(annotation) if part is not type(None)))
    found: type = annotation
    return found
