"""Reads JSON bodies whole before the application does, and refuses what cannot be one."""

from __future__ import annotations

import asyncio
from http import HTTPStatus

from fastapi import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.problems import FieldError, problem
from api.request_headers import request_headers

MAX_BODY_BYTES = 256 * 1024
BODY_SECONDS = 10.0


class JsonBody:
    """ASGI middleware: 408 for a slow body, 413 over 256 KiB (counted, not believed), 415 not JSON, 422 not UTF-8."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with its body read, or refuse it."""
        if scope["type"] != "http" or scope["method"] != "POST" or not _has_body(scope):
            await self.app(scope, receive, send)
            return
        body = b""
        more = True
        refusal = _refuse_by_headers(scope)
        try:
            async with asyncio.timeout(BODY_SECONDS):
                while more and refusal is None:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        return
                    body += message.get("body", b"")
                    more = message.get("more_body", False)
                    if len(body) > MAX_BODY_BYTES:
                        refusal = _too_large(scope)
        except TimeoutError:
            refusal = _too_slow(scope)
        if refusal is None:
            refusal = _refuse_by_encoding(scope, body)
        if refusal is not None:
            await refusal(scope, receive, send)
            return
        given = False

        async def once() -> Message:
            nonlocal given
            if given:
                return await receive()
            given = True
            return {"type": "http.request", "body": body, "more_body": False}

        await self.app(scope, once, send)


def _has_body(scope: Scope) -> bool:
    headers = request_headers(scope)
    return b"transfer-encoding" in headers or headers.get(b"content-length", b"0") != b"0"


def _refuse_by_headers(scope: Scope) -> Response | None:
    headers = request_headers(scope)
    kind = headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
    if kind != b"application/json":
        detail = "send Content-Type: application/json"
        return problem(Request(scope), HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", detail)
    length = headers.get(b"content-length", b"")
    return _too_large(scope) if length.isdigit() and int(length) > MAX_BODY_BYTES else None


def _too_large(scope: Scope) -> Response:
    detail = f"the body may have at most {MAX_BODY_BYTES} bytes"
    return problem(Request(scope), HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "body-too-large", detail)


def _too_slow(scope: Scope) -> Response:
    detail = f"the body did not arrive within {BODY_SECONDS:.0f} seconds"
    answer = problem(Request(scope), HTTPStatus.REQUEST_TIMEOUT, "body-too-slow", detail)
    answer.headers["Connection"] = "close"
    return answer


def _refuse_by_encoding(scope: Scope, body: bytes) -> Response | None:
    try:
        body.decode()
    except UnicodeDecodeError as error:
        told = FieldError(field="body", message=f"not UTF-8 (byte {error.start})")
        return problem(Request(scope), HTTPStatus.UNPROCESSABLE_ENTITY, "invalid-request", "body: send UTF-8", [told])
    return None
