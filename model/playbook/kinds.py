"""The kinds of rules, by what follows from each."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from model.playbook.rules import Rule
from model.playbook.templates import Stage


class RemedyKind(StrEnum):
    """What the shop does for the buyer."""

    cash = "cash"
    resend = "resend"
    full_refund = "full_refund"
    exchange = "exchange"
    repair = "repair"
    return_ = "return"
    goodwill_gift = "goodwill_gift"
    carrier_claim = "carrier_claim"
    escalate = "escalate"
    none = "none"


REMEDY_NAMES = {
    "cash": "现金补偿",
    "resend": "补发",
    "full_refund": "全额退款",
    "exchange": "换货",
    "repair": "维修",
    "return": "退货",
    "goodwill_gift": "心意小礼",
    "carrier_claim": "快递索赔",
    "escalate": "转人工",
    "none": "不补偿",
}


class Amount(BaseModel):
    """A sum of money in CNY: fixed, by the buyer's standing, a small share of the price, or a value of the case.

    Attributes:
        first_single: a first purchase of one pack. otherwise: a returning buyer or several packs.
        small_share_of: the shop's policy says which share, and how much at most.
        depreciation_per_day: taken off `value_of`, as a share a day since signing.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    fixed: Decimal | None = None
    first_single: Decimal | None = None
    otherwise: Decimal | None = None
    value_of: Literal["goods_value", "affected_value", "price_drop", "freight_paid", "order_amount"] | None = None
    small_share_of: Literal["goods_value"] | None = None
    depreciation_per_day: Decimal | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> Amount:
        standing = self.first_single is not None
        kinds = standing + (self.fixed is not None) + bool(self.value_of) + bool(self.small_share_of)
        if standing != (self.otherwise is not None) or kinds != 1:
            raise ValueError("写 fixed、value_of、small_share_of，或 first_single 连同 otherwise")
        return self


class RemedyRule(Rule):
    """A remedy and what it is worth. `alternatives`: the either/or that the rule itself leaves to the buyer."""

    remedy: RemedyKind
    alternatives: tuple[RemedyKind, ...] = ()
    amount: Amount | None = None


Payer = Literal["shop", "buyer", "split"]


class FreightRule(Rule):
    """Who pays each leg; a leg that is left out is open. `note`: what the agent must know besides."""

    outbound: Payer | None = None
    return_: Payer | None = Field(None, alias="return")
    note: str | None = None


class TermRule(Rule):
    """How many months a guarantee (三包) runs."""

    months: int = Field(ge=1, le=120)


class Period(BaseModel):
    """A length of time; `end_of_day` counts whole days and ends with the last one."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    seconds: int | None = None
    hours: int | None = None
    days: int | None = None
    end_of_day: int | None = None
    working_days: int | None = None

    @model_validator(mode="after")
    def _one_unit(self) -> Period:
        if len(self.model_fields_set) != 1:
            raise ValueError("写 seconds、hours、days、end_of_day、working_days 之一")
        return self


class DeadlineRule(Rule):
    """What must be done within a period of a start; without a start the period stands in words only."""

    step: str = Field(min_length=4)
    start: str | None = None
    period: Period


class EvidenceRule(Rule):
    """A proof that is needed, and whose it is to bring."""

    of: Literal["buyer", "shop"]
    item: str = Field(min_length=2)


class StepsRule(Rule):
    """Steps for the agent: a procedure, or the handling of a customer type."""

    steps: tuple[str, ...] = Field(min_length=1)

    @field_validator("steps", mode="before")
    @classmethod
    def _one_or_many_steps(cls, value: object) -> object:
        return [value] if isinstance(value, str) else value


class StageRule(Rule):
    """The stage that the next reply belongs to."""

    stage: Stage


class NoteRule(Rule):
    """A sentence for the agent: the law's note, or why a person must decide."""

    note: str = Field(min_length=4)
