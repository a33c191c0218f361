"""Errors as application/problem+json (RFC 9457)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, get_args

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.responses import Response

from api.page import is_navigation, render

PROBLEM_JSON = "application/problem+json"
MAX_ERRORS = 20  # A body can have thousands of wrong fields; the answer must not grow with it.


class FieldError(BaseModel):
    """What is wrong with one field of the request."""

    field: str = Field(examples=["context.platform"])
    message: str
    allowed: list[str] | None = None


class Problem(BaseModel):
    """An error answer."""

    type: str = Field(examples=["urn:shouhou:invalid-request"])
    title: str
    status: int
    detail: str
    instance: str
    errors: list[FieldError] | None = None


class ProblemError(Exception):
    """Raised by routes to answer with a problem."""

    def __init__(
        self,
        status: HTTPStatus,
        kind: str,
        detail: str,
        *,
        errors: Sequence[FieldError] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.status = status
        self.kind = kind
        self.detail = detail
        self.errors = errors
        self.headers = headers or {}
        super().__init__(detail)


# Errors that become an answer; every other one is a defect.
Told = ProblemError | HTTPException | RequestValidationError
TOLD = get_args(Told)


def problem(
    request: Request, status: int, kind: str, detail: str, errors: Sequence[FieldError] | None = None
) -> JSONResponse:
    """The answer that tells a problem."""
    body = Problem(
        type=f"urn:shouhou:{kind}",
        title=HTTPStatus(status).phrase,
        status=status,
        detail=detail,
        instance=request.url.path,
        errors=list(errors) if errors else None,
    )
    return JSONResponse(body.model_dump(exclude_none=True), status, media_type=PROBLEM_JSON)


def problem_responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """For OpenAPI: these statuses answer with a problem."""
    content = {PROBLEM_JSON: {"schema": Problem.model_json_schema(ref_template="#/components/schemas/{model}")}}
    content[PROBLEM_JSON]["schema"].pop("$defs", None)
    return {status: {"description": HTTPStatus(status).phrase, "content": content} for status in statuses}


def install(app: FastAPI) -> None:
    """Answer every error of the app with a problem."""

    async def _answer(request: Request, error: Told) -> Response:
        return answer(request, error)

    for kind in TOLD:
        app.add_exception_handler(kind, _answer)  # type: ignore[arg-type]


def answer(request: Request, error: Told) -> Response:
    """The answer that tells an error."""
    if isinstance(error, RequestValidationError):
        fields = [field_error(item) for item in error.errors()[:MAX_ERRORS]]
        detail = "; ".join(f"{field.field}: {field.message}" for field in fields[:3])
        return problem(request, HTTPStatus.UNPROCESSABLE_ENTITY, "invalid-request", detail, fields)
    if is_navigation(request.scope):
        status = HTTPStatus(error.status_code) if isinstance(error, HTTPException) else error.status
        return render(request, "problem.html", status=status)
    if isinstance(error, HTTPException):
        error = _as_problem(error)
    told = problem(request, error.status, error.kind, error.detail, error.errors)
    told.headers.update(error.headers)
    return told


def _as_problem(error: HTTPException) -> ProblemError:
    if error.status_code == HTTPStatus.BAD_REQUEST:  # FastAPI's, for JSON that is nested without end.
        told = FieldError(field="body", message="not readable JSON")
        detail = f"{told.field}: {told.message}"
        return ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid-request", detail, errors=[told])
    status = HTTPStatus(error.status_code)
    return ProblemError(status, status.phrase.lower().replace(" ", "-"), str(error.detail), headers=error.headers)


def field_error(item: dict[str, Any]) -> FieldError:
    """Pydantic's error without the input, which may be personal data."""
    parts = [str(part) for part in item["loc"] if part != "body"]
    name = ".".join(parts) if item["type"] != "json_invalid" else "body"
    context = item.get("ctx") or {}
    if item["type"] == "extra_forbidden":
        return FieldError(field=name, message="unknown field")
    if item["type"] in {"enum", "literal_error"}:
        allowed = [value.strip(" '") for value in str(context["expected"]).replace(" or ", ",").split(",")]
        return FieldError(field=name, message=f"must be one of {', '.join(allowed)}", allowed=allowed)
    if item["type"] == "json_invalid":
        return FieldError(field="body", message=f"not valid JSON: {context.get('error', '')}".rstrip(": "))
    return FieldError(field=name or "body", message=str(item["msg"]).removeprefix("Value error, "))
