"""The short way from a JSON body to a JSON answer, for routes that are called all day.

FastAPI's own handler decodes the body into Python values, then validates them, and encodes the answer in two steps.
This one leaves both to pydantic-core in one step each; documentation, errors and middlewares stay FastAPI's.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, get_type_hints

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from api import problems

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class JsonAnswer(Response):
    """An answer whose body comes after its headers; Starlette's own makes a body of nothing first."""

    def __init__(self) -> None:  # All that Starlette's `__call__` needs.
        self.status_code = 200
        self.background = None
        self.raw_headers = [(b"content-type", b"application/json")]

    def tell(self, name: str, value: bool) -> None:
        """Add a header that is `true` or `false`."""
        self.raw_headers.append((name.lower().encode(), b"true" if value else b"false"))


class LeanRoute(APIRoute):
    """A route whose endpoint is `async (body: Model, http: Request, answer: JsonAnswer) -> Value`."""

    def get_route_handler(self) -> Handler:
        """FastAPI's hook."""
        endpoint: Callable[..., Awaitable[object]] = self.endpoint
        hints = get_type_hints(endpoint, include_extras=True)
        bodies: TypeAdapter[object] = TypeAdapter(hints["body"])
        answers: TypeAdapter[object] = TypeAdapter(hints["return"])

        async def handle(request: Request) -> Response:
            raw = (await request.receive()).get("body", b"")  # Whole: `JsonBody` has read it, if there is one.
            try:
                body = bodies.validate_json(raw)
            except ValidationError as error:
                body = _validate_loosely(bodies, raw, error)
            answer = JsonAnswer()
            answer.body = _encode(answers, await endpoint(body, request, answer))
            answer.raw_headers.append((b"content-length", str(len(answer.body)).encode()))
            return answer

        return handle


class LeanRoutes:
    """ASGI middleware, the innermost: goes straight to a lean route, which FastAPI would find by asking every router.

    Half of what FastAPI does for a request is for dependencies that clean up after themselves; lean routes have none,
    neither of their own nor of the router that they are included by.
    """

    def __init__(self, app: ASGIApp, prefix: str, routes: Sequence[BaseRoute]) -> None:
        self.app = app
        self._handlers: dict[tuple[str, str], tuple[LeanRoute, Handler]] = {
            (method, prefix + route.path): (route, route.get_route_handler())
            for route in routes
            if isinstance(route, LeanRoute)
            for method in route.methods or ()
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request, or pass it on."""
        found = self._handlers.get((scope["method"], scope["path"])) if scope["type"] == "http" else None
        if found is None:
            await self.app(scope, receive, send)
            return
        scope["route"], handle = found
        request = Request(scope, receive)
        try:
            response = await handle(request)
        except problems.TOLD as error:
            response = problems.answer(request, error)
        await response(scope, receive, send)


def _validate_loosely(bodies: TypeAdapter[object], raw: bytes, strict_error: ValidationError) -> object:
    """What pydantic-core refuses as JSON but Python's decoder reads: escaped halves of emoji, which phones do send."""
    errors = strict_error.errors(include_url=False)
    try:
        if errors[0]["type"] == "json_invalid":
            return bodies.validate_python(json.loads(raw))
    except ValidationError as error:
        errors = error.errors(include_url=False)
    except (ValueError, RecursionError):
        pass
    raise RequestValidationError(errors)


def _encode(answers: TypeAdapter[object], value: object) -> bytes:
    try:
        return answers.dump_json(value, by_alias=True)
    except PydanticSerializationError:  # A half of an emoji has no UTF-8, but an escape in JSON.
        return json.dumps(answers.dump_python(value, mode="python", by_alias=True), default=str).encode()
