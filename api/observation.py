"""Request ids, metrics and logs; the last stop of every unforeseen error."""

from __future__ import annotations

import itertools
import re
import secrets
import time
from http import HTTPStatus

import structlog
from fastapi import Request
from prometheus_client import Counter, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api import metrics
from api.problems import problem
from model.redaction import find

REQUEST_ID = b"x-request-id"
# A client's id is logged, so that one that looks like a telephone number is not taken.
_ID_SHAPE = re.compile(rb"[A-Za-z0-9._-]{1,64}\Z")
_METHODS = frozenset({"GET", "POST", "OPTIONS", "HEAD", "PUT", "PATCH", "DELETE"})
_log = structlog.get_logger()


class Observation:
    """ASGI middleware, outermost. Logs name route, status and time, never a body or a query."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self._prefix = secrets.token_hex(6)
        self._numbers = itertools.count()
        self._bound: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and note how it went."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began = time.perf_counter()
        request_id = self._request_id(scope)
        status = 0

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"].append((REQUEST_ID, request_id))
            await send(message)

        try:
            await self.app(scope, receive, noting)
        except Exception:
            _log.exception("unforeseen error", request_id=request_id.decode(), route=_route(scope))
            if status:  # The answer has begun: only cutting the connection tells the client.
                raise
            detail = "an unforeseen error; it is logged under the request id"
            answer = problem(Request(scope), HTTPStatus.INTERNAL_SERVER_ERROR, "internal-error", detail)
            await answer(scope, receive, noting)
        finally:
            self._note(scope, status, time.perf_counter() - began, request_id)

    def _request_id(self, scope: Scope) -> bytes:
        for name, value in scope["headers"]:
            if name == REQUEST_ID and _ID_SHAPE.match(value) and not find(value.decode()):
                return bytes(value)
        return f"{self._prefix}-{next(self._numbers):x}".encode()

    def _note(self, scope: Scope, status: int, seconds: float, request_id: bytes) -> None:
        method = scope["method"] if scope["method"] in _METHODS else "other"
        route = _route(scope)
        bound = self._bound.get((method, route, status))
        if bound is None:
            bound = metrics.REQUESTS.labels(method, route, str(status)), metrics.DURATION.labels(method, route)
            self._bound[method, route, status] = bound
        bound[0].inc()
        bound[1].observe(seconds)
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            _log.error("request failed", request_id=request_id.decode(), route=route, status=status)


def _route(scope: Scope) -> str:
    """The path with its parameters' names; "none" where no route is: the client's own words would make endless series.

    FastAPI's route object knows its path without the prefix of the router that it was included by.
    """
    if "route" not in scope:
        return "none"
    path: str = scope["path"]
    for name, value in scope.get("path_params", {}).items():
        path = path.replace(str(value), f"{{{name}}}")
    return path
