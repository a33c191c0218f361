"""The label queue: which messages wait for a person, who has them, and what was decided.

Several people work on it at once. `next_to_label` lends messages to one person for a while, so that two do not read the
same; what keeps one from overwriting another is the version: a decision names the version its maker saw, and is refused
with `ConflictError` when somebody decided meanwhile.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Engine, Row, case, func, select, update

from api.store.clock import now_ms
from api.store.database import reading
from api.store.tables import chats_to_label
from api.store.upsert import insert_or
from model.label import Label
from model.opening_hours import CHINA
from model.text import comparable

LEASE_MS = 15 * 60_000  # For somebody who reads on a page.
CHUNK = 1_000
MAX_ID = 2**31 - 1  # PostgreSQL's integer.

_queue = chats_to_label.c
_LABEL = ("issue", "secondary", "customer")


class Status(StrEnum):
    """Where a message is on its way."""

    waiting = "waiting"
    skipped = "skipped"  # Somebody put it aside.
    labelled = "labelled"
    written = "written"  # The label is in the training data.


class Origin(StrEnum):
    """Where a message comes from."""

    chat = "chat"
    feedback = "feedback"  # An agent corrected the model.
    training = "training"  # Its label in the training data is in doubt.


@dataclass(frozen=True, slots=True)
class NewItem:
    """A message for the queue; the text is redacted already."""

    redacted_text: str
    origin: Origin
    source: str
    conversation: str | None = None
    said_at_ms: int | None = None
    suggested_issue: str | None = None
    suggested_customer: str | None = None
    current: Label | None = None


@dataclass(frozen=True, slots=True)
class Item:
    """A message of the queue.

    Attributes:
        suggested_issue, suggested_customer: what an agent, or the search for label errors, says it is.
        current: its label in the training data, where it is from there.
        reason: why it comes so early, in words for staff.
        label: what was decided; None while it waits or was put aside.
        labelled_by, labelled_at_ms: who decided or put it aside, and when.
        written_to: the file of the training data that has the label.
    """

    id: int
    version: int
    status: Status
    redacted_text: str
    origin: Origin
    source: str
    said_at_ms: int | None
    suggested_issue: str | None
    suggested_customer: str | None
    current: Label | None
    reason: str | None
    label: Label | None
    labelled_by: str | None
    labelled_at_ms: int | None
    written_to: str | None


@dataclass(frozen=True, slots=True)
class Progress:
    """Numbers of messages; `by_person` is what each decided in the time asked for."""

    waiting: int
    unranked: int
    skipped: int
    labelled: int
    written: int
    by_person: dict[str, int]


class UnknownItemError(LookupError):
    """The queue has no such message."""


class ConflictError(Exception):
    """Somebody decided meanwhile, or the label is in the training data already; `item` is how it stands."""

    def __init__(self, item: Item) -> None:
        self.item = item
        super().__init__(f"message {item.id} is at version {item.version}")


def text_sha256(text: str) -> str:
    """What tells messages that say the same: equal for texts that differ in punctuation or width only."""
    return hashlib.sha256(comparable(text).encode("utf-8", "replace")).hexdigest()


def add(engine: Engine, items: Sequence[NewItem]) -> set[str]:
    """Put messages in, in one transaction; the `text_sha256` of those that were not there yet."""
    rows: dict[str, dict[str, Any]] = {}
    for item in items:
        current = item.current
        key = text_sha256(item.redacted_text)
        row = {
            "text_sha256": key,
            "redacted_text": item.redacted_text,
            "origin": item.origin,
            "source": item.source,
            "conversation": item.conversation,
            "said_at_ms": item.said_at_ms,
            "added_at_ms": now_ms(),
            "suggested_issue": item.suggested_issue,
            "suggested_customer": item.suggested_customer,
            "current_issue": current and current.issue,
            "current_secondary": current and "|".join(current.secondary),
            "current_customer": current and current.customer,
        }
        rows.setdefault(key, row)
    if not rows:
        return set()
    # One order for all writers, so that none waits in a ring.
    insert = insert_or(engine, chats_to_label).on_conflict_do_nothing().returning(_queue.text_sha256)
    with engine.begin() as connection:
        return set(connection.execute(insert, [rows[key] for key in sorted(rows)]).scalars())


def add_correction(
    engine: Engine, connection: Connection, redacted_text: str, issue: str | None, customer: str | None
) -> None:
    """Within a transaction: an agent says what a message is. It comes to the front unless a person decided before."""
    said = {"suggested_issue": issue, "suggested_customer": customer}
    suggested = {name: code for name, code in said.items() if code is not None} | {"priority": 0}
    insert = insert_or(engine, chats_to_label).values(
        text_sha256=text_sha256(redacted_text),
        redacted_text=redacted_text,
        origin=Origin.feedback,
        source=Origin.feedback,
        added_at_ms=now_ms(),
        **suggested,
    )
    connection.execute(
        insert.on_conflict_do_update(
            index_elements=["text_sha256"], set_=suggested, where=_queue.status == Status.waiting
        )
    )


def next_to_label(engine: Engine, n: int, who: str, lease_ms: int = LEASE_MS) -> list[Item]:
    """The n messages to label next, lent to `who`: others do not get them until the time is over.

    Who asks again gets the same ones again, less those decided.
    """
    now = now_ms()
    free = _queue.leased_until_ms.is_(None) | (_queue.leased_until_ms < now) | (_queue.leased_by == who)
    mine_first = case((_queue.leased_by == who, 0), else_=1)
    query = (
        select(chats_to_label)
        .where(_queue.status == Status.waiting, free)
        .order_by(mine_first, _queue.priority.is_(None), _queue.priority, _queue.id)
        .limit(n)
        .with_for_update(skip_locked=True)  # SQLite has no such clause: there a transaction is alone anyway.
    )
    with engine.begin() as connection:
        items = [_item(row) for row in connection.execute(query)]
        for start in range(0, len(items), CHUNK):
            ids = [item.id for item in items[start : start + CHUNK]]
            lease = update(chats_to_label).where(_queue.id.in_(ids))
            connection.execute(lease.values(leased_by=who, leased_until_ms=now + lease_ms))
    return items


def decide(engine: Engine, item_id: int, label: Label, who: str, expected_version: int) -> Item:
    """Label a message, also one that was labelled before, as long as nobody decided since `expected_version`.

    Raises:
        UnknownItemError: no such message.
        ConflictError: somebody decided meanwhile, or the label is in the training data already.
    """
    values = _columns(label) | {"status": Status.labelled, "labelled_by": who, "labelled_at_ms": now_ms()}
    return _change(engine, item_id, expected_version, values, [Status.waiting, Status.skipped, Status.labelled])


def skip(engine: Engine, item_id: int, who: str, expected_version: int) -> Item:
    """Put a message aside that nobody can label; raises as `decide`."""
    values = {"status": Status.skipped, "labelled_by": who}
    return _change(engine, item_id, expected_version, values, [Status.waiting])


def undo(engine: Engine, item_id: int, who: str, expected_version: int, holder: str | None = None) -> Item:
    """Take back one's own decision: the message waits again, lent to `holder`, or to `who`; raises as `decide`."""
    values = dict.fromkeys((*_LABEL, "labelled_by", "labelled_at_ms")) | {
        "status": Status.waiting,
        "leased_by": holder or who,
        "leased_until_ms": now_ms() + LEASE_MS,
    }
    return _change(engine, item_id, expected_version, values, [Status.skipped, Status.labelled], decided_by=who)


