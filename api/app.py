"""The application: routes, errors, documentation."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from fastapi_offline import FastAPIOffline

from api import problems
from api.json_body import JsonBody
from api.routes import health, models, playbook, recommendations, taxonomy
from api.state import ModelState, load_state


def create_app(state: ModelState | None = None) -> FastAPI:
    """The service. Without `state` it loads the current model version at start."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.model = state or load_state()
        yield

    app: FastAPI = FastAPIOffline(
        title="shouhou 售后参谋",
        version="1",
        summary="One buyer message in; issue type, customer type, ranked replies and compensation out.",
        lifespan=lifespan,
    )
    problems.install(app)
    app.add_middleware(JsonBody)
    for routes in (recommendations, taxonomy, playbook, models):
        app.include_router(routes.router, prefix="/v1")
    app.include_router(playbook.page)
    app.include_router(health.router)
    return app
