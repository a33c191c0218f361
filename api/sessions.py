"""Who signed in to the pages: a random token in a cookie, looked up in the store and remembered for a moment.

A session is worth what its key is worth: it has the key's scopes, and ends within a second or two of the key's end.
"""

from __future__ import annotations

import asyncio
import hmac
import time
from dataclasses import dataclass

import structlog
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.types import Scope

from api.request_headers import request_headers
from api.settings import host_name, is_loopback
from api.store.clock import now_ms
from api.store.sessions import LIFETIME_SECONDS, StoredSession, begin_session, end_session, find_session

REMEMBERED_SECONDS = 2.0  # A sign-out counts this soon in every worker, and a page's requests ask the store once.
MAX_REMEMBERED = 10_000
COOKIE = "shouhou-session"
# The prefix makes browsers refuse the cookie unless it is Secure and this host's alone; plain http cannot have it.
SECURE_COOKIE = f"__Host-{COOKIE}"
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Session:
    """A browser that signed in with a key."""

    token: str
    key_id: str

    @property
    def csrf_token(self) -> str:
        """What a page of this session sends with every change; whoever has not the cookie cannot know it."""
        return hmac.digest(self.token.encode(), b"csrf", "sha256").hex()


@dataclass
class Sessions:
    """The sessions in the store, and those lately seen."""

    engine: Engine

    def __post_init__(self) -> None:
        self._seen: dict[str, tuple[StoredSession, float]] = {}

    async def begin(self, key_id: str) -> Session:
        """Sign in with a key."""
        return Session(await asyncio.to_thread(begin_session, self.engine, key_id), key_id)

    async def end(self, session: Session) -> None:
        """Sign out."""
        self._seen.pop(session.token, None)
        await asyncio.to_thread(end_session, self.engine, session.token)

    async def find(self, token: str) -> Session | None:
        """The session of a token. While the store does not answer, those lately seen go on."""
        seen, seen_at = self._seen.get(token, (None, 0.0))
        if seen is None or time.monotonic() - seen_at > REMEMBERED_SECONDS:
            try:
                seen = await asyncio.to_thread(find_session, self.engine, token)
            except SQLAlchemyError as error:
                _log.warning("session not looked up", error=type(error).__name__)
            if seen is None:
                self._seen.pop(token, None)
                return None
            if len(self._seen) >= MAX_REMEMBERED:
                self._seen.clear()
            self._seen[token] = seen, time.monotonic()
        return Session(token, seen.key_id) if seen.expires_at_ms > now_ms() else None


def session_token(scope: Scope) -> str | None:
    """The token in a request's cookie: off this machine only the one that no other host can have set."""
    if b"cookie" not in request_headers(scope):
        return None
    name = COOKIE if is_loopback(host_name(scope)) else SECURE_COOKIE
    return HTTPConnection(scope).cookies.get(name)


def set_cookie(scope: Scope, answer: Response, token: str, *, framed: bool) -> None:
    """Give the browser its token.

    SameSite=Strict keeps the cookie out of every request that another site causes. In the frame of a help desk of
    another site it would never be sent; a sign-in made there gets a cookie of its own that the browser keeps for
    frames in this help desk alone (Partitioned).
    """
    name, attributes = _kind(scope, framed=framed)
    answer.headers.append("Set-Cookie", f"{name}={token}; Max-Age={LIFETIME_SECONDS}; {attributes}")


def clear_cookie(scope: Scope, answer: Response) -> None:
    """Take it back, of whichever kind it is."""
    for framed in (False, True):
        name, attributes = _kind(scope, framed=framed)
        answer.headers.append("Set-Cookie", f"{name}=; Max-Age=0; {attributes}")


def _kind(scope: Scope, *, framed: bool) -> tuple[str, str]:
    """Name and attributes. Browsers take no Secure cookie over plain http, which only this machine may speak."""
    if is_loopback(host_name(scope)):
        return COOKIE, "Path=/; HttpOnly; SameSite=Strict"
    if framed:
        return SECURE_COOKIE, "Path=/; HttpOnly; Secure; SameSite=None; Partitioned"
    return SECURE_COOKIE, "Path=/; HttpOnly; Secure; SameSite=Strict"
