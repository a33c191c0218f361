"""Chatwoot's webhook against a stand-in that takes only what Chatwoot's published API takes."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, select, text, update

from api.app import create_app
from api.chatwoot import deliverer
from api.chatwoot.client import ChatwootClient, SpeaksToBuyerError, refuse_speech
from api.chatwoot.deliverer import delay_seconds
from api.chatwoot.events import MessageCreated
from api.chatwoot.signature import is_authentic, sign
from api.model_in_use import ModelState
from api.settings import Settings, load_settings
from api.store import chatwoot_deliveries as queue
from api.store.chatwoot_deliveries import LeaseLostError, Source, Step
from api.store.database import connect
from api.store.retention import purge
from api.store.tables import chatwoot_deliveries, recommendations
from model.conversation import Turn
from model.errors import InputError
from tests.chatwoot_stand_in import ACCOUNT, CONVERSATION, TOKEN, ChatwootStandIn
from tests.processes import start

HOME = "http://127.0.0.1"
PATH = "/integrations/chatwoot"
SECRET = "wh-secret-9Kq4"
WORDS = "老板收到你家饼干涨袋了"
PATIENCE_SECONDS = 30
Post = Callable[..., httpx.Response]


def created(
    message_id: int = 41, conversation_id: int = 7, content: str | None = WORDS, **changes: Any
) -> dict[str, Any]:
    """`message_created` as Chatwoot sends it: Message#webhook_data with its account, inbox and conversation."""
    message = {
        "id": message_id,
        "content": content,
        "message_type": 0,
        "private": False,
        "conversation_id": conversation_id,
        "created_at": 1_795_000_000,
        "sender_type": "Contact",
    }
    return {
        "event": "message_created",
        "id": message_id,
        "account": {"id": ACCOUNT, "name": "零食旗舰店"},
        "additional_attributes": {},
        "content": content,
        "content_attributes": {},
        "content_type": "text",
        "conversation": {
            "id": conversation_id,
            "additional_attributes": {},
            "can_reply": True,
            "channel": "Channel::WebWidget",
            "contact_inbox": {"id": 1, "source_id": "b2c1"},
            "custom_attributes": {},
            "inbox_id": 2,
            "labels": [],
            "messages": [message],
            "meta": {"sender": {"id": 9, "name": "买家", "type": "contact"}, "assignee": None, "hmac_verified": False},
            "priority": None,
            "status": "open",
            "unread_count": 1,
            "timestamp": 1_795_000_000,
        },
        "created_at": "2026-11-21T20:53:20.000Z",
        "inbox": {"id": 2, "name": "网站"},
        "message_type": "incoming",
        "private": False,
        "sender": {"id": 9, "name": "买家", "type": "contact", "account": {"id": ACCOUNT, "name": "零食旗舰店"}},
        "source_id": None,
        **changes,
    }


def signed(body: bytes, secret: str = SECRET, at: float | None = None) -> dict[str, str]:
    timestamp = str(int(time.time() if at is None else at))
    return {
        "Content-Type": "application/json",
        "X-Chatwoot-Delivery": "7f0c3f9e-0000-4000-8000-000000000000",
        "X-Chatwoot-Timestamp": timestamp,
        "X-Chatwoot-Signature": sign(secret, timestamp, body),
    }


def tell(client: TestClient | httpx.Client, event: dict[str, Any]) -> int:
    body = json.dumps(event, ensure_ascii=False).encode()
    return client.post(PATH, content=body, headers=signed(body)).status_code


def with_chatwoot(settings: Settings, chatwoot: ChatwootStandIn) -> Settings:
    return Settings(
        data=settings.data,
        database_url=settings.database_url,
        chatwoot_url=chatwoot.url,
        chatwoot_token=TOKEN,
        chatwoot_secret=SECRET,
    )


def rows(engine: Engine) -> list[Any]:
    with engine.connect() as connection:
        return list(connection.execute(select(chatwoot_deliveries).order_by(chatwoot_deliveries.c.id)).all())


