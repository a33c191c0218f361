"""POST /v1/recommendations and /v1/recommendations/batch."""

from __future__ import annotations

import asyncio
from dataclasses import fields
from datetime import UTC, datetime
from http import HTTPStatus
from uuid import uuid4

from fastapi import APIRouter, Request, Response
from prometheus_client import Counter
from pydantic import ValidationError

from api import metrics
from api.access import SECURED, require
from api.keyring import Caller
from api.lean_route import LeanRoute
from api.model_in_use import ModelState
from api.problems import MAX_ERRORS, field_error, problem_responses
from api.schemas import (
    BatchAnswer,
    BatchItem,
    BatchRequest,
    ItemProblem,
    RecommendationAnswer,
    RecommendationRequest,
)
from api.service import Service
from api.store.clock import now_ms
from api.store.keys import Scope
from api.store.recommendations import Record
from model.conversation import Turn
from model.recommendation import Recommendation

router = APIRouter(tags=["recommendations"], route_class=LeanRoute)
RECORDED = "Shouhou-Recorded"
RECORDED_DOC = {
    RECORDED: {
        "description": "false: answered, but not kept in the store",
        "schema": {"type": "string", "enum": ["true", "false"]},
    }
}
BREATH = 4  # Items of a batch between which other requests get their turn.
_FIELDS = [field.name for field in fields(Recommendation)]
_issue_counts: dict[str, Counter] = {}


@router.post(
    "/recommendations",
    responses={200: {"headers": RECORDED_DOC}, **problem_responses(401, 403, 408, 413, 415, 422, 429)},
    openapi_extra=SECURED,
)
async def recommend(body: RecommendationRequest, http: Request, answer: Response) -> RecommendationAnswer:
    """Issue type, customer type, ranked replies and compensation for one buyer message.

    Offsets count Unicode code points of `message` as sent, end exclusive.
    """
    service: Service = http.scope["app"].state.service
    caller = require(http, Scope.recommend)
    service.rate_limit.take(caller)
    made, recorded = _recommend(service, service.model.state, caller, body)
    answer.headers[RECORDED] = "true" if recorded else "false"
    return made


@router.post(
    "/recommendations/batch",
    responses={200: {"headers": RECORDED_DOC}, **problem_responses(401, 403, 408, 413, 415, 422, 429)},
    openapi_extra=SECURED,
)
async def recommend_batch(body: BatchRequest, http: Request, answer: Response) -> BatchAnswer:
    """Up to 1,000 messages in one request; each is answered or refused by itself, in the order given."""
    service: Service = http.scope["app"].state.service
    caller = require(http, Scope.recommend)
    service.rate_limit.take(caller, len(body.items))
    state = service.model.state
    items = []
    all_recorded = True
    for index, item in enumerate(body.items):
        if index % BREATH == BREATH - 1:
            await asyncio.sleep(0)
        try:
            request = RecommendationRequest.model_validate(item)
        except ValidationError as error:
            errors = [field_error(dict(told)) for told in error.errors(include_url=False)[:MAX_ERRORS]]
            status = HTTPStatus.UNPROCESSABLE_ENTITY
            items.append(BatchItem(index, None, ItemProblem("urn:shouhou:invalid-request", status, errors)))
            continue
        made, recorded = _recommend(service, state, caller, request)
        all_recorded = all_recorded and recorded
        items.append(BatchItem(index, made, None))
    answer.headers[RECORDED] = "true" if all_recorded else "false"
    return BatchAnswer(items)


def _recommend(
    service: Service, state: ModelState, caller: Caller, request: RecommendationRequest
) -> tuple[RecommendationAnswer, bool]:
    """The answer, and whether it is recorded."""
    history = [Turn(turn.role, turn.text) for turn in request.history]
    made = state.recommender.recommend(
        request.message,
        history,
        request.context,
        request.top_k,
        record=service.template_record.counts,
        now=datetime.now(UTC),
    )
    answer = RecommendationAnswer(
        **{name: getattr(made, name) for name in _FIELDS}, id=uuid4().hex, model_version=state.manifest.version
    )
    _count(answer)
    if service.recorder is None:
        return answer, False
    record = Record(answer.id, now_ms(), caller.owner, answer.model_version, request.message, made)
    return answer, service.recorder.offer(record)


def _count(answer: RecommendationAnswer) -> None:
    code = answer.issue.code
    count = _issue_counts.get(code)
    if count is None:
        count = _issue_counts[code] = metrics.ISSUES.labels(code)
    count.inc()
    metrics.CONFIDENCE.observe(answer.issue.confidence)
    if answer.review.needed:
        metrics.REVIEWS.inc()
