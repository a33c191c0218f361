"""Takes buyers' lines out of chats into the label queue."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable
from itertools import islice
from pathlib import Path

from sqlalchemy import Engine

from api.store.label_queue import NewItem, Origin, add, text_sha256
from api.store.storable import storable
from model.chats.line import ChatLine
from model.chats.sifting import Skip, reason_to_skip
from model.dataset import load_messages
from model.taxonomy import load_taxonomy
from model.text import without_controls

BATCH = 1_000  # Lines a transaction: short enough that the service's writer does not wait.


def training_texts(data_dir: Path) -> frozenset[str]:
    """`text_sha256` of all training messages, redacted as chats are."""
    messages = load_messages(data_dir, load_taxonomy(data_dir))
    return frozenset(text_sha256(storable(message.text)) for message in messages)


def import_chats(
    engine: Engine,
    file_name: str,
    lines: Iterable[ChatLine],
    in_training: Collection[str],
    agents: Collection[str],
    told: Callable[[ChatLine, Skip | None], None],
) -> int:
    """Put the buyers' lines into the queue, batch by batch; how many are new there.

    Each batch is one transaction and known messages are passed over, so that an import may be broken off and repeated.

    Args:
        engine: the store.
        file_name: where the lines are from, for provenance.
        lines: of the file.
        in_training: `training_texts`.
        agents: nicknames of the shop's people.
        told: called for each line, with the reason where it is not taken.
    """
    added = 0
    iterator = iter(lines)
    while batch := list(islice(iterator, BATCH)):
        added += _import_batch(engine, file_name, batch, in_training, agents, told)
    return added


def _import_batch(
    engine: Engine,
    file_name: str,
    batch: list[ChatLine],
    in_training: Collection[str],
    agents: Collection[str],
    told: Callable[[ChatLine, Skip | None], None],
) -> int:
    reasons: list[Skip | None] = [reason_to_skip(line, agents) for line in batch]
    new: dict[str, tuple[int, NewItem]] = {}
    for place, line in enumerate(batch):
        if reasons[place] is not None:
            continue
        text = storable(without_controls(line.text))
        key = text_sha256(text)
        if key in in_training:
            reasons[place] = Skip.in_training
        elif key in new:
            reasons[place] = Skip.in_queue
        else:
            new[key] = place, _new_item(file_name, line, text)
    added = add(engine, [item for _, item in new.values()])
    for key, (place, _) in new.items():
        if key not in added:
            reasons[place] = Skip.in_queue
    for line, reason in zip(batch, reasons, strict=True):
        told(line, reason)
    return len(added)


def _new_item(file_name: str, line: ChatLine, text: str) -> NewItem:
    # The conversation is often called by the buyer's nickname, which is personal.
    conversation = line.conversation
    pseudonym = conversation and hashlib.sha256(conversation.encode("utf-8", "replace")).hexdigest()[:16]
    return NewItem(
        redacted_text=text,
        origin=Origin.chat,
        source=f"{file_name[-180:]}:{line.row}",
        conversation=pseudonym,
        said_at_ms=None if line.sent_at is None else int(line.sent_at.timestamp() * 1000),
    )
