"""Headers that tell browsers what these answers are not for."""

from __future__ import annotations

from secure import CacheControl, ContentSecurityPolicy, ReferrerPolicy, Secure, XContentTypeOptions, XFrameOptions
from starlette.types import ASGIApp, Message, Receive, Scope, Send

PAGES = frozenset({"/docs", "/redoc", "/playbook"})


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
# FastAPI's documentation pages start themselves by an inline script; the playbook's page brings its own style.
_PAGE = _encoded(
    ContentSecurityPolicy()
    .default_src("'self'")
    .script_src("'self'", "'unsafe-inline'")
    .style_src("'self'", "'unsafe-inline'")
    .img_src("'self'", "data:")
    .worker_src("'self'", "blob:")
)


class SecurityHeaders:
    """ASGI middleware: adds the headers to every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = _PAGE if scope["path"] in PAGES else _ANSWER

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"].extend(headers)
            await send(message)

        await self.app(scope, receive, with_headers)
