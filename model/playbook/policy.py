"""`policy.yaml`: the shop's own figures and hours."""

from __future__ import annotations

from datetime import date, time
from decimal import Decimal

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Policy(BaseModel):
    """Cautious defaults that a shop changes in its own folder. Money in CNY."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    approval_above: Decimal = Field(ge=0)
    approval_above_share: Decimal = Field(ge=0, le=1)
    large_buyer_packages: int = Field(ge=1)
    large_buyer_amount: Decimal = Field(ge=0)
    small_share_from: Decimal = Field(ge=0, le=1)
    small_share_to: Decimal = Field(ge=0, le=1)
    small_share_at_most: Decimal = Field(ge=0)
    like_biscuit: tuple[str, ...]
    food: tuple[str, ...]
    price_protection_days: int = Field(ge=0)
    opens: time
    closes: time
    answer_within_hours: int = Field(ge=1, le=24)
    holidays: frozenset[date] = frozenset()
    same_day_promises: tuple[str, ...]
    carried_on: tuple[str, ...]
    requests_after_a_fault: tuple[str, ...]
    fault_groups: tuple[str, ...]
    new_topic_from: float = Field(ge=0, le=1)

    @model_validator(mode="after")
    def _in_order(self) -> Policy:
        if self.small_share_from > self.small_share_to:
            raise ValueError("small_share_from 比 small_share_to 大；请对调")
        if self.opens >= self.closes:
            raise ValueError("opens 不早于 closes；请写一天之内的时间")
        return self