def wait_until(true: Callable[[], bool]) -> None:
    give_up = time.monotonic() + PATIENCE_SECONDS
    while not true():
        assert time.monotonic() < give_up, "it did not happen"
        time.sleep(0.02)


@pytest.fixture
def chatwoot() -> Iterator[ChatwootStandIn]:
    """A running stand-in. Nobody may have sent it what Chatwoot would refuse, or a message for the buyer."""
    stand_in = ChatwootStandIn()
    stand_in.start()
    yield stand_in
    stand_in.stop()
    assert stand_in.refused == []


@pytest.fixture
def client(state: ModelState, store_settings: Settings, chatwoot: ChatwootStandIn) -> Iterator[TestClient]:
    """The application with Chatwoot set up, on an empty store of either kind, asked from another machine."""
    app = create_app(state, with_chatwoot(store_settings, chatwoot))
    with TestClient(app, HOME, raise_server_exceptions=False, client=("192.0.2.1", 5)) as client:
        yield client


@pytest.fixture
def store(client: TestClient) -> Iterator[Engine]:
    """The application's store, seen from outside."""
    engine = connect(client.app.state.service.settings)  # type: ignore[attr-defined]
    yield engine
    engine.dispose()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retries come soon."""
    monkeypatch.setattr(deliverer, "FIRST_DELAY_SECONDS", 0.02)
    monkeypatch.setattr(deliverer, "LONGEST_DELAY_SECONDS", 0.2)
    monkeypatch.setattr(deliverer, "POLL_SECONDS", 0.05)


def all_over(engine: Engine, count: int) -> Callable[[], bool]:
    def over() -> bool:
        found = rows(engine)
        return len(found) == count and all(row.next_attempt_at_ms is None for row in found)

    return over


def test_a_buyers_message_gets_a_note_a_label_and_attributes(
    client: TestClient, store: Engine, chatwoot: ChatwootStandIn
) -> None:
    conversation = chatwoot.conversations[7]
    conversation.labels = ["vip", "shouhou-other"]
    conversation.custom_attributes = {"order": "A1", "shouhou_issue": "旧的", "shouhou_min": "9.00"}
    assert tell(client, created()) == 202
    wait_until(all_over(store, 1))
    (note,) = conversation.messages
    assert note["private"] is True
    for part in (
        "**涨袋漏气**",
        "**平和型**",
        "**建议回复**（给方案）\n1. ",
        "**补偿** 现金补偿",
        "bulging-keep",
        "天猫零食店",
    ):
        assert part in note["content"]
    assert "首次响应" in note["content"]
    assert "前）" in note["content"]
    assert note["content"].endswith("#41")
    assert conversation.labels == ["vip", "shouhou-bulging"]
    attributes = conversation.custom_attributes
    assert 0.5 < attributes.pop("shouhou_confidence") <= 1
    assert attributes == {
        "order": "A1",
        "shouhou_issue": "涨袋漏气",
        "shouhou_customer": "平和型",
        "shouhou_remedy": "现金补偿",
        "shouhou_min": "3.00",
        "shouhou_max": "5.00",
        "shouhou_review": False,
    }
    (row,) = rows(store)
    assert (row.step, row.redacted_note, row.label, row.custom_attributes) == ("delivered", None, None, None)


def test_a_message_that_a_person_must_see(client: TestClient, store: Engine, chatwoot: ChatwootStandIn) -> None:
    assert tell(client, created(content="吃了拉肚子去医院了")) == 202
    wait_until(all_over(store, 1))
    (note,) = chatwoot.notes(7)
    assert "**请人工判断**\n- 涉及人身健康" in note
    assert chatwoot.conversations[7].custom_attributes["shouhou_review"] is True
    assert chatwoot.conversations[7].custom_attributes["shouhou_min"] is None


def test_other_attributes_stay_where_chatwoot_replaces_all(
    client: TestClient, store: Engine, chatwoot: ChatwootStandIn
) -> None:
    chatwoot.knows_merge = False
    chatwoot.conversations[7].custom_attributes = {"order": "A1"}
    tell(client, created())
    wait_until(all_over(store, 1))
    assert chatwoot.conversations[7].custom_attributes["order"] == "A1"
    assert chatwoot.conversations[7].custom_attributes["shouhou_issue"] == "涨袋漏气"


def test_what_is_as_it_should_be_is_not_written(client: TestClient, store: Engine, chatwoot: ChatwootStandIn) -> None:
    """Every write would set off the account's automations and webhooks."""
    tell(client, created(41))
    wait_until(all_over(store, 1))
    tell(client, created(42))
    wait_until(all_over(store, 2))
    assert len(chatwoot.notes(7)) == 2
    assert chatwoot.requests["POST labels"] == 1
    assert chatwoot.requests["POST custom_attributes"] == 1


