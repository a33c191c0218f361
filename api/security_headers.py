"""Headers that tell browsers what these answers are not for."""

from __future__ import annotations

from functools import lru_cache

from secure import CacheControl, ContentSecurityPolicy, ReferrerPolicy, Secure, XContentTypeOptions, XFrameOptions
from starlette.types import ASGIApp, Message, Receive, Scope, Send

DOCUMENTATION = frozenset({"/docs", "/redoc"})


def page_headers(frame_ancestors: tuple[str, ...] = ()) -> dict[str, str]:
    """Headers of a page: scripts, styles and pictures are this service's files, and nothing else runs.

    Args:
        frame_ancestors: origins whose pages may show it in a frame; none may otherwise.
    """
    return dict(_page_headers(frame_ancestors))


@lru_cache
def _page_headers(frame_ancestors: tuple[str, ...]) -> dict[str, str]:
    policy = (
        ContentSecurityPolicy()
        .default_src("'none'")
        .script_src("'self'")
        .style_src("'self'")
        .img_src("'self'")
        .connect_src("'self'")
        .frame_src("'self'")
        .form_action("'self'")
        .base_uri("'none'")
        .frame_ancestors(*(frame_ancestors or ("'none'",)))
        .require_trusted_types_for("'script'")
        .trusted_types("'none'")
    )
    headers = Secure(
        csp=policy,
        cache=CacheControl().no_store(),
        # The own origin must be told: without it a browser sends "Origin: null" with a form.
        referrer=ReferrerPolicy().same_origin(),
        xcto=XContentTypeOptions().nosniff(),
        # Where a CSP names frame-ancestors, browsers do not look at this one.
        xfo=XFrameOptions().sameorigin() if frame_ancestors else XFrameOptions().deny(),
    )
    return dict(headers.headers)


def _encoded(policy: ContentSecurityPolicy) -> list[tuple[bytes, bytes]]:
    headers = Secure(
        csp=policy.frame_ancestors("'none'").base_uri("'none'"),
        cache=CacheControl().no_store(),
        referrer=ReferrerPolicy().no_referrer(),
        xcto=XContentTypeOptions().nosniff(),
        xfo=XFrameOptions().deny(),
    )
    return [(name.lower().encode(), value.encode()) for name, value in headers.headers.items()]


_ANSWER = _encoded(ContentSecurityPolicy().default_src("'none'"))
# FastAPI's documentation pages start themselves by an inline script.
_DOCUMENTATION = _encoded(
    ContentSecurityPolicy()
    .default_src("'self'")
    .script_src("'self'", "'unsafe-inline'")
    .style_src("'self'", "'unsafe-inline'")
    .img_src("'self'", "data:")
    .worker_src("'self'", "blob:")
)


# An SVG file of its own runs nothing, but has its colours in style attributes.
PICTURE_HEADERS = {
    name.decode(): value.decode()
    for name, value in _encoded(ContentSecurityPolicy().default_src("'none'").style_src("'unsafe-inline'"))
}


class SecurityHeaders:
    """ASGI middleware: adds the headers to every answer that does not bring its own."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = _DOCUMENTATION if scope["path"] in DOCUMENTATION else _ANSWER

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = {name for name, _ in message["headers"]}
                message["headers"] += [header for header in headers if header[0] not in given]
            await send(message)

        await self.app(scope, receive, with_headers)
