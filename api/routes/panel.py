"""The agent's panel."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from api.access import require
from api.page import render
from api.store.keys import Scope

router = APIRouter(include_in_schema=False)


@router.get("/")
async def panel_page(http: Request) -> HTMLResponse:
    """The panel on a page of its own."""
    require(http, Scope.recommend)
    return render(http, "panel.html")