NOT_A_BUYERS_WORDS = [
    created(message_type="outgoing"),
    created(message_type="template"),
    created(private=True, message_type="outgoing"),
    created(private=True),
    created(content=None, attachments=[{"id": 1, "file_type": "image"}]),
    created(content=" \n"),
    created(event="message_updated"),
    {"event": "conversation_created", "id": 7},
    {"event": "webwidget_triggered"},
]
NEVER_SENT = [
    {},
    [],
    "x",
    {"event": 1},
    {"event": "message_created"},
    created(id=0),
    created(account={}),
    created(id=2**70),
]


def test_what_is_not_a_buyers_words_is_ignored(client: TestClient, store: Engine) -> None:
    assert [tell(client, event) for event in NOT_A_BUYERS_WORDS] == [204] * len(NOT_A_BUYERS_WORDS)
    assert rows(store) == []


def test_what_chatwoot_never_sends_is_refused(client: TestClient, store: Engine) -> None:
    for event in NEVER_SENT:
        body = json.dumps(event).encode()
        answer = client.post(PATH, content=body, headers=signed(body))
        assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json"), event
    assert rows(store) == []


def test_bodies_are_bounded_and_json(client: TestClient) -> None:
    body = json.dumps(created(content="漏" * 100_000), ensure_ascii=False).encode()
    assert client.post(PATH, content=body, headers=signed(body)).status_code == 413
    assert client.post(PATH, content=b"{}", headers={**signed(b"{}"), "Content-Type": "text/plain"}).status_code == 415
    assert client.post(PATH, content=b"{", headers=signed(b"{")).status_code == 422
    assert client.get(PATH).status_code == 405


def test_of_a_long_letter_the_beginning_is_read(client: TestClient, store: Engine, chatwoot: ChatwootStandIn) -> None:
    assert tell(client, created(content=WORDS + "，请看附言" * 2000)) == 202
    wait_until(all_over(store, 1))
    assert len(chatwoot.notes(7)) == 1


BODY = json.dumps(created()).encode()
NOT_CHATWOOTS: list[dict[str, Any]] = [
    {},
    signed(BODY, secret="another"),
    signed(BODY + b" "),
    signed(BODY, at=time.time() - 3600),
    signed(BODY, at=time.time() + 3600),
    {**signed(BODY), "X-Chatwoot-Timestamp": str(int(time.time()) + 1)},
    {**signed(BODY), "X-Chatwoot-Timestamp": ""},
    {**signed(BODY), "X-Chatwoot-Timestamp": "１７９５００００００".encode()},
    {**signed(BODY), "X-Chatwoot-Signature": ""},
    {**signed(BODY), "X-Chatwoot-Signature": signed(BODY)["X-Chatwoot-Signature"].removeprefix("sha256=")},
    {**signed(BODY), "X-Chatwoot-Signature": signed(BODY)["X-Chatwoot-Signature"].upper()},
    {"Authorization": "Bearer shk_x_y"},
]


def test_only_chatwoot_is_heard(client: TestClient, store: Engine) -> None:
    for headers in NOT_CHATWOOTS:
        answer = client.post(PATH, content=BODY, headers={"Content-Type": "application/json", **headers})
        assert (answer.status_code, answer.headers["content-type"]) == (401, "application/problem+json"), headers
    assert rows(store) == []


