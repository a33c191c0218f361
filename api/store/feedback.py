"""Keeps feedback, once per idempotency key, and lets it count."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from uuid import uuid4

from sqlalchemy import Connection, Engine, select

from api.schemas import FeedbackRequest
from api.store.clock import now_ms
from api.store.database import reading
from api.store.label_queue import add_correction
from api.store.recommendations import as_fen
from api.store.storable import storable
from api.store.tables import feedback, recommendations, template_counts
from api.store.upsert import insert_or


class KeyReusedError(Exception):
    """The idempotency key was used for another feedback."""


@dataclass(frozen=True, slots=True)
class Kept:
    """Feedback in the store; `fresh` is False when it was there before."""

    id: str
    received_at_ms: int
    fresh: bool


@dataclass(frozen=True, slots=True)
class Judged:
    """The recommendation that a feedback is about."""

    redacted_message: str
    template_ids: Sequence[str]


def find_judged(engine: Engine, owner: str, recommendation_id: str) -> Judged | None:
    """The owner's recommendation; None when it is another's, was never recorded, or is not written yet."""
    table = recommendations.c
    query = select(table.redacted_message, table.template_ids).where(
        table.id == recommendation_id, table.owner == owner
    )
    with reading(engine).connect() as connection:
        row = connection.execute(query).one_or_none()
    return None if row is None else Judged(row.redacted_message, row.template_ids)


def keep_feedback(
    engine: Engine,
    owner: str,
    idempotency_key: str,
    given: FeedbackRequest,
    judged: Judged | None,
    templates: Collection[str],
) -> Kept:
    """Commit the feedback, its template counts and its correction, or nothing.

    Args:
        engine: the store.
        owner: whose feedback it is.
        idempotency_key: the owner's name for this feedback.
        given: what the agent did.
        judged: the recommendation, where known.
        templates: those of the playbook in use; others are kept but not counted.

    Raises:
        KeyReusedError: the key stands for another feedback.
    """
    # Python's JSON escapes what has no UTF-8. The key is hashed too: a plug-in may make it of a telephone number.
    digest = _sha256(json.dumps(given.model_dump(), default=str))
    idempotency_key = _sha256(idempotency_key)
    kept = Kept(uuid4().hex, now_ms(), fresh=True)
    row = {
        "id": kept.id,
        "received_at_ms": kept.received_at_ms,
        "owner": owner,
        "idempotency_key": idempotency_key,
        "request_sha256": digest,
        "recommendation_id": given.recommendation_id,
        "template_id": given.template_id,
        "redacted_edited_text": None if given.edited_text is None else storable(given.edited_text),
        "issue": given.issue,
        "customer": given.customer,
        "amount_paid_fen": as_fen(given.amount_paid),
        "outcome": given.outcome,
    }
    insert = insert_or(engine, feedback).values(row).on_conflict_do_nothing().returning(feedback.c.id)
    with engine.begin() as connection:
        if connection.execute(insert).first() is None:
            return _kept_before(connection, owner, idempotency_key, digest)
        if given.template_id is not None and _is_first_choice(connection, given.recommendation_id, owner):
            _count(engine, connection, given, judged, templates)
        if judged is not None and (given.issue or given.customer):
            add_correction(engine, connection, judged.redacted_message, given.issue, given.customer)
    return kept


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _kept_before(connection: Connection, owner: str, idempotency_key: str, digest: str) -> Kept:
    table = feedback.c
    query = select(table.id, table.received_at_ms, table.request_sha256).where(
        table.owner == owner, table.idempotency_key == idempotency_key
    )
    feedback_id, received_at_ms, kept_digest = connection.execute(query).one()
    if kept_digest != digest:
        raise KeyReusedError
    return Kept(feedback_id, received_at_ms, fresh=False)


def _is_first_choice(connection: Connection, recommendation_id: str, owner: str) -> bool:
    """Whether this feedback, already inserted, is the only one that names the reply used."""
    query = (
        select(feedback.c.id)
        .where(
            feedback.c.recommendation_id == recommendation_id,
            feedback.c.owner == owner,
            feedback.c.template_id.is_not(None),
        )
        .limit(2)
    )
    return len(connection.execute(query).all()) == 1


def _count(
    engine: Engine,
    connection: Connection,
    given: FeedbackRequest,
    judged: Judged | None,
    templates: Collection[str],
) -> None:
    offered = {given.template_id, *(judged.template_ids if judged else ())} & set(templates)
    for template_id in sorted(name for name in offered if name):  # One order for all, so that none waits in a ring.
        chosen = int(template_id == given.template_id)
        edited = int(bool(chosen and given.edited_text))
        insert = insert_or(engine, template_counts).values(
            template_id=template_id, offered=1, chosen=chosen, edited=edited
        )
        connection.execute(
            insert.on_conflict_do_update(
                index_elements=["template_id"],
                set_={
                    "offered": template_counts.c.offered + 1,
                    "chosen": template_counts.c.chosen + chosen,
                    "edited": template_counts.c.edited + edited,
                },
            )
        )
