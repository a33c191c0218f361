"""Requests that another site makes the browser send, with the cookie of a session in them."""

from __future__ import annotations

import hmac

from starlette.types import Scope

from api.request_headers import request_headers
from api.sessions import Session

CSRF_HEADER = b"x-csrf-token"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def is_forged(scope: Scope, session: Session) -> bool:
    """Whether a change was not asked for by a page of this session: it needs both the right place and the token."""
    if scope["method"] in SAFE_METHODS:
        return False
    token = request_headers(scope).get(CSRF_HEADER, b"")
    return not (comes_from_own_page(scope) and hmac.compare_digest(token, session.csrf_token.encode()))


def comes_from_own_page(scope: Scope) -> bool:
    """Whether the browser says that a page of this service sent it. Sec-Fetch-Site is what pages cannot fake."""
    headers = request_headers(scope)
    site = headers.get(b"sec-fetch-site")
    if site is not None:
        return bool(site == b"same-origin")
    origin, host = headers.get(b"origin", b"").decode("latin-1"), headers.get(b"host", b"").decode("latin-1")
    return bool(host) and origin.partition("://")[2] == host
