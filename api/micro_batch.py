"""Requests that arrive together are answered together."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from api.model_in_use import ModelInUse
from api.recommending import recommend
from api.schemas import RecommendationAnswer, RecommendationRequest
from api.template_record import TemplateRecord

MOST = 16  # So many are answered before other requests get their turn.


class MicroBatch:
    """Takes what has arrived by now through one step after another, every step for all before the next.

    A step so finds its code and data in the processor's caches, where it left them a moment before: under load that is
    worth a third of the time (BENCHMARKS.md). Nobody is waited for; a request that is alone is answered at once.
    """

    def __init__(self, model: ModelInUse, templates: TemplateRecord) -> None:
        self._model = model
        self._templates = templates
        self._waiting: list[tuple[RecommendationRequest, asyncio.Future[RecommendationAnswer]]] = []

    async def recommend(self, request: RecommendationRequest) -> RecommendationAnswer:
        """The answer; see `api.recommending.recommend`, whose errors reach their own request only."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[RecommendationAnswer] = loop.create_future()
        if not self._waiting:
            loop.call_soon(self._answer)
        self._waiting.append((request, answer))
        return await answer

    def _answer(self) -> None:
        batch, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
        if self._waiting:
            asyncio.get_running_loop().call_soon(self._answer)
        state = self._model.state
        with suppress(Exception):  # Told when the turn of its message comes.
            state.recommender.classify([request.message for request, _ in batch])
        for request, answer in batch:
            if answer.done():  # The client has gone.
                continue
            try:
                answer.set_result(recommend(state, request, self._templates.counts))
            except Exception as error:
                failure = RuntimeError("no recommendation")  # A future takes not every exception: no StopIteration.
                failure.__cause__ = error
                answer.set_exception(failure)
