"""The HTTP contract, through the real application."""

from __future__ import annotations

import json
from typing import Any

import pytest
from fastapi.testclient import TestClient

from model.context import Context

FIELDS = {
    "id",
    "model_version",
    "issue",
    "customer",
    "review",
    "stage",
    "replies",
    "facts",
    "compensation",
    "freight",
    "next_steps",
    "evidence_needed",
    "procedure",
}


def ask(client: TestClient, message: str, **more: Any) -> dict[str, Any]:
    answer = client.post("/v1/recommendations", json={"message": message, **more})
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def test_the_answer_has_every_field(client: TestClient) -> None:
    body = ask(
        client,
        "老板收到的饼干有两袋涨袋了还能吃吗",
        history=[{"role": "buyer", "text": "在吗"}, {"role": "agent", "text": "您好亲"}],
        context={"platform": "tmall", "product_line": "biscuit", "package_count": 2, "returning_customer": False},
    )
    assert set(body) == FIELDS
    assert set(body["issue"]) == {"code", "name", "group", "confidence", "alternatives", "also", "evidence"}
    assert set(body["customer"]) == {"code", "name", "confidence", "alternatives", "handling"}
    assert set(body["review"]) == {"needed", "reasons"}
    assert set(body["replies"][0]) == {"template_id", "text", "stage", "score", "why"}
    assert set(body["compensation"]) == {
        "remedy",
        "alternatives",
        "min",
        "max",
        "currency",
        "basis",
        "requires_approval",
        "ask",
        "statutory",
    }
    assert body["issue"]["code"] == "bulging"
    assert body["issue"]["name"] == "涨袋漏气"
    assert (body["compensation"]["min"], body["compensation"]["max"]) == ("5.00", "5.00")


def test_replies_are_ranked_and_limited(client: TestClient) -> None:
    replies = ask(client, "什么时候发货呀", top_k=2)["replies"]
    assert 1 <= len(replies) <= 2
    assert [reply["score"] for reply in replies] == sorted((reply["score"] for reply in replies), reverse=True)


def problem(answer: Any, status: int) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    assert {"type", "title", "status", "detail", "instance"} <= set(body)
    assert body["status"] == status
    return body


@pytest.mark.parametrize(
    ("body", "field", "words"),
    [
        ({}, "message", "required"),
        ({"message": ""}, "message", "1 to 2000 characters"),
        ({"message": " \n\t　"}, "message", "1 to 2000 characters"),
        ({"message": "漏" * 2001}, "message", "has 2001"),
        ({"message": 7}, "message", "must be a string"),
        ({"message": None}, "message", "must be a string"),
        ({"message": "漏了", "mesage": "漏了"}, "mesage", "unknown field"),
        ({"message": "漏了", "top_k": 0}, "top_k", "greater than or equal to 1"),
        ({"message": "漏了", "context": {"colour": "red"}}, "context.colour", "unknown field"),
        (
            {"message": "漏了", "context": {"platform": "ebay"}},
            "context.platform",
            "taobao, tmall, pdd, jd, douyin, other",
        ),
        ({"message": "漏了", "context": {"package_count": "two"}}, "context.package_count", "integer"),
        ({"message": "漏了", "context": {"order_amount": "-1"}}, "context.order_amount", "greater than or equal to 0"),
        ({"message": "漏了", "context": {"now": "2026-01-01"}}, "context.now", "timezone"),
        ({"message": "漏了", "history": [{"role": "robot", "text": "hi"}]}, "history.0.role", "buyer, agent"),
        (["漏了"], "body", "an object"),
    ],
)
def test_invalid_requests_name_the_field(client: TestClient, body: Any, field: str, words: str) -> None:
    told = problem(client.post("/v1/recommendations", json=body), 422)
    assert field in [error["field"] for error in told["errors"]]
    assert words in json.dumps(told["errors"], ensure_ascii=False)


@pytest.mark.parametrize(
    "raw", [b"", b"{", b"message=1", b'{"message": "\xb5\xb9"}', b"\xff\xfe", b'{"message": "a"} x']
)
def test_bodies_that_are_not_json(client: TestClient, raw: bytes) -> None:
    answer = client.post("/v1/recommendations", content=raw, headers={"content-type": "application/json"})
    told = problem(answer, answer.status_code)
    assert 400 <= answer.status_code < 500
    assert "body" in [error["field"] for error in told["errors"]]


