"""GET /healthz and /readyz."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel

from api.state import ModelDep

router = APIRouter(tags=["health"])


class Health(BaseModel):
    """The process answers."""

    status: Literal["ok"] = "ok"


class Readiness(Health):
    """A model is loaded and answers can be given."""

    model_version: str


@router.get("/healthz")
def healthz() -> Health:
    """Whether the process is alive."""
    return Health()


@router.get("/readyz")
def readyz(model: ModelDep) -> Readiness:
    """Whether a model is loaded."""
    return Readiness(model_version=model.manifest.version)