def test_a_header_twice_is_refused(client: TestClient) -> None:
    once = list(signed(BODY).items())
    for name in ("X-Chatwoot-Timestamp", "X-Chatwoot-Signature"):
        twice = [*once, (name, dict(once)[name])]
        assert client.post(PATH, content=BODY, headers=twice).status_code == 401


def test_a_signature_lasts_five_minutes() -> None:
    signature = [sign(SECRET, "1795000000", BODY)]
    for age, authentic in ((0, True), (300, True), (301, False), (-300, True), (-301, False)):
        assert is_authentic(SECRET, ["1795000000"], signature, BODY, 1795000000.0 + age) is authentic


def test_the_same_message_fifty_times_at_once(
    client: TestClient, store: Engine, chatwoot: ChatwootStandIn, store_settings: Settings
) -> None:
    with ThreadPoolExecutor(50) as pool:
        assert set(pool.map(lambda _: tell(client, created()), range(50))) == {202}
    wait_until(all_over(store, 1))
    assert tell(client, created()) == 202
    assert len(rows(store)) == 1
    assert len(chatwoot.notes(7)) == 1
    client.__exit__(None, None, None)  # Ends the recorder, so that all that is recorded is written.
    with connect(store_settings).connect() as connection:
        assert len(connection.execute(select(recommendations).where(recommendations.c.owner == "chatwoot")).all()) == 1
    client.__enter__()


def test_personal_data_is_neither_kept_nor_sent_back(
    client: TestClient, store: Engine, chatwoot: ChatwootStandIn
) -> None:
    chatwoot.stop()
    tell(client, created(content="单号SF1234567890123怎么还没到，我电话13812345678"))
    (row,) = rows(store)
    assert "13812345678" not in str(row)
    assert "1234567890123" not in str(row)
    chatwoot.start()
    wait_until(all_over(store, 1))
    assert "13812345678" not in chatwoot.notes(7)[0]


@pytest.mark.usefixtures("impatient")
def test_labels_and_attributes_tell_of_the_latest_message(
    client: TestClient, store: Engine, chatwoot: ChatwootStandIn
) -> None:
    """A note that comes late does not bring back what the buyer said before."""
    chatwoot.stop()
    assert [tell(client, created(41)), tell(client, created(42, content="少发了两包"))] == [202, 202]
    chatwoot.start()
    wait_until(all_over(store, 2))
    assert sorted(note[-3:] for note in chatwoot.notes(7)) == ["#41", "#42"]
    assert chatwoot.conversations[7].labels == ["shouhou-missing_item"]
    assert chatwoot.conversations[7].custom_attributes["shouhou_issue"] == "少件漏发"
    assert chatwoot.requests["POST labels"] == 1


@pytest.mark.usefixtures("impatient")
def test_an_outage_is_sat_out(client: TestClient, store: Engine, chatwoot: ChatwootStandIn) -> None:
    chatwoot.stop()
    for number in range(1, 11):
        assert tell(client, created(number, conversation_id=number)) == 202
    wait_until(lambda: all(row.attempts >= 3 for row in rows(store)))
    chatwoot.start()
    wait_until(all_over(store, 10))
    assert all(len(chatwoot.notes(number)) == 1 for number in range(1, 11))
    assert chatwoot.requests["GET messages"] == 0  # What was surely never sent is not looked for.


@pytest.mark.parametrize("trouble", [500, 502, 503, 429, 401, 302])
@pytest.mark.usefixtures("impatient")
def test_a_trouble_passes(client: TestClient, store: Engine, chatwoot: ChatwootStandIn, trouble: int) -> None:
    chatwoot.troubles.extend([trouble] * 4)
    tell(client, created())
    wait_until(all_over(store, 1))
    assert [row.step for row in rows(store)] == ["delivered"]
    assert len(chatwoot.notes(7)) == 1
    assert (chatwoot.requests["GET messages"] > 0) is (trouble >= 500)


