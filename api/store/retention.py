"""Deletes what was kept long enough, and exports what is kept."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Column, Engine, Table, delete, select

from api.store.clock import now_ms
from api.store.database import reading
from api.store.tables import chats_to_label, chatwoot_deliveries, feedback, recommendations

DAY_MS = 86_400_000
CHUNK = 5_000  # Rows a transaction: a purge of millions must not keep the service's writer waiting.
AGED: dict[Table, Column[int]] = {
    recommendations: recommendations.c.made_at_ms,
    feedback: feedback.c.received_at_ms,
    chats_to_label: chats_to_label.c.added_at_ms,
    chatwoot_deliveries: chatwoot_deliveries.c.received_at_ms,
}
EXPORTED = {"recommendations": recommendations, "feedback": feedback, "chats": chats_to_label}


def purge(engine: Engine, days: int) -> dict[str, int]:
    """Delete what is older than so many days; the rows deleted by table. Labelled chats, being training data, stay."""
    before = now_ms() - days * DAY_MS
    return {table.name: _delete_older(engine, table, time, before) for table, time in AGED.items()}


def _delete_older(engine: Engine, table: Table, time: Column[int], before: int) -> int:
    condition = time < before
    if table is chats_to_label:
        condition &= chats_to_label.c.labelled_at_ms.is_(None)
    chunk = select(table.c.id).where(condition).limit(CHUNK)
    deleted = 0
    while True:
        with engine.begin() as connection:
            count = connection.execute(delete(table).where(table.c.id.in_(chunk))).rowcount
        deleted += count
        if count < CHUNK:
            return deleted


def export(engine: Engine, name: str) -> Iterator[dict[str, Any]]:
    """The rows of a table, oldest first, in bounded memory."""
    table = EXPORTED[name]
    with reading(engine).connect() as connection:
        rows = connection.execution_options(yield_per=1_000).execute(select(table).order_by(AGED[table]))
        for row in rows.mappings():
            yield dict(row)
