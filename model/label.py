"""What a person decides about a message."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from model.dataset import MAX_SECONDARY
from model.taxonomy import Taxonomy


class LabelError(ValueError):
    """A label that the taxonomy does not allow, told in words for staff."""


@dataclass(frozen=True, slots=True)
class Label:
    """Codes of the taxonomy: the issue to solve first, further issues in order, the customer type."""

    issue: str
    secondary: tuple[str, ...]
    customer: str


def read_label(taxonomy: Taxonomy, issue: str, secondary: Sequence[str] = (), customer: str = "") -> Label:
    """A label from codes or names; without a customer type it is the taxonomy's default.

    Raises:
        LabelError: an unknown word, too many further issues, or one of them twice.
    """
    issues = {entry.name: entry.code for entry in taxonomy.issues} | {code: code for code in taxonomy.issue_by_code}
    customers = {entry.name: entry.code for entry in taxonomy.customers}
    customers |= {code: code for code in taxonomy.customer_by_code}
    for word in (issue, *secondary):
        if word not in issues:
            raise LabelError(f"没有“{word}”这个问题类型")
    if customer and customer not in customers:
        raise LabelError(f"没有“{customer}”这个客户类型")
    first, further = issues[issue], tuple(issues[word] for word in secondary)
    if len(further) > MAX_SECONDARY or len({first, *further}) <= len(further):
        raise LabelError(f"次要问题最多 {MAX_SECONDARY} 个，不能重复，也不能和问题类型相同")
    return Label(first, further, customers[customer] if customer else taxonomy.default_customer)
