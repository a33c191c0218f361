"""POST /v1/recommendations and /v1/recommendations/batch."""

from __future__ import annotations

import asyncio
from http import HTTPStatus

from fastapi import APIRouter, Request
from pydantic import ValidationError

from api import recommending
from api.access import SECURED, require
from api.lean_route import JsonAnswer, LeanRoute
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
from api.store.keys import Scope

router = APIRouter(tags=["recommendations"], route_class=LeanRoute)
RECORDED = "Shouhou-Recorded"
RECORDED_DOC = {
    RECORDED: {
        "description": "false: answered, but not kept in the store",
        "schema": {"type": "string", "enum": ["true", "false"]},
    }
}
BREATH = 4  # Items of a batch between which other requests get their turn.


@router.post(
    "/recommendations",
    responses={200: {"headers": RECORDED_DOC}, **problem_responses(401, 403, 408, 413, 415, 422, 429)},
    openapi_extra=SECURED,
)
async def recommend(body: RecommendationRequest, http: Request, answer: JsonAnswer) -> RecommendationAnswer:
    """Issue type, customer type, ranked replies and compensation for one buyer message.

    Offsets count Unicode code points of `message` as sent, end exclusive.
    """
    service: Service = http.scope["app"].state.service
    caller = require(http, Scope.recommend)
    await service.rate_limit.take(caller)
    made = await service.micro_batch.recommend(body)
    recorded = recommending.record(service.recorder, caller.owner, body.message, made)
    answer.tell(RECORDED, recorded)
    return made


@router.post(
    "/recommendations/batch",
    responses={200: {"headers": RECORDED_DOC}, **problem_responses(401, 403, 408, 413, 415, 422, 429)},
    openapi_extra=SECURED,
)
async def recommend_batch(body: BatchRequest, http: Request, answer: JsonAnswer) -> BatchAnswer:
    """Up to 1,000 messages in one request; each is answered or refused by itself, in the order given."""
    service: Service = http.scope["app"].state.service
    caller = require(http, Scope.recommend)
    await service.rate_limit.take(caller, len(body.items))
    state = service.model.state
    items = []
    all_recorded = True
    for start in range(0, len(body.items), BREATH):
        await asyncio.sleep(0)
        requests = [_validated(item) for item in body.items[start : start + BREATH]]
        state.recommender.classify([each.message for each in requests if isinstance(each, RecommendationRequest)])
        for index, request in enumerate(requests, start):
            if isinstance(request, ItemProblem):
                items.append(BatchItem(index, None, request))
                continue
            made = recommending.recommend(state, request, service.template_record.counts)
            all_recorded = recommending.record(service.recorder, caller.owner, request.message, made) and all_recorded
            items.append(BatchItem(index, made, None))
    answer.tell(RECORDED, all_recorded)
    return BatchAnswer(items)


def _validated(item: object) -> RecommendationRequest | ItemProblem:
    try:
        return RecommendationRequest.model_validate(item)
    except ValidationError as error:
        errors = [field_error(dict(told)) for told in error.errors(include_url=False)[:MAX_ERRORS]]
        return ItemProblem("urn:shouhou:invalid-request", HTTPStatus.UNPROCESSABLE_ENTITY, errors)
