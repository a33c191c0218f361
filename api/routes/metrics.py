"""GET /metrics."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST

from api.access import SECURED, require
from api.metrics import exposition
from api.problems import problem_responses
from api.store.keys import Scope

router = APIRouter(tags=["health"])


@router.get("/metrics", response_class=PlainTextResponse, responses=problem_responses(401, 403), openapi_extra=SECURED)
def metrics(http: Request) -> Response:
    """Metrics of all workers of this server, for Prometheus."""
    require(http, Scope.admin)
    return Response(exposition(), media_type=CONTENT_TYPE_LATEST)