def _change(
    engine: Engine,
    item_id: int,
    expected_version: int,
    values: dict[str, Any],
    allowed: Collection[Status],
    decided_by: str | None = None,
) -> Item:
    condition = (_queue.id == item_id) & (_queue.version == expected_version) & _queue.status.in_(allowed)
    if decided_by is not None:
        condition &= _queue.labelled_by == decided_by
    change = update(chats_to_label).where(condition).values(version=_queue.version + 1, **values)
    with engine.begin() as connection:
        changed = connection.execute(change.returning(*chats_to_label.c)).one_or_none()
        if changed is not None:
            return _item(changed)
        row = connection.execute(select(chats_to_label).where(_queue.id == item_id)).one_or_none()
    if row is None:
        raise UnknownItemError(item_id)
    raise ConflictError(_item(row))


def find(engine: Engine, ids: Sequence[int]) -> dict[int, Item]:
    """Messages by their ids, as far as they are there."""
    found: dict[int, Item] = {}
    ids = [item_id for item_id in ids if 0 < item_id <= MAX_ID]
    with reading(engine).connect() as connection:
        for start in range(0, len(ids), CHUNK):
            rows = connection.execute(select(chats_to_label).where(_queue.id.in_(ids[start : start + CHUNK])))
            found |= {row.id: _item(row) for row in rows}
    return found


