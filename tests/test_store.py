"""The store, on SQLite and on PostgreSQL."""

from __future__ import annotations

import sqlite3
import threading
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from fastapi.testclient import TestClient
from sqlalchemy import Engine, func, select, update

from api.settings import Settings
from api.store.clock import now_ms
from api.store.database import SQLITE_FILE, is_reachable, open_store
from api.store.keys import Scope, create_key, list_keys, revoke_key
from api.store.retention import DAY_MS, export, purge
from api.store.tables import chats_to_label, feedback, metadata, recommendations, template_counts
from api.store.template_counts import read_template_counts
from model.ranking import Acceptance

FIRST_RELEASE = Path(__file__).parent / "data" / "store_first_release.sql"
PHONE = "13800138000"


def ask(client: TestClient, message: str = "收到的饼干涨袋了", **more: Any) -> dict[str, Any]:
    answer = client.post("/v1/recommendations", json={"message": message, **more})
    assert answer.status_code == 200, answer.text
    assert answer.headers["shouhou-recorded"] == "true"
    body: dict[str, Any] = answer.json()
    return body


def tell(client: TestClient, key: str | None = None, **body: Any) -> Any:
    return client.post("/v1/feedback", json=body, headers={"Idempotency-Key": key or uuid4().hex})


def rows(engine: Engine, table: Any) -> list[Any]:
    with engine.connect() as connection:
        return list(connection.execute(select(table)).mappings())


def recorded(engine: Engine, count: int) -> list[Any]:
    """The recommendations, once so many are written."""
    give_up = time.monotonic() + 5
    while len(found := rows(engine, recommendations)) < count and time.monotonic() < give_up:
        time.sleep(0.02)
    assert len(found) == count
    return found


def test_migrations_make_the_tables(engine: Engine) -> None:
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_the_file_is_its_owners_alone(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    engine = open_store(Settings(data=tmp_path))
    with engine.begin():
        modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
    assert modes
    assert set(modes.values()) == {0o600}, modes


def test_opening_twice_at_once(store_settings: Settings) -> None:
    failures = []

    def attempt() -> None:
        try:
            open_store(store_settings).dispose()
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=attempt) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_a_store_of_the_first_release_with_data(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / SQLITE_FILE) as old:
        old.executescript(FIRST_RELEASE.read_text(encoding="utf-8"))
    engine = open_store(Settings(data=tmp_path))
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    assert [key.name for key in list_keys(engine)] == ["旗舰店客服插件"]
    assert [row["issue"] for row in rows(engine, recommendations)] == ["bulging", "late_shipping"]
    assert [row["amount_paid_fen"] for row in rows(engine, feedback)] == [300]
    assert read_template_counts(engine) == {"bulging.resolve.4": Acceptance(shown=1, chosen=1)}
    assert len(rows(engine, chats_to_label)) == 1


def test_only_the_hash_of_a_key_is_kept(engine: Engine) -> None:
    key, token = create_key(engine, "插件", [Scope.recommend])
    kept = list_keys(engine)[0]
    assert kept == key
    assert token not in str(kept)
    assert len(token) > 50
    assert revoke_key(engine, key.id)
    assert not revoke_key(engine, key.id)


def test_a_recommendation_is_recorded_redacted(stored_client: TestClient) -> None:
    engine = stored_client.app.state.service.engine  # type: ignore[attr-defined]
    answer = ask(stored_client, f"涨袋了，打我电话{PHONE}\0", context={"product_line": "biscuit", "package_count": 1})
    row = recorded(engine, 1)[0]
    assert row["id"] == answer["id"]
    assert row["redacted_message"] == "涨袋了，打我电话[手机号]\ufffd"
    assert row["issue"] == answer["issue"]["code"]
    assert row["template_ids"] == [reply["template_id"] for reply in answer["replies"]]
    assert row["owner"] == ""


