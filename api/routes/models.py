"""GET /v1/model."""

from __future__ import annotations

from fastapi import APIRouter

from api.state import ModelDep
from model.registry import Manifest

router = APIRouter(tags=["model"])


@router.get("/model")
def model(model: ModelDep) -> Manifest:
    """The model in use: version, training data fingerprint, held-out metrics, tokenizer."""
    return model.manifest
