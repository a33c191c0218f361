"""Pages: Jinja2 templates in api/pages, with the headers that browsers hold them to."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from api.keyring import Caller
from api.request_headers import request_headers
from api.security_headers import page_headers
from api.store.keys import Scope as KeyScope

SIGN_IN = "/sign-in"
WEB_COMPONENT = "shouhou-panel.js"
_FOLDER = Path(__file__).parent / "pages"
_templates = Environment(
    loader=FileSystemLoader(_FOLDER), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
)


@dataclass(frozen=True, slots=True)
class Link:
    """A page in the navigation, for callers that have the scope."""

    path: str
    name: str
    scope: KeyScope | None


NAVIGATION = (
    Link("/", "参谋", KeyScope.recommend),
    Link("/review", "标注", KeyScope.admin),
    Link("/insights", "数据看板", KeyScope.admin),
    Link("/playbook", "话术与规则", None),
)


def is_navigation(scope: Scope) -> bool:
    """Whether a person wants to see a page; programs ask for JSON or for anything."""
    return scope["method"] == "GET" and b"text/html" in request_headers(scope).get(b"accept", b"")


def render(
    request: Request,
    template: str,
    *,
    status: HTTPStatus = HTTPStatus.OK,
    frame_ancestors: tuple[str, ...] = (),
    **values: Any,
) -> HTMLResponse:
    """A page from its template, which extends layout.html.

    Args:
        frame_ancestors: origins whose pages may show it in a frame; none may otherwise.
        values: what the template names.
    """
    caller: Caller | None = request.scope.get("caller")
    session = request.scope.get("browser_session")
    key = request.app.state.service.keys.keys.get(caller.owner) if caller else None
    html = _templates.get_template(template).render(
        links=[link for link in NAVIGATION if caller and (link.scope is None or link.scope in caller.scopes)],
        here=request.url.path,
        status=status,
        signed_in_as=key.name if session and key else None,
        csrf_token=session.csrf_token if session else "",
        **values,
    )
    return HTMLResponse(html, status, page_headers(frame_ancestors))


class PageFiles(StaticFiles):
    """Scripts and styles of the pages. Browsers ask each time whether they changed, so that an update is whole."""

    def __init__(self) -> None:
        super().__init__(directory=_FOLDER / "static")

    def file_response(self, *arguments: Any, **named: Any) -> Response:
        """Starlette's hook for every file."""
        answer = super().file_response(*arguments, **named)
        answer.headers["Cache-Control"] = "no-cache"
        if arguments and Path(arguments[0]).name == WEB_COMPONENT:  # Modules of another origin are fetched with CORS.
            answer.headers["Access-Control-Allow-Origin"] = "*"
        return answer
