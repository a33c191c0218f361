"""GET /v1/playbook, and the same as a page that people can read."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, ConfigDict

from api.access import SECURED, counted
from api.page import render
from api.problems import problem_responses
from api.schemas import MessageText
from api.service import ServiceDep
from model.playbook.compliance import Violation

router = APIRouter(tags=["playbook"])
page = APIRouter(include_in_schema=False)


class PlaybookAnswer(BaseModel):
    """Rules by kind and templates by issue, each with its source."""

    rules: dict[str, list[dict[str, Any]]]
    templates: list[dict[str, Any]]


@router.get("/playbook", responses=problem_responses(401), openapi_extra=SECURED)
def playbook(service: ServiceDep) -> PlaybookAnswer:
    """All rules and templates in use, with their conditions and sources."""
    listed = service.model.state.recommender.catalogue
    return PlaybookAnswer(
        rules={kind.code: [entry.as_json() for entry in kind.entries] for kind in listed.kinds},
        templates=[entry.as_json() for issue in listed.issues for entry in issue.entries],
    )


class Draft(BaseModel):
    """A reply that an agent means to send."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    text: MessageText


class CheckAnswer(BaseModel):
    """What the draft says that it must not; empty: it may be sent."""

    violations: list[Violation]


@router.post(
    "/playbook/check",
    dependencies=[Depends(counted())],
    responses=problem_responses(401, 408, 413, 415, 422, 429),
    openapi_extra=SECURED,
)
def check(draft: Draft, service: ServiceDep) -> CheckAnswer:
    """The compliance check that all templates pass, for a draft. Offsets count Unicode code points."""
    return CheckAnswer(violations=list(service.model.state.recommender.playbook.compliance.check(draft.text)))


@page.get("/playbook")
def playbook_page(request: Request, service: ServiceDep) -> HTMLResponse:
    """The playbook for people: rules by kind, templates by issue."""
    book = service.model.state.recommender.catalogue
    total = sum(len(section.entries) for section in (*book.kinds, *book.issues))
    return render(request, "playbook.html", book=book, total=total)
