"""The agent's panel: on a page of its own, and in the frames of help desks."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from api.access import require
from api.context_form import context_form
from api.page import render
from api.schemas import MAX_HISTORY
from api.service import Service, ServiceDep
from api.store.keys import Scope
from model.playbook.catalogue import PAYER_NAMES
from model.playbook.kinds import REMEDY_NAMES
from model.playbook.templates import STAGE_NAMES
from model.text import MAX_MESSAGE_CHARS

router = APIRouter(include_in_schema=False)
OWN_ORIGIN = "'self'"
OPEN = {"": "待问清"}  # A leg of the freight that the facts leave open.


@router.get("/")
async def panel_page(http: Request, service: ServiceDep) -> HTMLResponse:
    """The panel on a page of its own."""
    return render(http, "panel.html", **_panel(http, service))


@router.get("/embed")
async def embed_page(http: Request, service: ServiceDep) -> HTMLResponse:
    """The panel in the frame that <shouhou-panel> makes, in a help desk's page or a page of this service."""
    return _embedded(http, service, "embed.js", (OWN_ORIGIN, *service.settings.frame_ancestors))


@router.get("/embed/chatwoot")
async def chatwoot_page(http: Request, service: ServiceDep) -> HTMLResponse:
    """The panel as a Dashboard App of Chatwoot."""
    return _embedded(http, service, "chatwoot.js", service.settings.frame_ancestors)


@router.get("/examples/help-desk")
async def example_page(http: Request) -> HTMLResponse:
    """A help desk that embeds the panel, for those who write plug-ins."""
    return render(http, "example_help_desk.html")


def _embedded(http: Request, service: Service, script: str, frame_ancestors: tuple[str, ...]) -> HTMLResponse:
    return render(
        http,
        "embed.html",
        frame_ancestors=frame_ancestors,
        script=script,
        hosts=service.settings.frame_ancestors,
        **_panel(http, service),
    )


def _panel(http: Request, service: Service) -> dict[str, Any]:
    """What the panel's templates name, and the words that its script needs."""
    caller = require(http, Scope.recommend)
    recommender = service.model.state.recommender
    book, taxonomy = recommender.playbook, recommender.classifier.taxonomy
    return {
        "sections": context_form(book.value_names),
        "taxonomy": taxonomy,
        "can_tell": Scope.feedback in caller.scopes,
        "vocabulary": {
            "remedies": REMEDY_NAMES,
            "stages": STAGE_NAMES,
            "payers": PAYER_NAMES | OPEN,
            "groups": {group.code: group.name for group in taxonomy.groups},
            "facts": book.fact_names,
            "fieldOfQuestion": {question: fact for fact, question in reversed(book.questions.items())},
            "maxMessage": MAX_MESSAGE_CHARS,
            "maxHistory": MAX_HISTORY,
        },
    }
