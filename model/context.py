"""The facts of a case: what a caller may send beside the message, and what is derived from it."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    WithJsonSchema,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError
from pydantic_core.core_schema import no_info_after_validator_function

from model.playbook.product_lines import known_product_lines

MAX_MONEY = 1_000_000
_AMOUNT = re.compile(r"-?[0-9]{1,7}(?:\.[0-9]{1,2})?")


def _amount(value: Any) -> Any:
    """A decimal string or a JSON number; a number is rounded to fen, because 13.3 is 13.300000000000001 to many."""
    if isinstance(value, str) and _AMOUNT.fullmatch(value):
        return value
    if isinstance(value, float | Decimal | int) and not isinstance(value, bool) and -MAX_MONEY <= value <= MAX_MONEY:
        return Decimal(str(round(value, 2)))
    raise PydanticCustomError("money", "must be an amount in CNY of at most 1000000 such as 5.00")


def _number(value: Any) -> Any:
    """JSON's integers, 6.0 among them; truth values and text are none."""
    if isinstance(value, bool | str):
        raise PydanticCustomError("int_type", "must be an integer")
    return value


def _written_time(value: Any) -> Any:
    """RFC 3339 only: a bare number may be seconds or milliseconds."""
    if isinstance(value, int | float):
        raise PydanticCustomError("time", "must be a time such as 2026-01-31T10:00:00+08:00")
    return value


# Nearer to the ends of Python's calendar no time zone and no period can be added.
EARLIEST, LATEST = datetime(2, 1, 1, tzinfo=UTC), datetime(9990, 1, 1, tzinfo=UTC)


def _in_calendar(value: datetime) -> datetime:
    return min(max(value, EARLIEST), LATEST)


Money = Annotated[
    Decimal,
    Field(ge=0, le=MAX_MONEY, max_digits=9, decimal_places=2, description="CNY"),
    BeforeValidator(_amount),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "pattern": r"^[0-9]{1,6}(\.[0-9]{1,2})?$"},
                {"type": "number", "minimum": 0, "maximum": MAX_MONEY},
            ],
            "description": "CNY",
            "examples": ["5.00"],
        }
    ),
]
WHOLE = BeforeValidator(_number)
Count = Annotated[int, Field(ge=0, le=100_000), WHOLE]
Flag = Annotated[bool, Field(strict=True)]
Time = Annotated[AwareDatetime, BeforeValidator(_written_time), AfterValidator(_in_calendar)]
Word = Annotated[str, Field(min_length=1, max_length=60)]


class Platform(StrEnum):
    """Where the shop is."""

    taobao = "taobao"
    tmall = "tmall"
    pdd = "pdd"
    jd = "jd"
    douyin = "douyin"
    other = "other"


class ShopType(StrEnum):
    """C店, MT, 商城 (tmall means mall)."""

    c_shop = "c_shop"
    mt = "mt"
    mall = "mall"


class _KnownProductLine:
    """Checks a code against the playbook's product lines, which a shop may add to, and lists them in the schema."""

    def __get_pydantic_core_schema__(self, source: type[str], handler: GetCoreSchemaHandler) -> CoreSchema:
        return no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {**handler(schema), "enum": sorted(known_product_lines())}

    @staticmethod
    def _check(code: str) -> str:
        allowed = known_product_lines()
        if code not in allowed:
            raise ValueError(f"unknown product line; one of {', '.join(sorted(allowed))}")
        return code


ProductLineCode = Annotated[str, _KnownProductLine()]


class OrderStatus(StrEnum):
    """State of the order."""

    unpaid = "unpaid"
    paid = "paid"
    shipped = "shipped"
    signed = "signed"
    completed = "completed"


class Photo(StrEnum):
    """Whether the buyer has sent a photo of the fault."""

    none = "none"
    provided = "provided"
    refused = "refused"


class Extent(StrEnum):
    """How bad the damage is."""

    slight = "slight"
    severe = "severe"


class SignedBy(StrEnum):
    """Who signed for the parcel."""

    self = "self"
    proxy = "proxy"
    unclear = "unclear"


class Context(BaseModel):
    """Facts of the case, all optional; a missing one widens the answer, it is never made up."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    platform: Platform | None = None
    shop_type: ShopType | None = None
    shop_name: Word | None = None
    product_line: ProductLineCode | None = None
    product_name: Word | None = None
    order_status: OrderStatus | None = None
    package_count: Annotated[int, Field(ge=1, le=100_000), WHOLE] | None = Field(None, description="packs bought")
    affected_count: Count | None = Field(None, description="packs at fault or missing")
    order_amount: Money | None = None
    goods_value: Money | None = None
    price_drop: Money | None = None
    returning_customer: Flag | None = None
    photo: Photo | None = None
    damage_extent: Extent | None = None
    keeps_goods: Flag | None = None
    usable: Flag | None = None
    repairable: Flag | None = None
    fit_to_return: Flag | None = None
    goods_used: Flag | None = None
    tags_intact: Flag | None = None
    shelf_life_shown: Flag | None = Field(None, description="the date was shown before the sale")
    size_shown: Flag | None = None
    free_shipping: Flag | None = None
    freight_insurance: Flag | None = None
    collect_on_delivery: Flag | None = None
    refused_at_door: Flag | None = None
    manifest_ok: Flag | None = None
    weight_ok: Flag | None = None
    parcel_intact: Flag | None = None
    signed_by: SignedBy | None = None
    gift_returned: Flag | None = None
    invoice_issued: Flag | None = None
    material: Word | None = None
    fault_part: Word | None = None
    repair_count: Count | None = None
    carrier: Word | None = None
    waybill: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{6,40}$")] | None = None
    paid_at: Time | None = None
    shipped_at: Time | None = None
    signed_at: Time | None = None
    completed_at: Time | None = None
    refund_requested_at: Time | None = None
    refund_refused_at: Time | None = None
    return_shipped_at: Time | None = None
    return_received_at: Time | None = None
    now: Time | None = Field(None, description="the server's clock when left out")
    days_since_signed: Count | None = None