def test_a_lone_surrogate_is_recorded(stored_client: TestClient) -> None:
    raw = rb'{"message": "\ud83d\u574f\u4e86"}'
    answer = stored_client.post("/v1/recommendations", content=raw, headers={"content-type": "application/json"})
    assert answer.status_code == 200
    recorded(stored_client.app.state.service.engine, 1)  # type: ignore[attr-defined]


def test_feedback_is_kept_once(stored_client: TestClient) -> None:
    engine = stored_client.app.state.service.engine  # type: ignore[attr-defined]
    made = ask(stored_client, f"涨袋了 {PHONE}")
    chosen = made["replies"][0]["template_id"]
    body = {
        "recommendation_id": made["id"],
        "template_id": chosen,
        "edited_text": f"亲，抱歉，给您补3元，联系{PHONE}",
        "issue": "spoilage",
        "customer": "urgent",
        "amount_paid": "3.00",
        "outcome": "accepted",
    }
    first = tell(stored_client, "a-1", **body)
    again = tell(stored_client, "a-1", **body)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    other = tell(stored_client, "a-1", **{**body, "amount_paid": "5.00"})
    assert other.status_code == 409
    (row,) = rows(engine, feedback)
    assert row["redacted_edited_text"] == "亲，抱歉，给您补3元，联系[手机号]"
    assert row["amount_paid_fen"] == 300
    counts = read_template_counts(engine)
    assert set(counts) == {reply["template_id"] for reply in made["replies"]}
    assert counts[chosen] == Acceptance(shown=1, chosen=1, edited=1)
    (queued,) = rows(engine, chats_to_label)
    assert (queued["redacted_text"], queued["suggested_issue"], queued["suggested_customer"]) == (
        "涨袋了 [手机号]",
        "spoilage",
        "urgent",
    )
    tell(stored_client, "a-2", recommendation_id=made["id"], template_id=chosen)
    assert read_template_counts(engine) == counts, "one recommendation counts once"


def test_ranking_learns_from_feedback(stored_client: TestClient) -> None:
    """A reply that agents always take scores higher, one they never take lower, as soon as the worker has read it."""
    service = stored_client.app.state.service  # type: ignore[attr-defined]
    before = {reply["template_id"]: reply["score"] for reply in ask(stored_client, top_k=10)["replies"]}
    first, second, *_ = before
    with service.engine.begin() as connection:
        for name, chosen in ((first, 0), (second, 5000)):
            row = {"template_id": name, "offered": 5000, "chosen": chosen, "edited": 0}
            connection.execute(template_counts.insert().values(row))
    service.template_record.load()
    after = {reply["template_id"]: reply["score"] for reply in ask(stored_client, top_k=10)["replies"]}
    assert after[second] > before[second]
    assert after.get(first, 0) < before[first]


def test_counts_stay_when_the_store_fails(stored_client: TestClient) -> None:
    service = stored_client.app.state.service  # type: ignore[attr-defined]
    with service.engine.begin() as connection:
        connection.execute(template_counts.insert().values(template_id="a", offered=2, chosen=1, edited=0))
    service.template_record.load()
    with service.engine.begin() as connection:
        template_counts.drop(connection)
    service.template_record.load()
    assert service.template_record.counts == {"a": Acceptance(shown=2, chosen=1)}


def test_feedback_on_what_was_never_recorded_is_kept(stored_client: TestClient) -> None:
    engine = stored_client.app.state.service.engine  # type: ignore[attr-defined]
    answer = tell(stored_client, recommendation_id="0" * 32, template_id="gone.resolve.9", issue="spoilage")
    assert answer.status_code == 201
    assert len(rows(engine, feedback)) == 1
    assert read_template_counts(engine) == {}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"issue": "nothing_such"}, "issue"),
        ({"customer": "nice"}, "customer"),
        ({"amount_paid": "-1"}, "amount_paid"),
        ({"outcome": "sold"}, "outcome"),
        ({"recommendation_id": "x"}, "recommendation_id"),
        ({"colour": 1}, "colour"),
    ],
)
def test_wrong_feedback_names_the_field(client: TestClient, body: dict[str, Any], field: str) -> None:
    answer = tell(client, **{"recommendation_id": "0" * 32, **body})
    assert answer.status_code == 422, answer.text
    assert field in [error["field"] for error in answer.json()["errors"]]