@pytest.mark.usefixtures("impatient")
def test_a_trouble_in_the_middle_repeats_no_note(client: TestClient, store: Engine, chatwoot: ChatwootStandIn) -> None:
    chatwoot.troubles.extend([0, 500, 0, 0, 500, 500])  # 0: this request passes.
    tell(client, created())
    wait_until(all_over(store, 1))
    assert chatwoot.requests["POST messages"] == 1
    assert chatwoot.conversations[7].labels == ["shouhou-bulging"]
    assert chatwoot.conversations[7].custom_attributes["shouhou_review"] is False


@pytest.mark.usefixtures("impatient")
def test_a_note_whose_answer_never_came_is_found(
    client: TestClient, store: Engine, chatwoot: ChatwootStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliverer, "STEP_SECONDS", 0.3)
    chatwoot.stalled = 1
    tell(client, created())
    wait_until(all_over(store, 1))
    assert chatwoot.requests["GET messages"] == 1
    assert chatwoot.requests["POST messages"] == 1
    assert len(chatwoot.notes(7)) == 1


def test_a_conversation_that_is_gone_is_given_up_at_once(
    client: TestClient, store: Engine, chatwoot: ChatwootStandIn
) -> None:
    chatwoot.troubles.append(404)
    tell(client, created())
    wait_until(all_over(store, 1))
    (row,) = rows(store)
    assert (row.step, row.attempts, row.redacted_note) == ("given_up", 1, None)
    assert tell(client, created(42, conversation_id=8)) == 202
    wait_until(all_over(store, 2))
    assert len(chatwoot.notes(8)) == 1


@pytest.mark.usefixtures("impatient")
def test_what_never_succeeds_is_given_up(
    client: TestClient, store: Engine, chatwoot: ChatwootStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliverer, "MAX_ATTEMPTS", 3)
    chatwoot.troubles.extend([500] * 100)
    tell(client, created())
    wait_until(all_over(store, 1))
    (row,) = rows(store)
    assert (row.step, row.attempts, row.redacted_note) == ("given_up", 3, None)


def test_delays_grow_and_differ() -> None:
    longest = [max(delay_seconds(attempt) for _ in range(50)) for attempt in range(1, 12)]
    assert all(0.5 <= delay_seconds(1) <= 1 for _ in range(50))
    assert all(450 <= delay_seconds(attempt) <= 900 for attempt in (11, 60))
    assert longest == sorted(longest)
    assert len({delay_seconds(5) for _ in range(50)}) > 40


@pytest.mark.usefixtures("impatient")
def test_a_full_queue_says_so(
    client: TestClient, store: Engine, chatwoot: ChatwootStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue, "MAX_WAITING", 3)
    chatwoot.stop()
    with ThreadPoolExecutor(10) as pool:
        told = list(pool.map(lambda number: tell(client, created(number, conversation_id=number)), range(1, 11)))
    assert sorted(told) == [202] * 3 + [503] * 7
    assert len(rows(store)) == 3
    queued = told.index(202) + 1
    assert tell(client, created(queued, conversation_id=queued)) == 202  # It is there already.
    body = json.dumps(created(99)).encode()
    answer = client.post(PATH, content=body, headers=signed(body))
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "60")
    chatwoot.start()
    wait_until(all_over(store, 3))
    assert tell(client, created(99)) == 202
    wait_until(all_over(store, 4))


def test_a_store_that_fails_says_so(client: TestClient, store: Engine) -> None:
    with store.begin() as connection:
        connection.execute(text("DROP TABLE chatwoot_deliveries"))
    body = json.dumps(created()).encode()
    answer = client.post(PATH, content=body, headers=signed(body))
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "60")


