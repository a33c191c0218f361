"""Writes recommendations, many in one transaction."""

from __future__ import annotations

import json
from collections.abc import Sequence
from decimal import Decimal
from typing import TypedDict

from sqlalchemy import Engine, Text, bindparam, func, select, true
from sqlalchemy.dialects import sqlite

from api.store.storable import storable
from api.store.tables import recommendations
from api.store.upsert import insert_or
from model.recommendation import Recommendation


class Row(TypedDict):
    """A row of the table."""

    id: str
    made_at_ms: int
    owner: str
    model_version: str
    redacted_message: str
    issue: str
    issue_confidence: float
    customer: str
    customer_confidence: float
    review_needed: bool
    stage: str
    template_ids: list[str]
    remedy: str | None
    compensation_min_fen: int | None
    compensation_max_fen: int | None


# Python's sqlite3 gives up the interpreter's lock for every row that it inserts, and then waits behind the answers to
# get it back; so that all rows go in one step, as JSON.
_NAMES = [column.name for column in recommendations.columns]
_ROWS = func.json_each(bindparam("rows", type_=Text)).table_valued("value")
_ALL_AT_ONCE = (
    sqlite.insert(recommendations)
    .from_select(
        _NAMES,
        # Without a WHERE, SQLite takes ON CONFLICT for the ON of a join.
        select(*(func.json_extract(_ROWS.c.value, f"$.{name}") for name in _NAMES)).where(true()),
    )
    .on_conflict_do_nothing()
)


def write_recommendations(engine: Engine, rows: Sequence[Row]) -> None:
    """Write all or none; those already there are left as they are, so that a doubtful commit may be repeated."""
    with engine.begin() as connection:
        if engine.dialect.name == "sqlite":
            connection.execute(_ALL_AT_ONCE, {"rows": json.dumps(rows)})
        else:
            connection.execute(insert_or(engine, recommendations).on_conflict_do_nothing(), rows)


def row_of(
    answer: Recommendation, message: str, *, answer_id: str, made_at_ms: int, owner: str, model_version: str
) -> Row:
    """What is kept of an answer: the message redacted, and no reply's text."""
    money = answer.compensation
    return {
        "id": answer_id,
        "made_at_ms": made_at_ms,
        "owner": owner,
        "model_version": model_version,
        "redacted_message": storable(message),
        "issue": answer.issue.code,
        "issue_confidence": answer.issue.confidence,
        "customer": answer.customer.code,
        "customer_confidence": answer.customer.confidence,
        "review_needed": answer.review.needed,
        "stage": answer.stage,
        "template_ids": [reply.template_id for reply in answer.replies],
        "remedy": money.remedy if money else None,
        "compensation_min_fen": as_fen(money.min) if money else None,
        "compensation_max_fen": as_fen(money.max) if money else None,
    }


def as_fen(amount: str | Decimal | None) -> int | None:
    """CNY as whole fen."""
    return None if amount is None else int(Decimal(amount) * 100)
