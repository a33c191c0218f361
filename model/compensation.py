"""The suggested remedy and its range of money, from the rules and the facts."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal

from model.playbook.book import Playbook
from model.playbook.conditions import Facts, Scalar
from model.playbook.kinds import Amount, RemedyKind, RemedyRule
from model.playbook.policy import Policy
from model.recommendation import Basis, Compensation

CENT = Decimal("0.01")
NOTHING = Decimal(0)


def suggest(
    playbook: Playbook, issue: str, facts: Facts, as_told: Facts | None = None, contradictions: Sequence[str] = ()
) -> Compensation | None:
    """Remedy of the rules that apply, or None when none does.

    An unknown fact widens the range, adds an alternative, and is asked for; it is never guessed. Where the buyer's
    words contradict the caller's facts, both are worked out and the range takes in either.
    """
    certain = True
    winners: dict[str, RemedyRule] = {}
    ask: list[str] = []
    figures: list[Decimal] = []
    for known in (facts, as_told):
        if known is None:
            continue
        resolution = playbook.remedies[issue].resolve(known)
        certain = certain and resolution.certain
        ask += resolution.ask
        for rule in resolution.winners:
            winners.setdefault(rule.id, rule)
            low, high, missing = _range(rule.amount, known, playbook.policy)
            ask += missing
            if low is None or high is None:
                continue
            amount = known.get("order_amount")
            if rule.remedy is RemedyKind.cash and rule.amount is not None and rule.amount.fixed is None:
                if amount is None:
                    ask.append("order_amount")
                else:
                    most = Decimal(str(amount))
                    low, high = min(low, most), min(high, most)
            figures += [low, high]
    if not winners:
        return None
    rules = list(winners.values())
    remedies = [str(kind) for rule in rules for kind in (rule.remedy,)] + [
        str(kind) for rule in rules for kind in rule.alternatives
    ]
    remedies = list(dict.fromkeys(remedies))
    if not certain and "none" not in remedies:
        remedies.append("none")
    questions = [playbook.questions[name] for name in ask if name in playbook.questions]
    law = playbook.statutory[issue].resolve(facts).winners
    return Compensation(
        remedy=remedies[0],
        alternatives=remedies[1:],
        min=_money(min(figures)) if figures else None,
        max=_money(max(figures)) if figures else None,
        currency="CNY",
        basis=[Basis(rule.id, rule.source) for rule in rules],
        requires_approval=bool(figures) and _needs_approval(playbook.policy, max(figures), facts),
        ask=list(dict.fromkeys([*contradictions, *questions])),
        statutory=f"{law[0].note}（{law[0].source}）" if law else None,
    )


Range = tuple[Decimal | None, Decimal | None, list[str]]


def _range(amount: Amount | None, facts: Facts, policy: Policy) -> Range:
    """Lowest and highest figure, None where the case lacks the value, and the facts that are missing."""
    if amount is None:
        return None, None, []
    if amount.fixed is not None:
        return amount.fixed, amount.fixed, []
    if amount.first_single is not None and amount.otherwise is not None:
        return _by_standing(amount.first_single, amount.otherwise, facts)
    if amount.small_share_of is not None:
        return _small_share(facts, policy)
    if amount.value_of == "affected_value":
        return _affected_value(facts)
    name = amount.value_of or "goods_value"
    value = facts.get(name)
    if value is None:
        return None, None, [name]
    figure = Decimal(str(value))
    if amount.depreciation_per_day is not None:
        return _depreciated(figure, amount.depreciation_per_day, facts)
    return figure, figure, []


def _by_standing(first_single: Decimal, otherwise: Decimal, facts: Facts) -> Range:
    packages, returning = facts.get("package_count"), facts.get("returning_customer")
    affected = facts.get("affected_count")
    if packages is None and isinstance(affected, int) and affected > 1:
        packages = affected  # Nobody receives more bad packs than were bought.
    if returning or (packages is not None and packages > 1):  # type: ignore[operator]
        return otherwise, otherwise, []
    missing = [n for n, value in (("package_count", packages), ("returning_customer", returning)) if value is None]
    return first_single, (otherwise if missing else first_single), missing


def _small_share(facts: Facts, policy: Policy) -> Range:
    value = facts.get("goods_value")
    if value is None:
        return None, None, ["goods_value"]
    price = Decimal(str(value))
    most = policy.small_share_at_most
    return min(price * policy.small_share_from, most), min(price * policy.small_share_to, most), []


def _affected_value(facts: Facts) -> Range:
    """The affected packs' share of the goods' value; between one pack and all of them while their number is unknown."""
    missing = [n for n in ("goods_value", "package_count", "affected_count") if n not in facts]
    value, packages, affected = (facts.get(n) for n in ("goods_value", "package_count", "affected_count"))
    if not isinstance(value, Decimal | int) or not isinstance(packages, int):
        return None, None, missing
    one = Decimal(value) / packages
    if not isinstance(affected, int):
        return one, Decimal(value), missing
    share = one * min(affected, packages)
    return share, share, []


def _depreciated(price: Decimal, per_day: Decimal, facts: Facts) -> Range:
    days = facts.get("days_since_signed")
    if not isinstance(days, int):
        return NOTHING, price, ["days_since_signed"]
    left = max(price * (1 - per_day * days), NOTHING)
    return left, left, []


def _needs_approval(policy: Policy, most: Decimal, facts: Facts) -> bool:
    amount: Scalar | None = facts.get("order_amount")
    if most > policy.approval_above:
        return True
    return amount is not None and most > Decimal(str(amount)) * policy.approval_above_share


def _money(amount: Decimal) -> str:
    return str(amount.quantize(CENT, rounding=ROUND_HALF_UP))
