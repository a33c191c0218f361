"""Who may call: API keys with scopes, the sessions of the pages, and the open house while no key was ever made."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlsplit

from fastapi import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from api.csrf import is_forged
from api.keyring import OPEN_HOUSE, Caller
from api.page import SIGN_IN, is_navigation
from api.problems import ProblemError, problem
from api.request_headers import request_headers
from api.service import Service, ServiceDep
from api.sessions import Session, session_token
from api.settings import host_name, is_loopback
from api.store.keys import Scope as KeyScope

CHATWOOT_WEBHOOK = "/integrations/chatwoot"  # Chatwoot has no API key: it signs, and the route checks that.
PUBLIC_PATHS = frozenset({"/healthz", "/readyz", "/docs", "/redoc", "/openapi.json", SIGN_IN, CHATWOOT_WEBHOOK})
PUBLIC_FOLDERS = ("/static-offline-docs/", "/static/")
# A request that carries one came through a proxy, so that the loopback address says nothing of who asks.
FORWARDING_HEADERS = frozenset({b"forwarded", b"x-forwarded-for", b"x-real-ip", b"via"})
SECURITY_SCHEME = "ApiKey"
SECURED: dict[str, Any] = {"security": [{SECURITY_SCHEME: []}]}


class Access:
    """ASGI middleware: 401 without a good key, before the body is read. Every path needs one that is not public.

    A person who only wants to see a page is shown the way to sign in instead.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with its caller, and the browser's session if it has one, in the scope; or refuse it."""
        if scope["type"] == "http" and not _is_public(scope["path"]):
            service = scope["app"].state.service
            session = await find_session(scope, service)
            caller = _caller(scope, service, session)
            if caller is None:
                refusal = _to_sign_in(scope) if is_navigation(scope) else _unauthorized(scope)
                await refusal(scope, receive, send)
                return
            if session is not None and is_forged(scope, session):
                detail = "a change by a page needs its X-CSRF-Token and must come from the page itself"
                await problem(Request(scope), HTTPStatus.FORBIDDEN, "csrf", detail)(scope, receive, send)
                return
            scope["caller"], scope["browser_session"] = caller, session
        await self.app(scope, receive, send)


async def find_session(scope: Scope, service: Service) -> Session | None:
    """The session of the browser that asks; None for callers that bring a key, and when the key was revoked."""
    token = None if _has_key(scope) else session_token(scope)
    session = None if token is None else await service.sessions.find(token)
    return session if session is not None and service.keys.caller_of(session.key_id) is not None else None


def require(request: Request, scope: KeyScope) -> Caller:
    """The caller, who must have the scope.

    Raises:
        ProblemError: 403, the key lacks the scope.
    """
    caller: Caller = request.scope["caller"]
    if scope not in caller.scopes:
        raise ProblemError(HTTPStatus.FORBIDDEN, "missing-scope", f"the key needs the scope {scope}")
    return caller


def counted(scope: KeyScope | None = None) -> Callable[..., Awaitable[Caller]]:
    """For FastAPI's `Depends`: the caller, who must have the scope and be within the rate limit.

    Async, so that it runs on the event loop however the route runs; see `RateLimit`.
    """

    async def dependency(http: Request, service: ServiceDep) -> Caller:
        caller: Caller = http.scope["caller"] if scope is None else require(http, scope)
        await service.rate_limit.take(caller)
        return caller

    return dependency


def _is_public(path: str) -> bool:
    return path in PUBLIC_PATHS or path.startswith(PUBLIC_FOLDERS)


def _has_key(scope: Scope) -> bool:
    return b"authorization" in request_headers(scope)


def _caller(scope: Scope, service: Service, session: Session | None) -> Caller | None:
    ring = service.keys
    if not ring.keys:
        return OPEN_HOUSE if is_at_home(scope, service.settings.cors_origins) else None
    if session is not None:
        return ring.caller_of(session.key_id)
    kind, _, token = request_headers(scope).get(b"authorization", b"").partition(b" ")
    return ring.caller(token.strip().decode("latin-1")) if kind.lower() == b"bearer" else None


def is_at_home(scope: Scope, origins: Collection[str]) -> bool:
    """Whether the request comes from this machine and was meant for it.

    The Host header is looked at because a page in the browser can let its own name point to 127.0.0.1, the Origin
    because any page can send a request without a body there.
    """
    client, server = scope.get("client"), scope.get("server")
    if client is None or server is None or not (is_loopback(client[0]) and is_loopback(server[0])):
        return False
    headers = request_headers(scope)
    if not is_loopback(host_name(scope)) or not FORWARDING_HEADERS.isdisjoint(headers):
        return False
    origin = headers.get(b"origin")
    return origin is None or _is_home_page(origin.decode("latin-1"), origins)


def _is_home_page(origin: str, origins: Collection[str]) -> bool:
    try:
        host = urlsplit(origin).hostname
    except ValueError:  # "http://[" is no origin, and its sender no browser.
        return False
    return origin in origins or (host is not None and is_loopback(host))


def _unauthorized(scope: Scope) -> Response:
    detail = "send Authorization: Bearer with a key made by `shouhou keys create`"
    answer = problem(Request(scope), HTTPStatus.UNAUTHORIZED, "unauthorized", detail)
    answer.headers["WWW-Authenticate"] = "Bearer"
    return answer


def _to_sign_in(scope: Scope) -> Response:
    """The way to sign in. A link on another site comes without the Strict cookie; our own page asks again with it.

    In a help desk's frame that page could not be shown, and the cookie there is not Strict.
    """
    headers = request_headers(scope)
    is_link = headers.get(b"sec-fetch-dest") == b"document"
    if is_link and headers.get(b"sec-fetch-site") == b"cross-site":
        return HTMLResponse('<!doctype html><meta http-equiv="refresh" content="0">')
    query = scope["query_string"].decode("latin-1")
    wanted = scope["path"] + (f"?{query}" if query else "")
    return RedirectResponse(f"{SIGN_IN}?next={quote(wanted)}", HTTPStatus.SEE_OTHER)
