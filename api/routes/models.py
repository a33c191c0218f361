"""GET /v1/model and POST /v1/model/reload."""

from __future__ import annotations

from http import HTTPStatus

from fastapi import APIRouter, Request
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool

from api.access import SECURED, require
from api.problems import ProblemError, problem_responses
from api.service import ServiceDep
from api.store.keys import Scope
from model.errors import InputError
from model.registry import Manifest

router = APIRouter(tags=["model"])


class Reloaded(BaseModel):
    """What this worker serves now; the others follow within a second."""

    model_version: str
    before: str


@router.get("/model", responses=problem_responses(401), openapi_extra=SECURED)
async def model(service: ServiceDep) -> Manifest:
    """The model in use: version, training data fingerprint, held-out metrics, tokenizer."""
    return service.model.state.manifest


@router.post("/model/reload", responses=problem_responses(401, 403, 408, 409, 413, 415, 422), openapi_extra=SECURED)
async def reload(service: ServiceDep, http: Request) -> Reloaded:
    """Take the promoted version without dropping a request. A broken one is told; the old one goes on serving."""
    require(http, Scope.admin)
    before = service.model.state.manifest.version
    try:
        await run_in_threadpool(service.model.reload)
    except InputError as error:
        detail = f"{error.problem}; {before} goes on serving"
        raise ProblemError(HTTPStatus.CONFLICT, "model-not-loaded", detail) from error
    return Reloaded(model_version=service.model.state.manifest.version, before=before)
