"""The queue of what is to be written into Chatwoot: bounded, once per message, leased to one worker at a time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Engine, Row, Select, exists, func, select, text, update

from api.store.clock import now_ms
from api.store.database import reading
from api.store.tables import chatwoot_deliveries
from api.store.upsert import insert_or

MAX_WAITING = 10_000  # A day of a busy shop; some 20 MB.
WINDOW = 8  # So many due deliveries are looked at for each that is claimed: all of a full queue would take too long.
QUEUE_LOCK = 7_405_829_471_117  # Any number that nobody else uses on the database.
_table = chatwoot_deliveries.c


class Step(StrEnum):
    """What is to be written next, in this order; or how it ended."""

    note = "note"
    labels = "labels"
    custom_attributes = "custom_attributes"
    delivered = "delivered"
    given_up = "given_up"


class QueueFullError(Exception):
    """As many deliveries wait as may."""


class LeaseLostError(Exception):
    """Another worker has taken the delivery over: this one was too slow."""


@dataclass(frozen=True, slots=True)
class Source:
    """The buyer's message in Chatwoot. `conversation_id` is the number that the account's agents see."""

    account_id: int
    conversation_id: int
    message_id: int


@dataclass(frozen=True, slots=True)
class Delivery:
    """A claimed delivery. `attempts` counts this one too, and so tells this lease from every other.

    Attributes:
        step: what to write first.
        note_in_doubt: the note was once sent without an answer: it may be there.
    """

    id: int
    source: Source
    redacted_note: str
    label: str
    custom_attributes: Mapping[str, Any]
    step: Step
    note_in_doubt: bool
    attempts: int


def enqueue(
    engine: Engine, source: Source, redacted_note: str, label: str, custom_attributes: Mapping[str, Any]
) -> bool:
    """Commit a delivery; False when the message has one already.

    Raises:
        QueueFullError: `MAX_WAITING` deliveries wait.
    """
    now = now_ms()
    insert = insert_or(engine, chatwoot_deliveries).values(
        received_at_ms=now,
        account_id=source.account_id,
        conversation_id=source.conversation_id,
        message_id=source.message_id,
        redacted_note=redacted_note,
        label=label,
        custom_attributes=custom_attributes,
        step=Step.note,
        note_in_doubt=False,
        attempts=0,
        next_attempt_at_ms=now,
    )
    with engine.begin() as connection:
        _lock(connection)
        fresh = connection.execute(insert.on_conflict_do_nothing().returning(_table.id)).first() is not None
        if fresh and _count_waiting(connection) > MAX_WAITING:
            raise QueueFullError  # The transaction ends without the row.
    return fresh


def count_waiting(engine: Engine) -> int:
    """Deliveries not over yet."""
    with reading(engine).connect() as connection:
        return _count_waiting(connection)


def claim(engine: Engine, limit: int, lease_ms: int) -> list[Delivery]:
    """Lease the deliveries that are due, at most one of a conversation: labels and attributes of two would mix."""
    now = now_ms()
    with reading(engine).connect() as connection:  # Looking first costs an idle worker no write lock.
        if connection.execute(_due(now, 1)).first() is None:
            return []
    query = (
        update(chatwoot_deliveries)
        .where(_table.id.in_(_due(now, limit)))
        .values(leased_until_ms=now + lease_ms, attempts=_table.attempts + 1)
        .returning(chatwoot_deliveries)
    )
    with engine.begin() as connection:
        _lock(connection)
        return sorted((_delivery(row) for row in connection.execute(query)), key=lambda delivery: delivery.id)


def renew(engine: Engine, delivery: Delivery, lease_ms: int, **changes: Any) -> None:
    """Keep the delivery for longer, and note what was done.

    Raises:
        LeaseLostError: it is another worker's now.
    """
    _change(engine, delivery, leased_until_ms=now_ms() + lease_ms, **changes)


def postpone(engine: Engine, delivery: Delivery, delay_ms: int) -> None:
    """Give the delivery back to be tried again later.

    Raises:
        LeaseLostError: it is another worker's now.
    """
    _change(engine, delivery, leased_until_ms=None, next_attempt_at_ms=now_ms() + delay_ms)


def finish(engine: Engine, delivery: Delivery, end: Step) -> None:
    """End the delivery: only the message's id is remembered.

    Raises:
        LeaseLostError: it is another worker's now.
    """
    contents = {"redacted_note": None, "label": None, "custom_attributes": None}
    _change(engine, delivery, step=end, next_attempt_at_ms=None, leased_until_ms=None, **contents)


def is_superseded(engine: Engine, source: Source) -> bool:
    """Whether the conversation has a newer message, which labels and attributes are to tell of."""
    query = select(_table.id).where(
        _table.account_id == source.account_id,
        _table.conversation_id == source.conversation_id,
        _table.message_id > source.message_id,
    )
    with reading(engine).connect() as connection:
        return connection.execute(query.limit(1)).first() is not None


def _due(now: int, limit: int) -> Select[tuple[int]]:
    """Ids of deliveries that are due, one of each conversation, of those that nobody works on; longest due first."""
    other = chatwoot_deliveries.alias()
    is_leased = exists().where(
        other.c.account_id == _table.account_id,
        other.c.conversation_id == _table.conversation_id,
        other.c.leased_until_ms > now,
    )
    window = (
        select(_table.id, _table.account_id, _table.conversation_id)
        .where(_table.next_attempt_at_ms <= now, ~is_leased)
        .order_by(_table.next_attempt_at_ms)
        .limit(limit * WINDOW)
        .subquery()
    )
    oldest = func.min(window.c.id)
    return select(oldest).group_by(window.c.account_id, window.c.conversation_id).order_by(oldest).limit(limit)


def _change(engine: Engine, delivery: Delivery, **values: Any) -> None:
    query = (
        update(chatwoot_deliveries)
        .where(_table.id == delivery.id, _table.attempts == delivery.attempts, _table.next_attempt_at_ms.is_not(None))
        .values(**values)
    )
    with engine.begin() as connection:
        if connection.execute(query).rowcount == 0:
            raise LeaseLostError


def _count_waiting(connection: Connection) -> int:
    waiting = select(_table.id).where(_table.next_attempt_at_ms.is_not(None)).limit(MAX_WAITING + 1).subquery()
    return connection.execute(select(func.count()).select_from(waiting)).scalar_one()


def _lock(connection: Connection) -> None:
    """Take turns, so that the bound is exact and no delivery leased twice. SQLite's transactions do by themselves."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": QUEUE_LOCK})


def _delivery(row: Row[Any]) -> Delivery:
    return Delivery(
        id=row.id,
        source=Source(row.account_id, row.conversation_id, row.message_id),
        redacted_note=row.redacted_note,
        label=row.label,
        custom_attributes=row.custom_attributes,
        step=Step(row.step),
        note_in_doubt=row.note_in_doubt,
        attempts=row.attempts,
    )
