"""Writes what waits in the store into Chatwoot: note, label, attributes, each remembered when it is done.

A note is written once, as far as that can be had: Chatwoot's API takes no idempotency key. Before it is sent, the store
says so; when its answer never came, the conversation is searched for it before it is sent again. It is written twice
only if Chatwoot finishes a request after that search: one that we gave up on, or whose sender was killed.
"""

from __future__ import annotations

import asyncio
import random

import structlog
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from api import metrics
from api.chatwoot.client import ChatwootClient, ChatwootError
from api.settings import ChatwootAccess
from api.store import chatwoot_deliveries as queue
from api.store.chatwoot_deliveries import Delivery, LeaseLostError, Step

POLL_SECONDS = 1.0  # Another machine's webhook, or a delivery that is due again, is seen this soon.
TOGETHER = 8  # Deliveries at once, each of another conversation.
STEP_SECONDS = 8.0
LEASE_SECONDS = 12.0  # Renewed before every step. A killed worker's delivery is taken over this late.
FIRST_DELAY_SECONDS, LONGEST_DELAY_SECONDS = 1.0, 900.0
MAX_ATTEMPTS = 60  # With these delays some ten hours, after which a note is of no use to anybody.
_log = structlog.get_logger()


class Deliverer:
    """One worker's hands. `wake` makes it look at the store at once."""

    def __init__(self, engine: Engine, access: ChatwootAccess) -> None:
        self._engine = engine
        self._access = access
        self._news = asyncio.Event()

    def wake(self) -> None:
        """Say that something was queued."""
        self._news.set()

    async def run(self) -> None:
        """Deliver until cancelled. A store that fails is asked again and again."""
        failing = False
        async with ChatwootClient(self._access) as client:
            while True:
                try:
                    busy = await self.deliver_due(client)
                    failing = False
                except SQLAlchemyError as error:
                    if not failing:
                        _log.error("chatwoot deliveries cannot be read", error=type(error).__name__)
                    busy, failing = False, True
                if not busy:
                    await self._rest()

    async def deliver_due(self, client: ChatwootClient) -> bool:
        """Try what is due now, a few at once; whether there was any."""
        lease_ms = int(LEASE_SECONDS * 1000)
        due = await asyncio.to_thread(queue.claim, self._engine, TOGETHER, lease_ms)
        metrics.CHATWOOT_WAITING.set(await asyncio.to_thread(queue.count_waiting, self._engine))
        async with asyncio.TaskGroup() as group:
            for delivery in due:
                group.create_task(self._try(client, delivery))
        return bool(due)

    async def _rest(self) -> None:
        try:
            async with asyncio.timeout(POLL_SECONDS):
                await self._news.wait()
        except TimeoutError:
            pass
        self._news.clear()

    async def _try(self, client: ChatwootClient, delivery: Delivery) -> None:
        """One attempt and its end in the store. What goes wrong with one delivery must not touch the others."""
        try:
            error = await self._attempt(client, delivery)
            if error is None:
                await asyncio.to_thread(queue.finish, self._engine, delivery, Step.delivered)
                metrics.CHATWOOT_ATTEMPTS.labels("delivered").inc()
            else:
                await self._fail(delivery, error)
        except LeaseLostError:
            _log.warning("chatwoot delivery taken over", message_id=delivery.source.message_id)
        except SQLAlchemyError as failure:  # The lease runs out by itself, and somebody goes on from the last step.
            _log.error("chatwoot delivery not noted", error=type(failure).__name__)

    async def _attempt(self, client: ChatwootClient, delivery: Delivery) -> ChatwootError | None:
        if delivery.attempts > MAX_ATTEMPTS:  # No attempt came to an end that could be noted.
            return ChatwootError("no end", is_final=True)
        try:
            await self._write(client, delivery)
        except ChatwootError as error:
            return error
        except TimeoutError:
            return ChatwootError("too slow")
        except (LeaseLostError, SQLAlchemyError):
            raise
        except Exception as error:
            _log.exception("unforeseen error", message_id=delivery.source.message_id)
            return ChatwootError(type(error).__name__)
        return None

    async def _write(self, client: ChatwootClient, delivery: Delivery) -> None:
        """What is still to be written, each step with a fresh lease."""
        source = delivery.source
        if delivery.step is Step.note:
            if not (delivery.note_in_doubt and await self._is_there(client, delivery)):
                await self._add_note(client, delivery)
            await self._renew(delivery, step=Step.labels, note_in_doubt=False)
        if await asyncio.to_thread(queue.is_superseded, self._engine, source):
            return
        if delivery.step is not Step.custom_attributes:
            async with asyncio.timeout(STEP_SECONDS):
                await client.set_label(source, delivery.label)
            await self._renew(delivery, step=Step.custom_attributes)
        async with asyncio.timeout(STEP_SECONDS):
            await client.set_custom_attributes(source, delivery.custom_attributes)

    async def _add_note(self, client: ChatwootClient, delivery: Delivery) -> None:
        await self._renew(delivery, note_in_doubt=True)
        try:
            async with asyncio.timeout(STEP_SECONDS):
                await client.add_private_note(delivery.source, delivery.redacted_note)
        except ChatwootError as error:
            if error.is_undone:
                await self._renew(delivery, note_in_doubt=False)
            raise

    async def _is_there(self, client: ChatwootClient, delivery: Delivery) -> bool:
        async with asyncio.timeout(STEP_SECONDS):
            return await client.has_note(delivery.source)

    async def _renew(self, delivery: Delivery, **changes: object) -> None:
        await asyncio.to_thread(queue.renew, self._engine, delivery, int(LEASE_SECONDS * 1000), **changes)

    async def _fail(self, delivery: Delivery, error: ChatwootError) -> None:
        told = {"message_id": delivery.source.message_id, "problem": error.problem, "attempts": delivery.attempts}
        if error.is_final or delivery.attempts >= MAX_ATTEMPTS:
            await asyncio.to_thread(queue.finish, self._engine, delivery, Step.given_up)
            metrics.CHATWOOT_ATTEMPTS.labels("given_up").inc()
            _log.error("chatwoot delivery given up", **told)
            return
        delay = max(delay_seconds(delivery.attempts), min(error.retry_after, LONGEST_DELAY_SECONDS))
        await asyncio.to_thread(queue.postpone, self._engine, delivery, int(delay * 1000))
        metrics.CHATWOOT_ATTEMPTS.labels("failed").inc()
        _log.warning("chatwoot delivery failed, will be tried again", **told)


def delay_seconds(attempts: int) -> float:
    """How long to wait after so many attempts: twice as long each time, less up to a half that keeps them apart."""
    longest: float = min(FIRST_DELAY_SECONDS * 2 ** min(attempts - 1, 20), LONGEST_DELAY_SECONDS)
    return longest * random.uniform(0.5, 1.0)  # noqa: S311
