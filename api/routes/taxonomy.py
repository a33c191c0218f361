"""GET /v1/taxonomy."""

from __future__ import annotations

from fastapi import APIRouter

from api.state import ModelDep
from model.taxonomy import Taxonomy

router = APIRouter(tags=["taxonomy"])


@router.get("/taxonomy")
def taxonomy(model: ModelDep) -> Taxonomy:
    """Both label sets of the model in use, with names, groups and definitions."""
    return model.recommender.classifier.taxonomy
