"""One message in, one answer out, counted and recorded: the same for plug-ins, batches and help desks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from datetime import UTC, datetime
from operator import attrgetter
from random import getrandbits

from prometheus_client import Counter

from api import metrics
from api.model_in_use import ModelState
from api.recorder import Recorder
from api.schemas import RecommendationAnswer, RecommendationRequest
from api.store.clock import now_ms
from api.store.recommendations import record_of
from model.conversation import Turn
from model.ranking import Acceptance
from model.recommendation import Recommendation

_values = attrgetter(*(field.name for field in fields(Recommendation)))
_issue_counts: dict[str, Counter] = {}


def recommend(
    state: ModelState, request: RecommendationRequest, counts: Mapping[str, Acceptance]
) -> RecommendationAnswer:
    """The answer of the given model; nothing is kept of it yet.

    Args:
        counts: what agents did with each template so far.
    """
    made = state.recommender.recommend(
        request.message,
        [Turn(turn.role, turn.text) for turn in request.history],
        request.context,
        request.top_k,
        record=counts,
        now=datetime.now(UTC),
    )
    # The id need not be secret, only unlike all others: feedback is taken of its owner's recommendations. It rises with
    # the time, so that a batch of records goes to one place of the store's index.
    answer_id = f"{now_ms():012x}{getrandbits(80):020x}"
    return RecommendationAnswer(  # type: ignore[misc]  # mypy cannot tell how many values there are.
        *_values(made), id=answer_id, model_version=state.manifest.version
    )


def record(recorder: Recorder | None, owner: str, message: str, answer: RecommendationAnswer) -> bool:
    """Count the answer and queue it for the store; whether it will be kept there."""
    _count(answer)
    if recorder is None:
        return False
    return recorder.offer(
        lambda: record_of(
            answer, message, answer_id=answer.id, made_at_ms=now_ms(), owner=owner, model_version=answer.model_version
        )
    )


def _count(answer: RecommendationAnswer) -> None:
    code = answer.issue.code
    count = _issue_counts.get(code)
    if count is None:
        count = _issue_counts[code] = metrics.ISSUES.labels(code)
    count.inc()
    metrics.CONFIDENCE.observe(answer.issue.confidence)
    if answer.review.needed:
        metrics.REVIEWS.inc()