def test_two_services_on_one_store(
    client: TestClient, store: Engine, chatwoot: ChatwootStandIn, state: ModelState, store_settings: Settings
) -> None:
    with ExitStack() as stack:
        others = [
            stack.enter_context(TestClient(create_app(state, with_chatwoot(store_settings, chatwoot)), HOME))
            for _ in range(2)
        ]
        ask = [client, *others]
        with ThreadPoolExecutor(6) as pool:
            told = pool.map(lambda n: tell(ask[n % 3], created(n, conversation_id=n % 10 + 1)), range(1, 61))
            assert set(told) == {202}
        wait_until(all_over(store, 60))
    for conversation in range(1, 11):
        endings = [note.rsplit("#", 1)[1] for note in chatwoot.notes(conversation)]
        assert sorted(map(int, endings)) == [n for n in range(1, 61) if n % 10 + 1 == conversation]


def test_a_lease_is_one_workers(engine: Engine) -> None:
    assert queue.enqueue(engine, Source(1, 7, 41), "note", "label", {})
    assert queue.enqueue(engine, Source(1, 7, 42), "note", "label", {})
    assert queue.enqueue(engine, Source(1, 8, 43), "note", "label", {})
    first = queue.claim(engine, 8, 60_000)
    assert [delivery.source.message_id for delivery in first] == [41, 43]  # One of a conversation.
    assert queue.claim(engine, 8, 60_000) == []
    with engine.begin() as connection:  # The first worker was too slow.
        connection.execute(update(chatwoot_deliveries).values(leased_until_ms=0))
    second = queue.claim(engine, 1, 60_000)
    assert [delivery.source.message_id for delivery in second] == [41]
    for act in (
        lambda: queue.renew(engine, first[0], 1000, step=Step.labels),
        lambda: queue.postpone(engine, first[0], 1000),
        lambda: queue.finish(engine, first[0], Step.delivered),
    ):
        with pytest.raises(LeaseLostError):
            act()
    queue.finish(engine, second[0], Step.delivered)
    with pytest.raises(LeaseLostError):
        queue.finish(engine, second[0], Step.delivered)
    assert queue.count_waiting(engine) == 2


def test_purge_forgets_old_deliveries(engine: Engine) -> None:
    queue.enqueue(engine, Source(1, 7, 41), "note", "label", {})
    with engine.begin() as connection:
        connection.execute(update(chatwoot_deliveries).values(received_at_ms=0))
    assert purge(engine, 180)["chatwoot_deliveries"] == 1
    assert rows(engine) == []


def test_kill_9_with_deliveries_waiting_and_one_under_way(
    artifacts: Path, tmp_path: Path, state: ModelState, store_settings: Settings, chatwoot: ChatwootStandIn
) -> None:
    """Started again, the service writes every note once, also the one whose answer it was waiting for."""
    data = tmp_path / "data"
    data.mkdir()
    more = {} if store_settings.database_url is None else {"SHOUHOU_DATABASE_URL": store_settings.database_url}
    chatwoot.stalled = 1
    server = start(
        data=data,
        artifacts=artifacts,
        log=data / "log",
        SHOUHOU_CHATWOOT_URL=chatwoot.url,
        SHOUHOU_CHATWOOT_TOKEN=TOKEN,
        SHOUHOU_CHATWOOT_SECRET=SECRET,
        **more,
    )
    try:
        with httpx.Client(base_url=server.url) as client:
            assert tell(client, created(41)) == 202
            wait_until(lambda: len(chatwoot.notes(7)) == 1)
            chatwoot.stop()
            for number in range(101, 106):
                assert tell(client, created(number, conversation_id=number)) == 202
            wait_until(lambda: "chatwoot delivery failed" in (data / "log").read_text(encoding="utf-8"))
    finally:
        server.kill()
    store = connect(store_settings)
    assert [row.step for row in rows(store)] == ["note"] * 6
    with store.begin() as connection:  # Time passes: the leases end, and the delays after the failures.
        connection.execute(update(chatwoot_deliveries).values(leased_until_ms=0, next_attempt_at_ms=0))
    chatwoot.start()
    with TestClient(create_app(state, with_chatwoot(store_settings, chatwoot)), HOME):
        wait_until(all_over(store, 6))
    store.dispose()
    assert [len(chatwoot.notes(number)) for number in (7, *range(101, 106))] == [1] * 6
    log = (data / "log").read_text(encoding="utf-8")
    for secret in (TOKEN, SECRET, "饼干"):
        assert secret not in log


