"""What a running worker holds, made at start and ended in order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request
from limits import parse
from sqlalchemy import Engine

from api import garbage, keyring, metrics, template_record
from api.chatwoot.deliverer import Deliverer
from api.drift_watch import DriftWatch
from api.insights.overview import Overviews
from api.insights.plots import Drawer
from api.keyring import KeyRing
from api.micro_batch import MicroBatch
from api.model_in_use import ModelInUse
from api.rate_limit import RateLimit
from api.recorder import Recorder
from api.sessions import Sessions
from api.settings import Settings
from api.store.database import open_store
from api.template_record import TemplateRecord
from model.paths import artifacts_dir

SIGN_INS = parse("20/minute")  # Attempts by one address. A key cannot be guessed; this keeps the noise down.


@dataclass(frozen=True)
class Service:
    """Everything the routes need. `recorder` is None with SHOUHOU_RECORD=off, `chatwoot` unless it is set up."""

    settings: Settings
    engine: Engine
    keys: KeyRing
    sessions: Sessions
    rate_limit: RateLimit
    sign_in_limit: RateLimit
    model: ModelInUse
    recorder: Recorder | None
    template_record: TemplateRecord
    micro_batch: MicroBatch
    overviews: Overviews
    drawer: Drawer
    chatwoot: Deliverer | None


@asynccontextmanager
async def run_service(settings: Settings, model: ModelInUse) -> AsyncIterator[Service]:
    """Open the store, start what works beside the requests; end it in reverse.

    Raises:
        InputError: the store cannot be opened.
    """
    engine = open_store(settings)
    keys = KeyRing(engine)
    keys.load()
    templates = TemplateRecord(engine)
    templates.load()
    recorder = Recorder(engine) if settings.record == "on" else None
    chatwoot = Deliverer(engine, settings.chatwoot) if settings.chatwoot else None
    service = Service(
        settings=settings,
        engine=engine,
        keys=keys,
        sessions=Sessions(engine),
        rate_limit=RateLimit(settings.rate),
        sign_in_limit=RateLimit(SIGN_INS),
        model=model,
        recorder=recorder,
        template_record=templates,
        micro_batch=MicroBatch(model, templates),
        overviews=Overviews(engine, model, artifacts_dir()),
        drawer=Drawer(),
        chatwoot=chatwoot,
    )
    if recorder is not None:
        recorder.start()
        metrics.STORE_QUEUE.set_function(lambda: recorder.waiting)
    drift = DriftWatch(engine, model)
    works = [
        _again_and_again(keyring.REFRESH_SECONDS, keys.load),
        _again_and_again(template_record.REFRESH_SECONDS, templates.load),
        _again_and_again(garbage.COLLECT_SECONDS, garbage.collect),
        model.watch(),
        drift.keep_fresh(),
    ]
    if chatwoot is not None:
        works.append(chatwoot.run())
    beside = [asyncio.create_task(work) for work in works]
    try:
        yield service
    finally:
        for task in beside:
            task.cancel()
        await asyncio.gather(*beside, return_exceptions=True)
        if recorder is not None:
            await asyncio.to_thread(recorder.stop)
        engine.dispose()


async def _again_and_again(pause_seconds: float, work: Callable[[], None]) -> None:
    """Do it in a thread, a pause before each time, until cancelled."""
    while True:
        await asyncio.sleep(pause_seconds)
        await asyncio.to_thread(work)


def _service(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


ServiceDep = Annotated[Service, Depends(_service)]
