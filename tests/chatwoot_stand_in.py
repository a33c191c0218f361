"""A stand-in for Chatwoot that takes what its published API takes and nothing else, on a real port.

Paths, fields and answers: github.com/chatwoot/chatwoot, swagger/paths/application/conversation (v4.17, and `merge` of
pull request 15119). Whatever it must refuse is kept in `refused`, so that a test can see that there was none.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter, defaultdict, deque
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Annotated, Any, Literal

import uvicorn
from fastapi import FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tests.processes import free_port

CONVERSATION = "/api/v1/accounts/{account_id}/conversations/{conversation_id}"
TOKEN = "stand-in-token-7Yx2"
ACCOUNT = 3


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class NewMessage(Strict):
    """conversation_message_create_payload"""

    content: Annotated[str, Field(min_length=1, max_length=150_000)]
    message_type: Literal["outgoing", "incoming"] = "outgoing"
    private: bool = False
    content_type: Literal["text", "input_email", "cards", "input_select", "form", "article"] = "text"
    content_attributes: dict[str, Any] = {}
    campaign_id: int | None = None
    template_params: dict[str, Any] | None = None


class Labels(Strict):
    labels: list[Annotated[str, Field(pattern=r"^[\w-]+$")]]


class CustomAttributes(Strict):
    custom_attributes: dict[str, str | int | float | bool | None]
    merge: bool = False


class Listed(Strict):
    """Query of GET messages."""

    model_config = ConfigDict(extra="forbid", strict=False)

    after: int | None = None
    before: int | None = None


@dataclass
class Conversation:
    messages: list[dict[str, Any]] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    custom_attributes: dict[str, Any] = field(default_factory=dict)


class ChatwootStandIn:
    """Start it, look at `conversations`, make trouble, stop it, start it again on the same port.

    Attributes:
        knows_merge: False is Chatwoot before the middle of 2026, which overlooks `merge`.
        troubles: statuses, or 0 for an answer that never comes although the work is done, for the next requests.
        refused: what no caller should have sent.
    """

    def __init__(self) -> None:
        self.port = free_port()
        self.conversations: defaultdict[int, Conversation] = defaultdict(Conversation)
        self.requests: Counter[str] = Counter()
        self.refused: list[str] = []
        self.troubles: deque[int] = deque()
        self.stalled = 0
        self.knows_merge = True
        self._next_id = 1_000_000
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        config = uvicorn.Config(
            self._app(), port=self.port, log_config=None, log_level="critical", timeout_graceful_shutdown=1
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, daemon=True)
        self._thread.start()
        while not self._server.started:
            assert self._thread.is_alive()
            time.sleep(0.01)

    def stop(self) -> None:
        if self._server is not None and self._thread is not None:
            self._server.should_exit = True
            self._thread.join()
            self._server = None

    def notes(self, conversation_id: int) -> list[str]:
        return [message["content"] for message in self.conversations[conversation_id].messages]

    def _app(self) -> FastAPI:
        app = FastAPI(openapi_url=None, redirect_slashes=False)

        @app.get(CONVERSATION)
        async def show(conversation_id: int) -> Any:
            conversation = self.conversations[conversation_id]
            return {
                "id": conversation_id,
                "account_id": ACCOUNT,
                "status": "open",
                "labels": conversation.labels,
                "custom_attributes": conversation.custom_attributes,
                "messages": conversation.messages[-1:],
            }

        @app.get(f"{CONVERSATION}/labels")
        async def labels(conversation_id: int) -> Any:
            return {"payload": self.conversations[conversation_id].labels}

        @app.post(f"{CONVERSATION}/labels")
        async def set_labels(conversation_id: int, body: Labels) -> Any:
            self.conversations[conversation_id].labels = body.labels
            return {"payload": body.labels}

        @app.post(f"{CONVERSATION}/custom_attributes")
        async def set_custom_attributes(conversation_id: int, body: CustomAttributes) -> Any:
            conversation = self.conversations[conversation_id]
            kept = conversation.custom_attributes if body.merge and self.knows_merge else {}
            conversation.custom_attributes = {**kept, **body.custom_attributes}
            return {"custom_attributes": conversation.custom_attributes}

        @app.get(f"{CONVERSATION}/messages")
        async def messages(conversation_id: int, query: Annotated[Listed, Query()]) -> Any:
            found = self.conversations[conversation_id].messages
            later = [message for message in found if message["id"] > query.after] if query.after else found[-20:]
            return {"meta": {"labels": []}, "payload": later[:100]}

        @app.post(f"{CONVERSATION}/messages")
        async def create_message(conversation_id: int, body: NewMessage) -> Any:
            if not body.private:
                self.refused.append("a message that the buyer reads")
            self._next_id += 1
            message = {
                "id": self._next_id,
                "content": body.content,
                "message_type": 1,
                "private": body.private,
                "conversation_id": conversation_id,
            }
            self.conversations[conversation_id].messages.append(message)
            return message

        @app.exception_handler(HTTPException)
        async def _unknown(request: Request, error: HTTPException) -> JSONResponse:
            return self._refuse(request, error.status_code, str(error.detail))

        @app.exception_handler(RequestValidationError)
        async def _invalid(request: Request, error: RequestValidationError) -> JSONResponse:
            return self._refuse(request, HTTPStatus.UNPROCESSABLE_ENTITY, str(error.errors()))

        app.add_middleware(Gate, stand_in=self)
        return app

    def _refuse(self, request: Request, status: int, why: str) -> JSONResponse:
        self.refused.append(f"{request.method} {request.url.path}: {why}")
        return JSONResponse({"error": why}, status)


class Gate:
    """Token and account, and the troubles that a test asked for."""

    def __init__(self, app: ASGIApp, stand_in: ChatwootStandIn) -> None:
        self.app = app
        self.stand_in = stand_in

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        told = self.stand_in
        what = scope["path"].rsplit("/", 1)[-1]
        told.requests[f"{scope['method']} {what if what.isalpha() or '_' in what else 'conversation'}"] += 1
        if dict(scope["headers"]).get(b"api_access_token") != TOKEN.encode():
            told.refused.append("wrong token")
            await JSONResponse({"error": "Invalid Access Token"}, 401)(scope, receive, send)
        elif not scope["path"].startswith(f"/api/v1/accounts/{ACCOUNT}/"):
            told.refused.append(f"wrong account: {scope['path']}")
            await JSONResponse({"error": "Resource could not be found"}, 404)(scope, receive, send)
        elif told.troubles and (trouble := told.troubles.popleft()):
            await JSONResponse({"error": "trouble"}, trouble, headers={"Retry-After": "0"})(scope, receive, send)
        elif told.stalled:
            told.stalled -= 1

            async def never(_message: Message) -> None:
                await asyncio.sleep(3600)

            await self.app(scope, receive, never)
        else:
            await self.app(scope, receive, send)