def test_it_is_off_unless_all_is_set(state: ModelState, tmp_path: Path) -> None:
    everything: dict[str, Any] = {
        "chatwoot_url": "https://chat.example.cn",
        "chatwoot_token": TOKEN,
        "chatwoot_secret": SECRET,
    }
    for missing in everything:
        some = {name: value for name, value in everything.items() if name != missing}
        settings = Settings(data=tmp_path, **some)
        assert settings.chatwoot_missing == [f"SHOUHOU_{missing.upper()}"]
        with TestClient(create_app(state, settings), HOME) as client:
            assert client.post(PATH, content=BODY, headers=signed(BODY)).status_code == 404
            assert client.post(PATH, content=BODY, headers={"Content-Type": "application/json"}).status_code == 404
    assert Settings(data=tmp_path).chatwoot_missing == []
    complete = Settings(data=tmp_path, **everything)
    assert complete.chatwoot_missing == []
    assert TOKEN not in repr(complete)
    assert SECRET not in repr(complete)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("url", "chat.example.cn"),
        ("url", "ftp://chat.example.cn"),
        ("url", "https://user:pass@chat.example.cn"),
        ("url", "https://chat.example.cn/?token=x"),
        ("url", "https://"),
        ("token", "中文令牌"),
        ("token", "a\nb"),
        ("secret", " blank "),
    ],
)
def test_wrong_settings_are_named_and_not_shown(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"SHOUHOU_CHATWOOT_{name.upper()}", value)
    with pytest.raises(InputError) as caught:
        load_settings()
    assert f"SHOUHOU_CHATWOOT_{name.upper()}" in str(caught.value)
    assert value not in str(caught.value)


def test_an_address_with_a_path_is_kept() -> None:
    for url in ("https://example.cn/help", "https://example.cn/help/"):
        access = Settings(chatwoot_url=url, chatwoot_token=TOKEN, chatwoot_secret=SECRET).chatwoot
        assert access is not None
        assert access.url == "https://example.cn/help"


def test_history_is_what_the_event_brings() -> None:
    event = created(44)
    event["conversation"]["messages"] = [
        {"id": 43, "content": "亲，拍张照片看看", "message_type": 1, "private": False},
        {"id": 42, "content": "内部备注", "message_type": 1, "private": True},
        {"id": 41, "content": "饼干涨袋了", "message_type": 0, "private": False},
        {"id": 40, "content": "会话已分配", "message_type": 2, "private": False},
        {"id": 39, "content": None, "message_type": 0, "private": False},
        {"id": 44, "content": WORDS, "message_type": 0, "private": False},
        {"id": 45, "content": "后来的", "message_type": 0, "private": False},
    ]
    request = MessageCreated.model_validate(event).request
    assert request.message == WORDS
    assert [Turn(turn.role, turn.text) for turn in request.history] == [
        Turn("buyer", "饼干涨袋了"),
        Turn("agent", "亲，拍张照片看看"),
    ]


def test_metrics_tell_what_came_and_what_went(client: TestClient, store: Engine) -> None:
    tell(client, created())
    wait_until(all_over(store, 1))
    with TestClient(client.app, HOME, client=("127.0.0.1", 5)) as at_home:
        told = at_home.get("/metrics").text
        document = at_home.get("/openapi.json").json()
    assert 'shouhou_chatwoot_events_total{outcome="queued"}' in told
    assert 'shouhou_chatwoot_attempts_total{outcome="delivered"}' in told
    assert "shouhou_chatwoot_waiting" in told
    assert PATH not in document["paths"]  # For callers with a key; Chatwoot knows what it sends.


MESSAGES = CONVERSATION.format(account_id=ACCOUNT, conversation_id=7) + "/messages"
NOTE = {"content": "x", "message_type": "outgoing", "private": True}