def test_wrong_media_type(client: TestClient) -> None:
    problem(client.post("/v1/recommendations", content=b"{}", headers={"content-type": "text/plain"}), 415)
    problem(client.post("/v1/recommendations", content=b"{}"), 415)


def test_a_huge_body_is_refused(client: TestClient) -> None:
    body = json.dumps({"message": "漏了", "x": "y" * 300_000}).encode()
    problem(client.post("/v1/recommendations", content=body, headers={"content-type": "application/json"}), 413)

    def chunks() -> Any:  # Without Content-Length.
        for _ in range(40):
            yield b"x" * 10_000

    problem(client.post("/v1/recommendations", content=chunks(), headers={"content-type": "application/json"}), 413)


def test_unknown_paths_and_methods(client: TestClient) -> None:
    problem(client.get("/v1/nothing"), 404)
    problem(client.get("/v1/recommendations"), 405)


@pytest.mark.parametrize(
    "message",
    [
        "😡😡😡",
        "\u0001\u0002坏了\u0007",
        "\0",
        "a\0b",
        "\u202e坏了\u202c",
        "哈" * 2000,
        "!" * 2000,
        "Where is my parcel? It has been ten days!",
        "¿Dónde está mi paquete?",
        "الطرد لم يصل",
        "\ufeff少了一包",
        "🇨🇳👨‍👩‍👧‍👦❤️",
    ],
)
def test_strange_messages_get_an_answer(client: TestClient, message: str) -> None:
    body = ask(client, message)
    assert body["replies"]
    for evidence in body["issue"]["evidence"]:
        assert message[evidence["start"] : evidence["end"]] == evidence["text"]


@pytest.mark.parametrize("raw", [rb'{"message": "\ud83d"}', rb'{"message": "\ud83d\u574f\u4e86\ude00"}'])
def test_lone_surrogates_get_an_answer(client: TestClient, raw: bytes) -> None:
    answer = client.post("/v1/recommendations", content=raw, headers={"content-type": "application/json"})
    assert answer.status_code == 200, answer.text


def test_taxonomy_and_model(client: TestClient) -> None:
    taxonomy = client.get("/v1/taxonomy").json()
    assert len(taxonomy["issues"]) == 39
    assert len(taxonomy["customers"]) == 7
    model = client.get("/v1/model").json()
    assert model["version"] == ask(client, "你好")["model_version"]
    assert 0 < model["metrics"]["issue_accuracy"] < 1
    assert len(model["data_fingerprint"]) == 64


def test_health(client: TestClient) -> None:
    assert client.get("/healthz").json() == {"status": "ok"}
    assert client.get("/readyz").json()["status"] == "ok"


def test_documentation_needs_no_other_host(client: TestClient) -> None:
    page = client.get("/docs").text
    assert "http://" not in page.replace("http://testserver", "")
    assert "https://" not in page
    for line in page.split('"'):
        if line.startswith("/") and line.endswith((".js", ".css", ".png")):
            assert client.get(line).status_code == 200


def test_openapi_examples_are_real(client: TestClient) -> None:
    schema = client.get("/openapi.json").json()
    request = schema["components"]["schemas"]["RecommendationRequest"]
    assert len(request["examples"]) == 2
    for example in request["examples"]:
        assert client.post("/v1/recommendations", json=example).status_code == 200
    responses = schema["paths"]["/v1/recommendations"]["post"]["responses"]
    assert {"200", "413", "415", "422"} <= set(responses)
    assert set(schema["components"]["schemas"]["RecommendationAnswer"]["properties"]) == FIELDS


@pytest.mark.parametrize(
    "time", ["0001-01-01T00:00:00+08:00", "9999-12-31T23:59:59+00:00", "9999-12-31T23:59:59-12:00"]
)
def test_the_ends_of_the_calendar(client: TestClient, time: str) -> None:
    """Python can neither turn these into China's time nor add a day to them."""
    names = [name for name in Context.model_fields if name.endswith("_at")]
    for given in ({"now": time}, dict.fromkeys(names, time), {"now": time, **dict.fromkeys(names, time)}):
        for message in ("怎么还没发货", "饼干涨袋了", "退款什么时候到"):
            answer = client.post("/v1/recommendations", json={"message": message, "context": given})
            assert answer.status_code == 200, answer.text
