"""Facts that follow from other facts: standing of the buyer, time passed, state of the refund."""

from __future__ import annotations

from datetime import date
from math import ceil

from model.context import Context
from model.opening_hours import CHINA, Moment
from model.playbook.conditions import Scalar
from model.playbook.policy import Policy

# Name -> what it means, for the page and for `playbook check`.
DERIVED = {
    "biscuit_like": "商品属于饼干或按饼干处理的品类（policy.yaml 的 like_biscuit）",
    "is_food": "商品属于食品（policy.yaml 的 food）",
    "large_buyer": "大客户：件数或金额达到 policy.yaml 的标准",
    "favoured_buyer": "老客户或大客户",
    "within_seven_days": "未签收，或签收后第7天以内（签收次日起算）",
    "in_price_window": "在价保期内（policy.yaml 的 price_protection_days）",
    "months_since_signed": "签收后进入第几个月（签收次日起算）",
    "after_completion": "交易已完成",
    "refund_state": "退款到哪一步：none、waiting、refused、returning、returned",
    "shipped_after_refund_request": "买家申请退款之后店铺才发货",
    "shop_open": "现在是工作时间",
}


def derive(facts: dict[str, Scalar], context: Context, moment: Moment | None, policy: Policy) -> None:
    """Add to `facts` what follows from them, from the times of the context and from the clock.

    A derived fact stays out while what it follows from is unknown.
    """
    if "shop_type" not in facts and facts.get("platform") == "tmall":
        facts["shop_type"] = "mall"
    line = facts.get("product_line")
    if line is not None:
        facts["biscuit_like"] = line in policy.like_biscuit
        facts["is_food"] = line in policy.food
    _buyer(facts, policy)
    _state(facts, context)
    if moment is not None:
        _time_passed(facts, context, moment, policy)
    _windows(facts)


def _buyer(facts: dict[str, Scalar], policy: Policy) -> None:
    packages, amount = facts.get("package_count"), facts.get("order_amount")
    many = None if packages is None else packages >= policy.large_buyer_packages  # type: ignore[operator]
    much = None if amount is None else amount >= policy.large_buyer_amount  # type: ignore[operator]
    large = _either(many, much)
    if large is not None:
        facts["large_buyer"] = large
    favoured = _either(large, facts.get("returning_customer"))
    if favoured is not None:
        facts["favoured_buyer"] = favoured


def _either(one: Scalar | None, other: Scalar | None) -> bool | None:
    """Whether one of two facts is true; None while that is open."""
    if one or other:
        return True
    return None if one is None or other is None else False


def _state(facts: dict[str, Scalar], context: Context) -> None:
    """State of the order and of the refund, from the times that are known."""
    status = facts.get("order_status")
    if context.completed_at is not None:
        facts["order_status"] = status = "completed"
    elif status is None:
        if context.signed_at is not None or "days_since_signed" in facts:
            facts["order_status"] = status = "signed"
        elif context.shipped_at is not None:
            facts["order_status"] = status = "shipped"
    if status is not None:
        facts["after_completion"] = status == "completed"
    if context.return_received_at is not None:
        facts["refund_state"] = "returned"
    elif context.return_shipped_at is not None:
        facts["refund_state"] = "returning"
    elif context.refund_refused_at is not None:
        facts["refund_state"] = "refused"
    elif context.refund_requested_at is not None:
        facts["refund_state"] = "waiting"
    if context.shipped_at is not None and context.refund_requested_at is not None:
        facts["shipped_after_refund_request"] = context.shipped_at > context.refund_requested_at


def _time_passed(facts: dict[str, Scalar], context: Context, moment: Moment, policy: Policy) -> None:
    facts["shop_open"] = moment.is_open
    if context.signed_at is not None:
        signed = context.signed_at.astimezone(CHINA).date()
        if "days_since_signed" not in facts:
            facts["days_since_signed"] = max((moment.today - signed).days, 0)
        facts["months_since_signed"] = _months_begun(signed, moment.today)
    if context.paid_at is not None:
        paid = context.paid_at.astimezone(CHINA).date()
        facts["in_price_window"] = (moment.today - paid).days <= policy.price_protection_days


def _windows(facts: dict[str, Scalar]) -> None:
    days = facts.get("days_since_signed")
    if isinstance(days, int):
        facts["within_seven_days"] = days <= 7
        # Without the date itself months count 31 days, in the buyer's favour.
        facts.setdefault("months_since_signed", max(ceil(days / 31), 1))
    elif facts.get("order_status") in {"unpaid", "paid", "shipped"}:
        facts["within_seven_days"] = True


def _months_begun(start: date, today: date) -> int:
    """In which month after `start` a day lies; the clock starts on the day after."""
    months = (today.year - start.year) * 12 + today.month - start.month
    return max(months + (today.day > start.day), 1)
