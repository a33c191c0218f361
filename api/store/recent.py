"""What buyers wrote lately, as the store has it: redacted."""

from __future__ import annotations

from sqlalchemy import Engine, select

from api.store.clock import now_ms
from api.store.database import reading
from api.store.retention import DAY_MS
from api.store.tables import recommendations


def recent_messages(engine: Engine, days: int, limit: int) -> list[str]:
    """The newest messages of the last so many days, at most `limit`; the index serves them, however many there are."""
    now = now_ms()
    return newest_messages(engine, now - days * DAY_MS, now + 1, limit)


def newest_messages(engine: Engine, start_ms: int, end_ms: int, limit: int) -> list[str]:
    """The newest messages from one time on until before another, at most `limit`."""
    table = recommendations.c
    query = (
        select(table.redacted_message)
        .where(table.made_at_ms >= start_ms, table.made_at_ms < end_ms)
        .order_by(table.made_at_ms.desc())
        .limit(limit)
    )
    with reading(engine).connect() as connection:
        return list(connection.execute(query).scalars())
