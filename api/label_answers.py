"""Takes what people labelled elsewhere back into the queue: checked first, and nothing overwritten silently."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import Engine

from api.store.label_queue import MAX_ID, ConflictError, Item, Status, decide, find, skip
from model.label import Label, LabelError, read_label
from model.taxonomy import Taxonomy


@dataclass(frozen=True, slots=True)
class Answer:
    """What a person said of one message, in codes or names, as a file has it.

    Attributes:
        place: where in the file, in words for staff.
        version: of the message when the file was made.
        text: as the file has it; must be the queue's.
        issue: None where the person put the message aside.
    """

    place: str
    item_id: int
    version: int
    text: str
    issue: str | None
    secondary: tuple[str, ...]
    customer: str
    who: str


@dataclass(frozen=True, slots=True)
class Mistake:
    """Why an answer cannot be taken, in words for staff."""

    place: str
    problem: str


@dataclass(frozen=True, slots=True)
class Conflict:
    """An answer that differs from what somebody else decided meanwhile, which stays."""

    place: str
    item: Item
    label: Label | None


@dataclass(slots=True)
class Taken:
    """What became of the answers; with mistakes nothing was taken."""

    labelled: int = 0
    skipped: int = 0
    same: int = 0
    conflicts: list[Conflict] = field(default_factory=list)
    mistakes: list[Mistake] = field(default_factory=list)


def take(engine: Engine, taxonomy: Taxonomy, answers: Sequence[Answer], replace: bool = False) -> Taken:
    """Check all answers, then decide one by one.

    Args:
        engine: the store.
        taxonomy: the labels allowed.
        answers: of one file.
        replace: answers win over what somebody decided meanwhile, unless it is in the training data already.
    """
    taken = Taken()
    items = find(engine, [answer.item_id for answer in answers])
    labels: list[Label | None] = []
    seen: dict[int, str] = {}
    for answer in answers:
        try:
            labels.append(_check(answer, items.get(answer.item_id), taxonomy, seen))
        except LabelError as error:
            taken.mistakes.append(Mistake(answer.place, str(error)))
    if taken.mistakes:
        return taken
    for answer, label in zip(answers, labels, strict=True):
        _decide(engine, answer, label, items[answer.item_id], replace, taken)
    return taken


def _check(answer: Answer, item: Item | None, taxonomy: Taxonomy, seen: dict[int, str]) -> Label | None:
    if item is None:
        raise LabelError(f"队列里没有编号 {answer.item_id}")
    if not 0 < answer.version <= MAX_ID:
        raise LabelError(f"没有版本 {answer.version}，请不要改动版本")
    if answer.text.split() != item.redacted_text.split():
        raise LabelError(f"消息和队列里编号 {answer.item_id} 的不一样，请不要改动消息和编号")
    if (before := seen.setdefault(answer.item_id, answer.place)) != answer.place:
        raise LabelError(f"编号 {answer.item_id} 在 {before} 已经有了")
    return None if answer.issue is None else read_label(taxonomy, answer.issue, answer.secondary, answer.customer)


def _decide(engine: Engine, answer: Answer, label: Label | None, item: Item, replace: bool, taken: Taken) -> None:
    if _says(item, label):
        taken.same += 1
        return
    version = item.version if replace else answer.version
    try:
        if label is None:
            skip(engine, item.id, answer.who, version)
            taken.skipped += 1
        else:
            decide(engine, item.id, label, answer.who, version)
            taken.labelled += 1
    except ConflictError as conflict:
        if _says(conflict.item, label):
            taken.same += 1
        else:
            taken.conflicts.append(Conflict(answer.place, conflict.item, label))


def _says(item: Item, label: Label | None) -> bool:
    return item.status is Status.skipped if label is None else item.label == label