@pytest.mark.parametrize(
    "request_",
    [
        {"method": "POST", "url": MESSAGES, "json": {**NOTE, "private": False}},
        {"method": "POST", "url": MESSAGES, "json": {**NOTE, "private": None}},
        {"method": "POST", "url": MESSAGES, "json": {**NOTE, "private": 1}},
        {"method": "POST", "url": MESSAGES, "json": {**NOTE, "private": "true"}},
        {"method": "POST", "url": MESSAGES, "json": {"content": "x"}},
        {"method": "POST", "url": MESSAGES, "json": {"content": "x", "message_type": "outgoing"}},
        {"method": "POST", "url": MESSAGES, "json": {**NOTE, "message_type": "incoming"}},
        {"method": "POST", "url": MESSAGES, "json": {**NOTE, "template_params": {}}},
        {"method": "POST", "url": MESSAGES, "json": [NOTE]},
        {"method": "POST", "url": MESSAGES, "data": {"content": "x", "private": "true", "message_type": "outgoing"}},
        {"method": "POST", "url": MESSAGES, "files": {"attachments[]": b"x"}, "data": {"private": "true"}},
        {
            "method": "POST",
            "url": MESSAGES,
            "content": b'{"content":"x","message_type":"outgoing","private":true,"private":false}',
            "headers": {"Content-Type": "application/json"},
        },
        {"method": "POST", "url": f"{MESSAGES}/5/retry"},
        {"method": "PATCH", "url": f"{MESSAGES}/5", "json": {"private": False}},
        {"method": "DELETE", "url": f"{MESSAGES}/5"},
        {"method": "PUT", "url": MESSAGES, "json": NOTE},
        {"method": "POST", "url": MESSAGES.removesuffix("/7/messages"), "json": {"message": {"content": "x"}}},
        {"method": "POST", "url": MESSAGES.replace("/messages", "/toggle_status")},
        {"method": "POST", "url": "/public/api/v1/inboxes/a/contacts/b/conversations/7/messages", "json": NOTE},
        {"method": "GET", "url": MESSAGES.replace("/messages", "/transcript")},
    ],
)
def test_nothing_that_the_buyer_reads_can_leave(chatwoot: ChatwootStandIn, request_: dict[str, Any]) -> None:
    """Not by the client's own connection, whatever is asked of it: nothing reaches Chatwoot."""
    access = Settings(chatwoot_url=chatwoot.url, chatwoot_token=TOKEN, chatwoot_secret=SECRET).chatwoot
    assert access is not None

    async def attempt() -> None:
        async with ChatwootClient(access) as client:
            await client._http.request(**request_)

    with pytest.raises(SpeaksToBuyerError):
        asyncio.run(attempt())
    assert chatwoot.requests.total() == 0


@given(
    st.dictionaries(
        st.sampled_from(["content", "message_type", "private", "content_type", "echo_id", "Private"]),
        st.sampled_from(["x", "outgoing", "incoming", "true", True, False, None, 0, 1, [], {}]),
    )
)
def test_only_a_private_note_passes(body: dict[str, Any]) -> None:
    request = httpx.Request("POST", f"http://chat.example{MESSAGES}", json=body)
    is_note = body.keys() == NOTE.keys() and body["private"] is True and body["message_type"] == "outgoing"
    try:
        asyncio.run(refuse_speech(request))
        passed = True
    except SpeaksToBuyerError:
        passed = False
    assert passed is is_note


def test_a_private_note_passes(chatwoot: ChatwootStandIn) -> None:
    access = Settings(chatwoot_url=chatwoot.url, chatwoot_token=TOKEN, chatwoot_secret=SECRET).chatwoot
    assert access is not None

    async def write() -> bool:
        async with ChatwootClient(access) as client:
            source = Source(ACCOUNT, 7, 41)
            assert not await client.has_note(source)
            await client.add_private_note(source, "备注\n\n— 售后参谋，对应消息 #41")
            assert not await client.has_note(Source(ACCOUNT, 7, 4))
            return await client.has_note(source)

    assert asyncio.run(write())
    assert [message["private"] for message in chatwoot.conversations[7].messages] == [True]
