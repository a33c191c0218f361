"""The facts of a case as a form: which control each one has, and what it and its values are called."""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import AwareDatetime

from model.context import Context

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
        "material": "材质",
        "fault_part": "坏的部位",
        "repair_count": "修过几次",
        "damage_extent": "破损程度",
        "keeps_goods": "愿意留下",
        "usable": "还能用",
        "repairable": "能修",
        "fit_to_return": "能寄回",
        "goods_used": "用过了",
        "tags_intact": "吊牌完好",
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
        "completed_at": "交易完成",
        "refund_requested_at": "申请退款",
        "refund_refused_at": "拒绝退款",
        "return_shipped_at": "买家寄回",
        "return_received_at": "收到退货",
        "days_since_signed": "签收几天",
    },
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


def context_form(value_names: Mapping[str, Mapping[str, str]]) -> list[Section]:
    """All controls. `value_names`: the playbook's names of values, by fact."""
    return [
        Section(name, tuple(_field(code, title, value_names.get(code, {})) for code, title in fields.items()))
        for name, fields in SECTIONS.items()
    ]


def _field(code: str, name: str, value_names: Mapping[str, str]) -> Field:
    kind, choices = _control(code, value_names)
    return Field(code, name, kind, choices, code in REMEMBERED)


def _control(code: str, value_names: Mapping[str, str]) -> tuple[Kind, Mapping[str, str]]:
    if code == "product_line":  # A text for Python, but one of the playbook's.
        return "list", value_names
    value_type = _value_type(Context.model_fields[code].annotation)
    if value_type is bool:
        return "choice", YES_NO
    if issubclass(value_type, StrEnum):
        choices = {str(value): value_names.get(value, value) for value in value_type}
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
