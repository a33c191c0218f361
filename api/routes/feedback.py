"""POST /v1/feedback."""

from __future__ import annotations

import time
from http import HTTPStatus
from typing import Annotated

import structlog
from fastapi import APIRouter, Depends, Header, Response
from sqlalchemy.exc import SQLAlchemyError

from api import metrics
from api.access import SECURED, counted
from api.keyring import Caller
from api.problems import FieldError, ProblemError, problem_responses
from api.schemas import FeedbackAnswer, FeedbackRequest
from api.service import Service, ServiceDep
from api.store.clock import as_datetime
from api.store.feedback import Judged, KeyReusedError, find_judged, keep_feedback
from api.store.keys import Scope
from model.taxonomy import Taxonomy

router = APIRouter(tags=["feedback"])
IdempotencyKey = Annotated[
    str,
    Header(
        alias="Idempotency-Key",
        pattern=r"^[A-Za-z0-9._:-]{1,100}$",
        description="your name for this feedback; sent again with it, the feedback is kept once",
    ),
]
# A recommendation is written some 0.1 s after its answer; a script's feedback can be faster.
WRITTEN_WITHIN_SECONDS = 0.3
RETRY_AFTER = {"Retry-After": "5"}
_log = structlog.get_logger()


@router.post(
    "/feedback",
    status_code=HTTPStatus.CREATED,
    responses={
        200: {"model": FeedbackAnswer, "description": "Kept before, under the same key"},
        **problem_responses(401, 403, 408, 409, 413, 415, 422, 429, 503),
    },
    openapi_extra=SECURED,
)
def feedback(
    body: FeedbackRequest,
    idempotency_key: IdempotencyKey,
    answer: Response,
    service: ServiceDep,
    caller: Annotated[Caller, Depends(counted(Scope.feedback))],
) -> FeedbackAnswer:
    """What the agent really did. The answer comes when the feedback is safely stored."""
    recommender = service.model.state.recommender
    _check_labels(body, recommender.classifier.taxonomy)
    templates = {template.id for group in recommender.playbook.templates.values() for template in group}
    try:
        judged = _judged(service, caller.owner, body)
        kept = keep_feedback(service.engine, caller.owner, idempotency_key, body, judged, templates)
    except KeyReusedError as error:
        detail = "the Idempotency-Key was used for another feedback"
        raise ProblemError(HTTPStatus.CONFLICT, "idempotency-key-reused", detail) from error
    except SQLAlchemyError as error:
        _log.error("feedback not kept", error=type(error).__name__)
        detail = "the store does not take it now; send it again with the same Idempotency-Key"
        raise ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, "store-unreachable", detail, headers=RETRY_AFTER) from error
    if kept.fresh:
        metrics.FEEDBACK.labels(body.outcome or "none").inc()
    else:
        answer.status_code = HTTPStatus.OK
    return FeedbackAnswer(
        id=kept.id, recommendation_id=body.recommendation_id, received_at=as_datetime(kept.received_at_ms)
    )


def _check_labels(body: FeedbackRequest, taxonomy: Taxonomy) -> None:
    wrong = [
        FieldError(field=field, message="unknown code", allowed=sorted(allowed))
        for field, code, allowed in (
            ("issue", body.issue, taxonomy.issue_by_code),
            ("customer", body.customer, taxonomy.customer_by_code),
        )
        if code is not None and code not in allowed
    ]
    if wrong:
        detail = "; ".join(f"{error.field}: {error.message}" for error in wrong)
        raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid-request", detail, errors=wrong)


def _judged(service: Service, owner: str, body: FeedbackRequest) -> Judged | None:
    """The recommendation, where the feedback says something that counts for it."""
    if body.template_id is None and body.issue is None and body.customer is None:
        return None
    give_up = time.monotonic() + WRITTEN_WITHIN_SECONDS
    while True:
        judged = find_judged(service.engine, owner, body.recommendation_id)
        if judged is not None or service.recorder is None or time.monotonic() > give_up:
            return judged
        time.sleep(WRITTEN_WITHIN_SECONDS / 3)
