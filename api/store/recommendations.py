"""Writes recommendations, many in one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

from pydantic_core import to_json
from sqlalchemy import JSON, ColumnElement, Engine, Select, Text, bindparam, cast, column, func, select, true
from sqlalchemy.dialects import postgresql, sqlite

from api.store.storable import storable
from api.store.tables import recommendations
from model.recommendation import Recommendation

_NAMES = [each.name for each in recommendations.columns]


def _from(values: Iterable[ColumnElement[Any]]) -> Select[Any]:
    return select(*values).where(true())  # Without a WHERE, SQLite takes ON CONFLICT for the ON of a join.


def _for_sqlite() -> sqlite.Insert:
    records = func.json_each(bindparam("records", type_=Text)).table_valued("value")
    values = [func.json_extract(records.c.value, f"$.{name}") for name in _NAMES]
    return sqlite.insert(recommendations).from_select(_NAMES, _from(values)).on_conflict_do_nothing()


def _for_postgresql() -> postgresql.Insert:
    typed = [column(each.name, each.type) for each in recommendations.columns]
    records = func.json_to_recordset(cast(bindparam("records", type_=Text), JSON)).table_valued(*typed)
    values = records.render_derived(with_types=True).c
    return postgresql.insert(recommendations).from_select(_NAMES, _from(values)).on_conflict_do_nothing()


# All records go in one step, as JSON. Python's sqlite3 gives up the interpreter's lock for every row that it inserts,
# and then waits behind the answers to get it back.
_INSERTS = {"sqlite": _for_sqlite(), "postgresql": _for_postgresql()}


def write_recommendations(engine: Engine, records: Sequence[bytes]) -> None:
    """Write all or none; those already there are left as they are, so that a doubtful commit may be repeated.

    Args:
        records: see `record_of`.
    """
    with engine.begin() as connection:
        connection.execute(_INSERTS[engine.dialect.name], {"records": f"[{b','.join(records).decode()}]"})


def record_of(
    answer: Recommendation, message: str, *, answer_id: str, made_at_ms: int, owner: str, model_version: str
) -> bytes:
    """What is kept of an answer, as a row in JSON: the message redacted, and no reply's text."""
    money = answer.compensation
    return to_json(
        {
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
    )


def as_fen(amount: str | Decimal | None) -> int | None:
    """CNY as whole fen."""
    return None if amount is None else int(Decimal(amount) * 100)
