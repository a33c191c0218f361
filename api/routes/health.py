"""GET /healthz and /readyz."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel

from api.problems import ProblemError, problem_responses
from api.service import ServiceDep
from api.store.database import is_reachable

router = APIRouter(tags=["health"])
STORE_SECONDS = 4.0


class Health(BaseModel):
    """The process answers."""

    status: Literal["ok"] = "ok"


class Readiness(Health):
    """A model is loaded and the store answers."""

    model_version: str
    model_problem: str | None


@router.get("/healthz")
async def healthz() -> Health:
    """Whether the process is alive."""
    return Health()


@router.get("/readyz", responses=problem_responses(503))
async def readyz(service: ServiceDep) -> Readiness:
    """Whether a model is loaded and the store reachable; `model_problem` tells why a promoted version is not served.

    Recommendations are answered, unrecorded, even while the store is away.
    """
    try:
        reachable = await asyncio.wait_for(asyncio.to_thread(is_reachable, service.engine), STORE_SECONDS)
    except TimeoutError:
        reachable = False
    if not reachable:
        raise ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, "store-unreachable", "the store does not answer")
    return Readiness(model_version=service.model.state.manifest.version, model_problem=service.model.problem)
