"""The page /sign-in, and POST /sign-in and /sign-out."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

import structlog
from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.exc import SQLAlchemyError

from api.access import find_session, is_at_home
from api.csrf import comes_from_own_page
from api.keyring import Caller
from api.page import SIGN_IN, render
from api.problems import ProblemError
from api.service import ServiceDep
from api.sessions import clear_cookie, set_cookie

router = APIRouter(include_in_schema=False)
HOME = "/"
MAX_ADDRESS = 100  # Characters. The header may be long, and what is counted stays in memory for a minute.
_log = structlog.get_logger()


class SignIn(BaseModel):
    """What the form sends."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    key: Annotated[str, Field(min_length=1, max_length=200)]
    framed: bool = Field(description="whether the page is shown in a help desk's frame")


@router.get(SIGN_IN)
async def sign_in_page(http: Request, service: ServiceDep, next: str = HOME) -> Response:
    """The form; who is signed in already, or needs not to, goes on to where they wanted."""
    wanted = next if _is_own_path(next) else HOME
    is_open = not service.keys.keys
    if is_open and is_at_home(http.scope, service.settings.cors_origins):
        return RedirectResponse(wanted, HTTPStatus.SEE_OTHER)
    if await find_session(http.scope, service) is not None:
        return RedirectResponse(wanted, HTTPStatus.SEE_OTHER)
    is_embedded = wanted.startswith("/embed")
    ancestors = ("'self'", *service.settings.frame_ancestors) if is_embedded else ()
    return render(
        http, "sign_in.html", frame_ancestors=ancestors, next=wanted, is_open=is_open, is_embedded=is_embedded
    )


@router.post(SIGN_IN, status_code=HTTPStatus.NO_CONTENT)
async def sign_in(body: SignIn, http: Request, service: ServiceDep) -> Response:
    """Begin a session with a key."""
    if not comes_from_own_page(http.scope):
        raise ProblemError(HTTPStatus.FORBIDDEN, "csrf", "sign in on the page /sign-in")
    await service.sign_in_limit.take(Caller(_address(http), frozenset()))
    caller = service.keys.caller(body.key.strip())
    if caller is None:
        raise ProblemError(HTTPStatus.UNAUTHORIZED, "unauthorized", "no such key, or it was revoked")
    try:
        session = await service.sessions.begin(caller.owner)
    except SQLAlchemyError as error:
        _log.error("session not begun", error=type(error).__name__)
        raise ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, "store-unreachable", "the store does not answer") from error
    answer = Response(status_code=HTTPStatus.NO_CONTENT)
    set_cookie(http.scope, answer, session.token, framed=body.framed and bool(service.settings.frame_ancestors))
    return answer


@router.post("/sign-out", status_code=HTTPStatus.NO_CONTENT)
async def sign_out(http: Request, service: ServiceDep) -> Response:
    """End the session of this browser."""
    session = http.scope["browser_session"]
    if session is not None:
        await service.sessions.end(session)
    answer = Response(status_code=HTTPStatus.NO_CONTENT)
    clear_cookie(http.scope, answer)
    return answer


def _is_own_path(path: str) -> bool:
    """Whether it leads to a page here: //evil.example and /\\evil.example lead away."""
    return path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable()


def _address(http: Request) -> str:
    """Who tries: behind a proxy, whom the proxy names too. A made-up name only gets its own tries at 256 bits."""
    peer = http.client.host if http.client else ""
    return f"{peer} {http.headers.get('x-forwarded-for', '')}"[:MAX_ADDRESS]