def test_many_feedbacks_at_once_with_one_key(stored_client: TestClient) -> None:
    engine = stored_client.app.state.service.engine  # type: ignore[attr-defined]
    statuses: list[int] = []
    threads = [
        threading.Thread(
            target=lambda: statuses.append(tell(stored_client, "same", recommendation_id="1" * 32).status_code)
        )
        for _ in range(12)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200] * 11 + [201]
    assert len(rows(engine, feedback)) == 1


def test_batch_answers_each_item_by_itself(stored_client: TestClient) -> None:
    items = [{"message": "少了一包"}, {"message": ""}, 7, {"message": "怎么还没发货", "top_k": 1}]
    answer = stored_client.post("/v1/recommendations/batch", json={"items": items})
    assert answer.status_code == 200, answer.text
    told = answer.json()["items"]
    assert [item["index"] for item in told] == [0, 1, 2, 3]
    assert [item["error"] is None for item in told] == [True, False, False, True]
    assert told[1]["error"]["errors"][0]["field"] == "message"
    assert len(told[3]["recommendation"]["replies"]) == 1
    recorded(stored_client.app.state.service.engine, 2)  # type: ignore[attr-defined]
    too_many = stored_client.post("/v1/recommendations/batch", json={"items": [{"message": "少"}] * 1001})
    assert too_many.status_code == 422


def test_purge_deletes_the_old_and_export_gives_the_rest(stored_client: TestClient) -> None:
    engine = stored_client.app.state.service.engine  # type: ignore[attr-defined]
    old, new = ask(stored_client)["id"], ask(stored_client)["id"]
    recorded(engine, 2)
    with engine.begin() as connection:
        aged = update(recommendations).where(recommendations.c.id == old)
        connection.execute(aged.values(made_at_ms=now_ms() - 181 * DAY_MS))
    assert purge(engine, 180) == {
        "recommendations": 1,
        "feedback": 0,
        "chats_to_label": 0,
        "chatwoot_deliveries": 0,
    }
    assert [row["id"] for row in export(engine, "recommendations")] == [new]


def test_recording_off(client: TestClient, tmp_path: Path) -> None:
    from api.app import create_app

    state = client.app.state.service.model.state  # type: ignore[attr-defined]
    app = create_app(state, Settings(data=tmp_path, record="off"))
    with TestClient(app, "http://127.0.0.1", client=("127.0.0.1", 5)) as silent:
        answer = silent.post("/v1/recommendations", json={"message": "少了一包"})
        assert answer.headers["shouhou-recorded"] == "false"
    with app.state.service.engine.connect() as connection:
        assert connection.execute(select(func.count()).select_from(recommendations)).scalar_one() == 0


def test_reachable(engine: Engine) -> None:
    assert is_reachable(engine)


def test_what_an_attacker_hides_in_feedback(stored_client: TestClient) -> None:
    engine = stored_client.app.state.service.engine  # type: ignore[attr-defined]
    raw = b'{"recommendation_id": "' + b"0" * 32 + b'", "edited_text": "\\ud83d \\u0000 13800138000"}'
    headers = {"Idempotency-Key": PHONE, "content-type": "application/json"}
    assert stored_client.post("/v1/feedback", content=raw, headers=headers).status_code == 201
    assert stored_client.post("/v1/feedback", content=raw, headers=headers).status_code == 200
    assert tell(stored_client, recommendation_id="0" * 32, template_id=PHONE).status_code == 422
    assert PHONE not in str(rows(engine, feedback))


def test_an_answer_does_not_grow_with_the_errors(client: TestClient) -> None:
    body = {"message": "a", **{f"k{number}": 1 for number in range(5000)}}
    assert len(client.post("/v1/recommendations", json=body).content) < 5000
    assert client.get("/healthz", headers={"X-Request-ID": PHONE}).headers["x-request-id"] != PHONE
