"""The facts of a case: what a caller may send beside the message, and what is derived from it."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema
from pydantic_core.core_schema import no_info_after_validator_function

from model.playbook.product_lines import known_product_lines

Money = Annotated[Decimal, Field(ge=0, le=Decimal("1000000"), max_digits=9, decimal_places=2, description="CNY")]
Count = Annotated[int, Field(ge=0, le=100_000)]
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
    package_count: Annotated[int, Field(ge=1, le=100_000)] | None = Field(None, description="packs bought")
    affected_count: Count | None = Field(None, description="packs at fault or missing")
    order_amount: Money | None = None
    goods_value: Money | None = None
    price_drop: Money | None = None
    returning_customer: bool | None = None
    photo: Photo | None = None
    damage_extent: Extent | None = None
    keeps_goods: bool | None = None
    usable: bool | None = None
    repairable: bool | None = None
    fit_to_return: bool | None = None
    goods_used: bool | None = None
    tags_intact: bool | None = None
    shelf_life_shown: bool | None = Field(None, description="the date was shown before the sale")
    size_shown: bool | None = None
    free_shipping: bool | None = None
    freight_insurance: bool | None = None
    collect_on_delivery: bool | None = None
    refused_at_door: bool | None = None
    manifest_ok: bool | None = None
    weight_ok: bool | None = None
    parcel_intact: bool | None = None
    signed_by: SignedBy | None = None
    gift_returned: bool | None = None
    invoice_issued: bool | None = None
    material: Word | None = None
    fault_part: Word | None = None
    repair_count: Count | None = None
    carrier: Word | None = None
    waybill: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{6,40}$")] | None = None
    paid_at: AwareDatetime | None = None
    shipped_at: AwareDatetime | None = None
    signed_at: AwareDatetime | None = None
    completed_at: AwareDatetime | None = None
    refund_requested_at: AwareDatetime | None = None
    refund_refused_at: AwareDatetime | None = None
    return_shipped_at: AwareDatetime | None = None
    return_received_at: AwareDatetime | None = None
    now: AwareDatetime | None = Field(None, description="the server's clock when left out")
    days_since_signed: Count | None = None
