"""Who may call: API keys with scopes, and the open house on loopback while no key was ever made."""

from __future__ import annotations

from collections.abc import Collection
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from fastapi import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from api.keyring import OPEN_HOUSE, Caller, KeyRing
from api.problems import ProblemError, problem
from api.settings import is_loopback
from api.store.keys import Scope as KeyScope

CHATWOOT_WEBHOOK = "/integrations/chatwoot"  # Chatwoot has no API key: it signs, and the route checks that.
PUBLIC_PATHS = frozenset({"/healthz", "/readyz", "/docs", "/redoc", "/openapi.json", CHATWOOT_WEBHOOK})
PUBLIC_FOLDER = "/static-offline-docs/"
# A request that carries one came through a proxy, so that the loopback address says nothing of who asks.
FORWARDING_HEADERS = (b"forwarded", b"x-forwarded-for", b"x-real-ip", b"via")
SECURITY_SCHEME = "ApiKey"
SECURED: dict[str, Any] = {"security": [{SECURITY_SCHEME: []}]}


class Access:
    """ASGI middleware: 401 without a good key, before the body is read. Every path needs one that is not public."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with its caller in the scope, or refuse it."""
        if scope["type"] == "http" and scope["path"] not in PUBLIC_PATHS and not _is_public_file(scope["path"]):
            service = scope["app"].state.service
            caller = _caller(scope, service.keys, service.settings.cors_origins)
            if caller is None:
                await _unauthorized(scope)(scope, receive, send)
                return
            scope["caller"] = caller
        await self.app(scope, receive, send)


def require(request: Request, scope: KeyScope) -> Caller:
    """The caller, who must have the scope.

    Raises:
        ProblemError: 403, the key lacks the scope.
    """
    caller: Caller = request.scope["caller"]
    if scope not in caller.scopes:
        raise ProblemError(HTTPStatus.FORBIDDEN, "missing-scope", f"the key needs the scope {scope}")
    return caller


def _is_public_file(path: str) -> bool:
    return path.startswith(PUBLIC_FOLDER)


def _caller(scope: Scope, ring: KeyRing, origins: Collection[str]) -> Caller | None:
    headers = dict(scope["headers"])
    if not ring.keys:
        return OPEN_HOUSE if _is_at_home(scope, headers, origins) else None
    kind, _, token = headers.get(b"authorization", b"").partition(b" ")
    return ring.caller(token.strip().decode("latin-1")) if kind.lower() == b"bearer" else None


def _is_at_home(scope: Scope, headers: dict[bytes, bytes], origins: Collection[str]) -> bool:
    """Whether the request comes from this machine and was meant for it.

    The Host header is looked at because a page in the browser can let its own name point to 127.0.0.1, the Origin
    because any page can send a request without a body there.
    """
    client, server = scope.get("client"), scope.get("server")
    if client is None or server is None or not (is_loopback(client[0]) and is_loopback(server[0])):
        return False
    host = headers.get(b"host", b"").decode("latin-1")
    name = host[: host.index("]") + 1] if host.startswith("[") and "]" in host else host.partition(":")[0]
    if not is_loopback(name.lower()) or any(header in headers for header in FORWARDING_HEADERS):
        return False
    origin = headers.get(b"origin")
    return origin is None or _is_home_page(origin.decode("latin-1"), origins)


def _is_home_page(origin: str, origins: Collection[str]) -> bool:
    host = urlsplit(origin).hostname
    return origin in origins or (host is not None and is_loopback(host))


def _unauthorized(scope: Scope) -> Response:
    detail = "send Authorization: Bearer with a key made by `shouhou keys create`"
    answer = problem(Request(scope), HTTPStatus.UNAUTHORIZED, "unauthorized", detail)
    answer.headers["WWW-Authenticate"] = "Bearer"
    return answer
