"""The label queue, on SQLite and on PostgreSQL: order, leases, versions, two people at once."""

from __future__ import annotations

import threading

import pytest
from sqlalchemy import Engine, update

from api.store.label_queue import (
    ConflictError,
    Item,
    NewItem,
    Origin,
    Status,
    UnknownItemError,
    add,
    add_correction,
    decide,
    find,
    labelled,
    mark_written,
    midnight_ms,
    next_to_label,
    progress,
    set_order,
    skip,
    undo,
    waiting,
)
from api.store.tables import chats_to_label
from model.label import Label

DAMAGED = Label("damaged", ("missing_item",), "calm")
SPOILED = Label("spoilage", (), "venting")


def fill(engine: Engine, n: int) -> list[int]:
    assert len(add(engine, [NewItem(f"第{i}件碎了", Origin.chat, f"a.csv:{i}") for i in range(n)])) == n
    return [item.id for part in waiting(engine) for item in part]


def test_order_and_leases(engine: Engine) -> None:
    ids = fill(engine, 6)
    set_order(engine, [(ids[4], "模型拿不准"), (ids[2], "有没见过的词")])
    mine = next_to_label(engine, 3, "小王")
    assert [item.id for item in mine] == [ids[4], ids[2], ids[0]]
    assert [item.reason for item in mine] == ["模型拿不准", "有没见过的词", None]
    assert [item.id for item in next_to_label(engine, 3, "小李")] == [ids[1], ids[3], ids[5]]
    assert next_to_label(engine, 3, "小张") == []
    assert [item.id for item in next_to_label(engine, 2, "小王")] == [ids[4], ids[2]], "the same ones again"
    with engine.begin() as connection:
        connection.execute(update(chats_to_label).where(chats_to_label.c.id == ids[4]).values(leased_until_ms=1))
    assert [item.id for item in next_to_label(engine, 9, "小张")] == [ids[4]], "a lease that is over"
    set_order(engine, [(ids[0], "模型拿不准")])
    assert [item.id for item in next_to_label(engine, 9, "小王")] == [ids[0], ids[2]]


def test_an_agents_correction_comes_first_and_changes_no_decision(engine: Engine) -> None:
    ids = fill(engine, 3)
    set_order(engine, [(item_id, "") for item_id in ids])
    with engine.begin() as connection:
        add_correction(engine, connection, "袋子鼓了", "bulging", None)
        add_correction(engine, connection, "第2件，碎了！", "damaged", "urgent")
        add_correction(engine, connection, "第2件碎了", None, "venting")
    first, second, *_ = next_to_label(engine, 4, "小王")
    assert (first.id, first.suggested_issue, first.suggested_customer) == (ids[2], "damaged", "venting")
    assert (second.origin, second.suggested_issue) == (Origin.feedback, "bulging")
    decided = decide(engine, first.id, SPOILED, "小王", first.version)
    with engine.begin() as connection:
        add_correction(engine, connection, first.redacted_text, "defect", None)
    assert find(engine, [first.id])[first.id] == decided


def test_decisions_are_never_overwritten_silently(engine: Engine) -> None:
    (item_id,) = fill(engine, 1)
    (seen,) = next_to_label(engine, 1, "小王")
    after = decide(engine, item_id, DAMAGED, "小王", seen.version)
    assert (after.status, after.label, after.labelled_by, after.version) == (Status.labelled, DAMAGED, "小王", 2)
    for attempt in (
        lambda: decide(engine, item_id, SPOILED, "小李", seen.version),
        lambda: skip(engine, item_id, "小李", seen.version),
        lambda: undo(engine, item_id, "小李", after.version),
    ):
        with pytest.raises(ConflictError) as conflict:
            attempt()
        assert conflict.value.item == after
    assert decide(engine, item_id, SPOILED, "小李", after.version).label == SPOILED
    with pytest.raises(UnknownItemError):
        decide(engine, item_id + 1, SPOILED, "小李", 1)


def test_undo_and_skip(engine: Engine) -> None:
    first, second = fill(engine, 2)
    decide(engine, first, DAMAGED, "小王", 1)
    back = undo(engine, first, "小王", 2)
    assert (back.status, back.label, back.labelled_by, back.version) == (Status.waiting, None, None, 3)
    assert skip(engine, second, "小王", 1).status is Status.skipped
    assert [item.id for item in next_to_label(engine, 9, "小王")] == [first]
    assert undo(engine, second, "小王", 2).status is Status.waiting


def test_progress(engine: Engine) -> None:
    first, second, third, _ = fill(engine, 4)
    set_order(engine, [(first, "")])
    decide(engine, first, DAMAGED, "小王", 1)
    decide(engine, second, SPOILED, "小李", 1)
    skip(engine, third, "小李", 1)
    mark_written(engine, [(find(engine, [second])[second], "a.csv")])
    told = progress(engine, midnight_ms())
    assert (told.waiting, told.unranked, told.skipped, told.labelled, told.written) == (1, 1, 1, 1, 1)
    assert told.by_person == {"小李": 1, "小王": 1}
    assert progress(engine, midnight_ms() + 10**9).by_person == {}


def test_what_changed_while_it_was_written_is_written_anew(engine: Engine) -> None:
    first, second = fill(engine, 2)
    for item_id in (first, second):
        decide(engine, item_id, DAMAGED, "小王", 1)
    items = labelled(engine)
    decide(engine, second, SPOILED, "小李", 2)
    assert mark_written(engine, [(item, "a.csv") for item in items]) == 1
    assert [(item.id, item.label) for item in labelled(engine)] == [(second, SPOILED)]
    with pytest.raises(ConflictError) as conflict:
        decide(engine, first, SPOILED, "小李", 3)
    assert conflict.value.item.status is Status.written


def test_many_people_at_once_never_label_the_same(engine: Engine) -> None:
    n, people = 60, 4
    fill(engine, n)
    done: dict[str, list[int]] = {f"p{i}": [] for i in range(people)}
    failures: list[Exception] = []

    def work(who: str) -> None:
        try:
            while items := next_to_label(engine, 5, who):
                for item in items:
                    decide(engine, item.id, DAMAGED, who, item.version)
                    done[who].append(item.id)
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(who,)) for who in done]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    everything = [item_id for ids in done.values() for item_id in ids]
    assert len(everything) == len(set(everything)) == n


def test_one_wins_where_all_decide_the_same_message(engine: Engine) -> None:
    (item_id,) = fill(engine, 1)
    won: list[Item] = []
    lost: list[ConflictError] = []

    def work(who: str) -> None:
        try:
            won.append(decide(engine, item_id, DAMAGED, who, 1))
        except ConflictError as conflict:
            lost.append(conflict)

    threads = [threading.Thread(target=work, args=(f"p{i}",)) for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(won), len(lost)) == (1, 5)
    assert {conflict.item.labelled_by for conflict in lost} == {won[0].labelled_by}