def waiting(engine: Engine) -> Iterator[list[Item]]:
    """All messages that wait, in parts, in bounded memory."""
    query = select(chats_to_label).where(_queue.status == Status.waiting).order_by(_queue.id)
    with reading(engine).connect() as connection:
        for rows in connection.execution_options(yield_per=CHUNK).execute(query).partitions():
            yield [_item(row) for row in rows]


def set_order(engine: Engine, ranked: Sequence[tuple[int, str]]) -> None:
    """Order the messages that wait: ids, best first, each with the reason. All others come after them."""
    with engine.begin() as connection:
        waits = update(chats_to_label).where(_queue.status == Status.waiting, _queue.priority.is_not(None))
        connection.execute(waits.values(priority=None, reason=None))
        for place, (item_id, reason) in enumerate(ranked, 1):
            change = update(chats_to_label).where(_queue.id == item_id, _queue.status == Status.waiting)
            connection.execute(change.values(priority=place, reason=reason))


def labelled(engine: Engine) -> list[Item]:
    """Messages with a label that is not in the training data yet, in the order of deciding."""
    query = select(chats_to_label).where(_queue.status == Status.labelled).order_by(_queue.labelled_at_ms, _queue.id)
    with reading(engine).connect() as connection:
        return [_item(row) for row in connection.execute(query)]


def mark_written(engine: Engine, written: Sequence[tuple[Item, str]]) -> int:
    """Note which file has each label; how many. One that was changed meanwhile stays, to be written anew."""
    marked = 0
    with engine.begin() as connection:
        for item, file in written:
            change = update(chats_to_label).where(_queue.id == item.id, _queue.version == item.version)
            values = {"status": Status.written, "written_to": file, "version": _queue.version + 1}
            marked += connection.execute(change.values(**values)).rowcount
    return marked


def progress(engine: Engine, since_ms: int) -> Progress:
    """How the queue stands, and what each person labelled since then."""
    by_status = select(_queue.status, func.count(), func.count(_queue.priority)).group_by(_queue.status)
    by_person = (
        select(_queue.labelled_by, func.count())
        .where(_queue.labelled_at_ms >= since_ms, _queue.labelled_by.is_not(None))
        .group_by(_queue.labelled_by)
        .order_by(func.count().desc(), _queue.labelled_by)
    )
    with reading(engine).connect() as connection:
        counts = {status: (n, ranked) for status, n, ranked in connection.execute(by_status)}
        people: dict[str, int] = {row[0]: row[1] for row in connection.execute(by_person)}
    n = {status: counts.get(status, (0, 0))[0] for status in Status}
    unranked = n[Status.waiting] - counts.get(Status.waiting, (0, 0))[1]
    return Progress(n[Status.waiting], unranked, n[Status.skipped], n[Status.labelled], n[Status.written], people)


def midnight_ms() -> int:
    """When today began, in China."""
    now = datetime.now(CHINA)
    return int(now.replace(hour=0, minute=0, second=0, microsecond=0).timestamp() * 1000)


def _columns(label: Label) -> dict[str, str]:
    return {"issue": label.issue, "secondary": "|".join(label.secondary), "customer": label.customer}


def _label(issue: str | None, secondary: str | None, customer: str | None) -> Label | None:
    if issue is None or customer is None:
        return None
    return Label(issue, tuple(secondary.split("|")) if secondary else (), customer)


def _item(row: Row[Any]) -> Item:
    return Item(
        id=row.id,
        version=row.version,
        status=Status(row.status),
        redacted_text=row.redacted_text,
        origin=Origin(row.origin),
        source=row.source,
        said_at_ms=row.said_at_ms,
        suggested_issue=row.suggested_issue,
        suggested_customer=row.suggested_customer,
        current=_label(row.current_issue, row.current_secondary, row.current_customer),
        reason=row.reason,
        label=_label(row.issue, row.secondary, row.customer),
        labelled_by=row.labelled_by,
        labelled_at_ms=row.labelled_at_ms,
        written_to=row.written_to,
    )
