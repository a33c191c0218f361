"""A request's headers by name."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.types import Scope

_KEY = "shouhou.headers"


def request_headers(scope: Scope) -> Mapping[bytes, bytes]:
    """The headers by their names in lower case, made once a request; of several with one name the last."""
    headers: Mapping[bytes, bytes] | None = scope.get(_KEY)
    if headers is None:
        headers = scope[_KEY] = dict(scope["headers"])
    return headers
