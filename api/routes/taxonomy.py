"""GET /v1/taxonomy."""

from __future__ import annotations

from fastapi import APIRouter

from api.access import SECURED
from api.problems import problem_responses
from api.service import ServiceDep
from model.taxonomy import Taxonomy

router = APIRouter(tags=["taxonomy"])


@router.get("/taxonomy", responses=problem_responses(401), openapi_extra=SECURED)
async def taxonomy(service: ServiceDep) -> Taxonomy:
    """Both label sets of the model in use, with names, groups and definitions."""
    return service.model.state.recommender.classifier.taxonomy
