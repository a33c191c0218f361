"""Requests that arrive together: each gets its own answer, and a failing one fails alone."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest
from sqlalchemy import create_engine

from api.micro_batch import MicroBatch
from api.model_in_use import ModelInUse
from api.recommending import recommend
from api.schemas import RecommendationAnswer, RecommendationRequest
from api.template_record import TemplateRecord
from model.inference import Classifier, Prediction
from tests.buyer_requests import buyer_requests

BROKEN = "这一条出错"


@pytest.fixture(scope="module")
def model(small_artifacts: Path) -> ModelInUse:
    return ModelInUse(small_artifacts)


@pytest.fixture
def micro_batch(model: ModelInUse) -> MicroBatch:
    return MicroBatch(model, TemplateRecord(create_engine("sqlite://")))


@pytest.fixture
def requests() -> list[RecommendationRequest]:
    return [RecommendationRequest.model_validate(body) for body in islice(buyer_requests(), 40)]


@pytest.fixture(params=[RuntimeError, StopIteration])
def one_is_broken(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    whole = Classifier.predict_all

    def predict_all(classifier: Classifier, messages: Sequence[str]) -> list[Prediction]:
        if BROKEN in messages:
            raise request.param
        return whole(classifier, messages)

    monkeypatch.setattr(Classifier, "predict_all", predict_all)


async def together(
    micro_batch: MicroBatch, requests: Sequence[RecommendationRequest]
) -> list[RecommendationAnswer | BaseException]:
    return await asyncio.gather(*map(micro_batch.recommend, requests), return_exceptions=True)


def without_id(answer: RecommendationAnswer | BaseException) -> RecommendationAnswer:
    assert isinstance(answer, RecommendationAnswer)
    return replace(answer, id="", next_steps=[])  # Due times count from the clock.


def test_each_gets_the_answer_it_would_get_alone(
    micro_batch: MicroBatch, model: ModelInUse, requests: list[RecommendationRequest]
) -> None:
    answers = asyncio.run(together(micro_batch, requests))
    alone = [recommend(model.state, request, {}) for request in requests]
    assert [without_id(answer) for answer in answers] == [without_id(answer) for answer in alone]
    assert len({answer.id for answer in answers if isinstance(answer, RecommendationAnswer)}) == len(requests)


@pytest.mark.usefixtures("one_is_broken")
def test_one_that_fails_fails_alone(micro_batch: MicroBatch, requests: list[RecommendationRequest]) -> None:
    requests.insert(7, RecommendationRequest(message=BROKEN))
    answers = asyncio.run(together(micro_batch, requests))
    assert [place for place, answer in enumerate(answers) if isinstance(answer, RuntimeError)] == [7]
    assert sum(isinstance(answer, RecommendationAnswer) for answer in answers) == len(requests) - 1


def test_a_client_that_has_gone_stops_nobody(micro_batch: MicroBatch, requests: list[RecommendationRequest]) -> None:
    async def one_goes() -> list[RecommendationAnswer | BaseException]:
        tasks = [asyncio.create_task(micro_batch.recommend(request)) for request in requests]
        await asyncio.sleep(0)  # All of them wait now.
        tasks[3].cancel()
        return await asyncio.gather(*tasks, return_exceptions=True)

    answers = asyncio.run(one_goes())
    assert isinstance(answers.pop(3), asyncio.CancelledError)
    assert all(isinstance(answer, RecommendationAnswer) for answer in answers)
