"""The application: routes, middlewares, documentation."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from fastapi_offline import FastAPIOffline
from starlette.middleware.cors import CORSMiddleware

from api import documentation, problems
from api.access import Access
from api.json_body import JsonBody
from api.lean_route import LeanRoutes
from api.model_in_use import ModelInUse, ModelState
from api.observation import Observation
from api.page import PageFiles
from api.routes import (
    chatwoot,
    feedback,
    health,
    insights,
    metrics,
    models,
    panel,
    playbook,
    recommendations,
    review,
    sign_in,
    taxonomy,
)
from api.security_headers import SecurityHeaders
from api.service import run_service
from api.settings import Settings, load_settings
from model.paths import artifacts_dir

V1 = "/v1"


def create_app(state: ModelState | None = None, settings: Settings | None = None) -> FastAPI:
    """The service, with `state` or the current model version.

    Raises:
        InputError: a setting is wrong, or the model is missing or broken.
    """
    settings = settings or load_settings()
    model = ModelInUse(artifacts_dir(), state)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with run_service(settings, model) as service:
            app.state.service = service
            yield

    app: FastAPI = FastAPIOffline(
        title="shouhou 售后参谋",
        version="1",
        summary="One buyer message in; issue type, customer type, ranked replies and compensation out.",
        lifespan=lifespan,
        telemetry={"tracing": False, "metrics": False, "logs": False},  # `api.observation` sees to these.
        redirect_slashes=False,  # Behind a proxy that ends TLS the way would lead over plain http, with the key.
    )
    problems.install(app)
    app.add_middleware(LeanRoutes, prefix=V1, routes=recommendations.router.routes)
    for middleware in (JsonBody, Access):  # The last one added is the first one asked.
        app.add_middleware(middleware)
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=["GET", "POST"],
            allow_headers=["Authorization", "Content-Type", "Idempotency-Key", "X-Request-ID"],
            expose_headers=["X-Request-ID", "Shouhou-Recorded", "Retry-After"],
        )
    app.add_middleware(Observation)
    app.add_middleware(SecurityHeaders)
    for routes in (recommendations, feedback, taxonomy, playbook, models):
        app.include_router(routes.router, prefix=V1)
    for pages in (sign_in.router, panel.router, review.router, insights.router, playbook.page):
        app.include_router(pages)
    app.mount("/static", PageFiles())
    app.include_router(health.router)
    app.include_router(metrics.router)
    app.include_router(chatwoot.router)
    documentation.install(app)
    return app
