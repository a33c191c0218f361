"""POST /integrations/chatwoot, the webhook.

Not in the OpenAPI document: that is for callers with an API key, this is called by Chatwoot alone, which signs.
"""

from __future__ import annotations

import asyncio
import time
from http import HTTPStatus

import structlog
from fastapi import APIRouter, Request, Response
from pydantic import ValidationError
from sqlalchemy.exc import SQLAlchemyError

from api import metrics, recommending
from api.access import CHATWOOT_WEBHOOK
from api.chatwoot.events import Event, MessageCreated
from api.chatwoot.note import custom_attributes, label, render_note
from api.chatwoot.signature import SIGNATURE_HEADER, TIMESTAMP_HEADER, is_authentic
from api.problems import MAX_ERRORS, ProblemError, field_error
from api.service import ServiceDep
from api.store.chatwoot_deliveries import QueueFullError, enqueue

router = APIRouter(include_in_schema=False)
OWNER = "chatwoot"  # Whose the recorded recommendations are; no key's id has this form.
RETRY_AFTER = {"Retry-After": "60"}
_log = structlog.get_logger()


@router.post(CHATWOOT_WEBHOOK)
async def receive(http: Request, service: ServiceDep) -> Response:
    """202: a note will be written, or is being written already. 204: nothing to say."""
    access, deliverer = service.settings.chatwoot, service.chatwoot
    if access is None or deliverer is None:
        raise ProblemError(HTTPStatus.NOT_FOUND, "not-found", "Chatwoot is not set up here; see the README")
    body = await http.body()
    timestamps, signatures = http.headers.getlist(TIMESTAMP_HEADER), http.headers.getlist(SIGNATURE_HEADER)
    if not is_authentic(access.secret.get_secret_value(), timestamps, signatures, body, time.time()):
        detail = f"{SIGNATURE_HEADER} and {TIMESTAMP_HEADER} must be Chatwoot's, of this body, of the last minutes"
        raise ProblemError(HTTPStatus.UNAUTHORIZED, "unauthorized", detail)
    event = _read(body)
    if event is None:
        metrics.CHATWOOT_EVENTS.labels("ignored").inc()
        return Response(status_code=HTTPStatus.NO_CONTENT)
    request = event.request
    answer = await service.micro_batch.recommend(request)
    note = render_note(answer, event.source)
    try:
        fresh = await asyncio.to_thread(
            enqueue, service.engine, event.source, note, label(answer), custom_attributes(answer)
        )
    except QueueFullError as error:
        metrics.CHATWOOT_EVENTS.labels("refused_full").inc()
        _log.error("chatwoot queue full", message_id=event.id)
        detail = "too many notes wait for Chatwoot"
        raise ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, "queue-full", detail, headers=RETRY_AFTER) from error
    except SQLAlchemyError as error:
        metrics.CHATWOOT_EVENTS.labels("refused_store").inc()
        _log.error("chatwoot message not queued", message_id=event.id, error=type(error).__name__)
        detail = "the store does not take it now"
        raise ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, "store-unreachable", detail, headers=RETRY_AFTER) from error
    if fresh:
        recommending.record(service.recorder, OWNER, request.message, answer)
        deliverer.wake()
    metrics.CHATWOOT_EVENTS.labels("queued" if fresh else "repeated").inc()
    return Response(status_code=HTTPStatus.ACCEPTED)


def _read(body: bytes) -> MessageCreated | None:
    """The event, where a buyer wrote words; None for every other event.

    Raises:
        ProblemError: 422, the body is not what Chatwoot sends.
    """
    try:
        if Event.model_validate_json(body).event != "message_created":
            return None
        event = MessageCreated.model_validate_json(body)
    except ValidationError as error:
        metrics.CHATWOOT_EVENTS.labels("unreadable").inc()
        fields = [field_error(dict(told)) for told in error.errors(include_url=False)[:MAX_ERRORS]]
        detail = "; ".join(f"{field.field}: {field.message}" for field in fields[:3])
        _log.error("chatwoot event not understood", fields=[field.field for field in fields])
        raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid-request", detail, errors=fields) from error
    return event if event.is_a_buyers_words else None
