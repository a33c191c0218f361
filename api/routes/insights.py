"""The insights for those who run the shop: one page, its plots, its tables as files."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

import structlog
from anyio import BrokenWorkerProcess
from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse, Response
from sqlalchemy.exc import SQLAlchemyError

from api.access import require
from api.insights.date_range import MAX_DAYS, DateRange, DateRangeError, latest, parse_range, today
from api.insights.overview import Overview
from api.insights.sections import Names, Section, sections
from api.page import render
from api.problems import ProblemError
from api.security_headers import PICTURE_HEADERS
from api.service import Service, ServiceDep
from api.store.keys import Scope

router = APIRouter(include_in_schema=False)
SHORTCUTS = {"近 7 天": 7, "近 30 天": 30, "近 90 天": 90, "近一年": 365}
First = Annotated[str, Query(alias="from", max_length=40)]
Last = Annotated[str, Query(alias="to", max_length=40)]
_log = structlog.get_logger()


@router.get("/insights")
async def insights_page(http: Request, service: ServiceDep, first: First = "", last: Last = "") -> HTMLResponse:
    """Everything on one page; a wrong range is told beside its fields."""
    require(http, Scope.admin)
    problem, overview, shown = "", None, list[Section]()
    try:
        period = parse_range(first, last)
    except DateRangeError as error:
        problem = str(error)
    else:
        first, last = str(period.first), str(period.last)
        overview, shown = await _sections(service, period)
    return render(
        http,
        "insights.html",
        status=HTTPStatus.UNPROCESSABLE_ENTITY if problem else HTTPStatus.OK,
        shortcuts=[(name, latest(days)) for name, days in SHORTCUTS.items()],
        today=today(),
        max_days=MAX_DAYS,
        first=first,
        last=last,
        problem=problem,
        overview=overview,
        sections=shown,
    )


def _asked_range(first: First = "", last: Last = "") -> DateRange:
    try:
        return parse_range(first, last)
    except DateRangeError as error:
        raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid-request", f"from, to: {error}") from error


Period = Annotated[DateRange, Depends(_asked_range)]


@router.get("/insights/{name}.svg")
async def plot(
    name: str, http: Request, service: ServiceDep, period: Period, dark: bool = False, narrow: bool = False
) -> Response:
    """The plot of a section, for a light or dark, wide or narrow page."""
    require(http, Scope.admin)
    _, shown = await _sections(service, period)
    found = next((section.plot for section in shown if section.name == name and section.plot), None)
    if found is None:
        raise ProblemError(HTTPStatus.NOT_FOUND, "not-found", "no such plot for these days")
    try:
        picture = await service.drawer.draw(found, is_dark=dark, is_narrow=narrow)
    except BrokenWorkerProcess as error:  # Killed, for lack of memory perhaps; the next plot starts another.
        _log.error("plot not drawn", plot=name)
        raise ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, "not-drawn", "the plot was not drawn; try again") from error
    return Response(picture, media_type="image/svg+xml", headers=PICTURE_HEADERS)


@router.get("/insights/{name}.csv")
async def table(name: str, http: Request, service: ServiceDep, period: Period) -> Response:
    """A table as a file for spreadsheets."""
    require(http, Scope.admin)
    _, shown = await _sections(service, period)
    tables = {found.name: found for section in shown for found in (section.table, *section.more) if found}
    if name not in tables:
        raise ProblemError(HTTPStatus.NOT_FOUND, "not-found", "no such table for these days")
    file = f"shouhou-{name}-{period.first}-{period.last}.csv"
    headers = {"Content-Disposition": f'attachment; filename="{file}"'}
    return Response(tables[name].as_csv(), media_type="text/csv; charset=utf-8", headers=headers)


async def _sections(service: Service, period: DateRange) -> tuple[Overview, list[Section]]:
    try:
        overview = await service.overviews.get(period)
    except SQLAlchemyError as error:
        _log.error("insights not counted", error=type(error).__name__)
        raise ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, "store-unreachable", "the store does not answer") from error
    recommender = service.model.state.recommender
    names = Names(recommender.classifier.taxonomy, recommender.playbook)
    return overview, sections(overview, names, service.template_record)
