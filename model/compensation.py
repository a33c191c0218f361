"""The suggested remedy and its range of money, from the rules and the facts."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

from model.context import Context
from model.playbook.book import Playbook
from model.playbook.conditions import Scalar
from model.playbook.rules import Amount, RemedyKind, resolve
from model.recommendation import Basis, Compensation

CENT = Decimal("0.01")


def suggest(playbook: Playbook, issue: str, context: Context, facts: dict[str, Scalar]) -> Compensation | None:
    """Remedy of the rules that apply, or None when none does.

    An unknown fact widens the range, adds an alternative, and is asked for; it is never guessed.
    """
    resolution = resolve(playbook.remedies[issue], facts)
    if not resolution.winners:
        return None
    ask = list(resolution.ask)
    figures: list[Decimal] = []
    for rule in resolution.winners:
        low, high, missing = _range(rule.amount, context)
        ask += [name for name in missing if name not in ask]
        if low is not None and high is not None:
            if rule.remedy is RemedyKind.cash and context.order_amount is not None:
                low, high = min(low, context.order_amount), min(high, context.order_amount)
            figures += [low, high]
    remedies = list(dict.fromkeys(str(rule.remedy) for rule in resolution.winners))
    if "cash" in remedies and context.order_amount is None and figures:
        ask.append("order_amount")
    return Compensation(
        remedy=remedies[0],
        alternatives=remedies[1:] + ([] if resolution.certain else ["none"]),
        min=_money(min(figures)) if figures else None,
        max=_money(max(figures)) if figures else None,
        currency="CNY",
        basis=[Basis(rule.id, rule.source) for rule in resolution.winners],
        requires_approval=bool(figures) and _needs_approval(playbook, max(figures), context),
        ask=[playbook.questions[name] for name in ask],
        statutory=None,
    )


def _range(amount: Amount | None, context: Context) -> tuple[Decimal | None, Decimal | None, list[str]]:
    """Lowest and highest figure, None where the case lacks the value, and the facts that are missing."""
    if amount is None:
        return None, None, []
    if amount.fixed is not None:
        return amount.fixed, amount.fixed, []
    if amount.first_single is not None and amount.otherwise is not None:
        if context.returning_customer or (context.package_count or 0) > 1:
            return amount.otherwise, amount.otherwise, []
        missing = [n for n in ("package_count", "returning_customer") if getattr(context, n) is None]
        return amount.first_single, (amount.otherwise if missing else amount.first_single), missing
    if amount.value_of == "affected_value":
        return _affected_value(context)
    value = getattr(context, amount.value_of or "goods_value")
    return value, value, [] if value is not None else [amount.value_of or "goods_value"]


def _affected_value(context: Context) -> tuple[Decimal | None, Decimal | None, list[str]]:
    """The affected packs' share of the goods' value; between one pack and all of them while their number is unknown."""
    missing = [n for n in ("goods_value", "package_count", "affected_count") if getattr(context, n) is None]
    if context.goods_value is None or context.package_count is None:
        return None, None, missing
    one = context.goods_value / context.package_count
    if context.affected_count is None:
        return one, context.goods_value, missing
    value = one * min(context.affected_count, context.package_count)
    return value, value, []


def _needs_approval(playbook: Playbook, most: Decimal, context: Context) -> bool:
    policy = playbook.policy
    if most > policy.approval_above:
        return True
    return context.order_amount is not None and most > context.order_amount * policy.approval_above_share


def _money(amount: Decimal) -> str:
    return str(amount.quantize(CENT, rounding=ROUND_HALF_UP))
