"""The short way from a JSON body to a JSON answer, for routes that are called all day.

FastAPI's own handler decodes the body into Python values, then validates them, and encodes the answer in two steps.
This one leaves both to pydantic-core in one step each; documentation, errors and middlewares stay FastAPI's.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, get_type_hints

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError

JSON = "application/json"


class LeanRoute(APIRoute):
    """A route whose endpoint is `async (body: Model, http: Request, answer: Response) -> Value`."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """FastAPI's hook."""
        endpoint: Callable[..., Awaitable[object]] = self.endpoint
        hints = get_type_hints(endpoint, include_extras=True)
        bodies: TypeAdapter[object] = TypeAdapter(hints["body"])
        answers: TypeAdapter[object] = TypeAdapter(hints["return"])

        async def handle(request: Request) -> Response:
            raw = await request.body()
            try:
                body = bodies.validate_json(raw)
            except ValidationError as error:
                body = _validate_loosely(bodies, raw, error)
            response = Response(media_type=JSON)
            value = await endpoint(body, request, response)
            response.body = _encode(answers, value)
            response.headers["content-length"] = str(len(response.body))
            return response

        return handle


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
