"""POST /v1/recommendations."""

from __future__ import annotations

from dataclasses import fields
from datetime import UTC, datetime
from uuid import uuid4

from fastapi import APIRouter

from api.problems import problem_responses
from api.schemas import RecommendationAnswer, RecommendationRequest
from api.state import ModelDep
from model.conversation import Turn
from model.recommendation import Recommendation

router = APIRouter(tags=["recommendations"])
_FIELDS = [field.name for field in fields(Recommendation)]


@router.post("/recommendations", responses=problem_responses(413, 415, 422))
def recommend(request: RecommendationRequest, model: ModelDep) -> RecommendationAnswer:
    """Issue type, customer type, ranked replies and compensation for one buyer message.

    Offsets count Unicode code points of `message` as sent, end exclusive.
    """
    history = [Turn(turn.role, turn.text) for turn in request.history]
    answer = model.recommender.recommend(
        request.message, history, request.context, request.top_k, now=datetime.now(UTC)
    )
    return RecommendationAnswer(
        **{name: getattr(answer, name) for name in _FIELDS}, id=uuid4().hex, model_version=model.manifest.version
    )
