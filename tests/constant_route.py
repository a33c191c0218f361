"""What the service's throughput is measured against: FastAPI validates the same request and returns a constant."""

from __future__ import annotations

import json
import os
from pathlib import Path

from fastapi import FastAPI
from pydantic import TypeAdapter

from api.schemas import RecommendationAnswer, RecommendationRequest

ANSWER_FILE = "CONSTANT_ANSWER"  # The environment names a file with an answer of the service.


def create_app() -> FastAPI:
    """The application with its one route."""
    raw = json.loads(Path(os.environ[ANSWER_FILE]).read_text(encoding="utf-8"))
    answer = TypeAdapter(RecommendationAnswer).validate_python(raw)
    app = FastAPI()

    @app.post("/v1/recommendations")
    async def constant(_request: RecommendationRequest) -> RecommendationAnswer:
        return answer

    return app
