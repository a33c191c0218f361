"""GET /v1/playbook, and the same as a page that people can read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from fastapi.templating import Jinja2Templates
from pydantic import BaseModel

from api.state import ModelDep
from model.playbook.catalogue import Catalogue, catalogue

router = APIRouter(tags=["playbook"])
page = APIRouter(include_in_schema=False)
_pages = Jinja2Templates(directory=Path(__file__).parent.parent / "pages")


class PlaybookAnswer(BaseModel):
    """Rules by kind and templates by issue, each with its source."""

    rules: dict[str, list[dict[str, Any]]]
    templates: list[dict[str, Any]]


@router.get("/playbook")
def playbook(model: ModelDep) -> PlaybookAnswer:
    """All rules and templates in use, with their conditions and sources."""
    listed = _catalogue(model)
    return PlaybookAnswer(
        rules={kind.code: [entry.as_json() for entry in kind.entries] for kind in listed.kinds},
        templates=[entry.as_json() for issue in listed.issues for entry in issue.entries],
    )


@page.get("/playbook")
def playbook_page(request: Request, model: ModelDep) -> HTMLResponse:
    """The playbook for people: rules by kind, templates by issue."""
    return _pages.TemplateResponse(request, "playbook.html", {"book": _catalogue(model)})


def _catalogue(model: ModelDep) -> Catalogue:
    recommender = model.recommender
    return catalogue(recommender.playbook, recommender.classifier.taxonomy)
