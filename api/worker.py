"""What uvicorn starts in every worker."""

from __future__ import annotations

import sys

from fastapi import FastAPI

from api import garbage, logs
from api.app import create_app
from api.settings import load_settings

SWITCH_SECONDS = 0.0005  # The recorder's thread must not keep an answer waiting for Python's usual 5 ms.


def create_worker() -> FastAPI:
    """The service with its logs set up.

    Raises:
        InputError: a setting is wrong, or the model is missing or broken.
    """
    settings = load_settings()
    logs.configure(settings.log_level)
    sys.setswitchinterval(SWITCH_SECONDS)
    app = create_app(settings=settings)
    garbage.set_loaded_aside()
    return app
