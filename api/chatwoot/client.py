"""The few calls to Chatwoot's API that we make. Speaking to a buyer is not among them, and cannot be.

Endpoints: github.com/chatwoot/chatwoot, swagger/paths/application/conversation.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import httpx2 as httpx

from api.chatwoot.note import LABEL_PREFIX, reference
from api.settings import ChatwootAccess
from api.store.chatwoot_deliveries import Source

TIMEOUT = httpx.Timeout(5.0)
MAX_CONNECTIONS = 16
_CONVERSATION = r".*/api/v1/accounts/\d+/conversations/\d+"
# Everything that may leave; any other request is refused before it is sent.
_READS = re.compile(rf"{_CONVERSATION}(?:/labels|/messages)?")
_WRITES = re.compile(rf"{_CONVERSATION}/(?:labels|custom_attributes)")
_MESSAGES = re.compile(rf"{_CONVERSATION}/messages")


class ChatwootError(Exception):
    """Chatwoot did not do it, or did not say so.

    Attributes:
        problem: in few words, without anybody's data.
        is_final: asking again is vain.
        is_undone: what was asked for has surely not happened.
        retry_after: seconds, where Chatwoot names them.
    """

    def __init__(self, problem: str, *, is_final: bool = False, is_undone: bool = False, retry_after: int = 0) -> None:
        self.problem = problem
        self.is_final = is_final
        self.is_undone = is_undone
        self.retry_after = retry_after
        super().__init__(problem)


class SpeaksToBuyerError(Exception):
    """A request that might reach the buyer was about to be sent. It was not."""


FINAL = frozenset({400, 404, 405, 413, 422})  # The conversation is gone, or the request will never be right.
NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


class ChatwootClient:
    """Writes as the user whose token it has. Use it as an async context."""

    def __init__(self, access: ChatwootAccess) -> None:
        self._http = httpx.AsyncClient(
            base_url=access.url,
            headers={"api_access_token": access.token.get_secret_value()},
            timeout=TIMEOUT,
            limits=httpx.Limits(max_connections=MAX_CONNECTIONS),
            follow_redirects=False,
            event_hooks={"request": [refuse_speech]},
        )

    async def __aenter__(self) -> ChatwootClient:
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self._http.aclose()

    async def has_note(self, source: Source) -> bool:
        """Whether the note about the message is there.

        Raises:
            ChatwootError: Chatwoot does not say.
        """
        # `after`: messages with a greater id, at most 100; versions that do not know it list the last 20.
        answer = await self._call("GET", source, "/messages", params={"after": str(source.message_id)})
        messages = _list_of(answer.get("payload"), dict)
        ending = reference(source)
        return any(
            message.get("private") is True and str(message.get("content")).rstrip().endswith(ending)
            for message in messages
        )

    async def add_private_note(self, source: Source, note: str) -> None:
        """Write a note that agents see and the buyer does not.

        Raises:
            ChatwootError: it is not there, or nobody knows.
        """
        body = {"content": note, "message_type": "outgoing", "private": True}
        await self._call("POST", source, "/messages", body=body)

    async def set_label(self, source: Source, label: str) -> None:
        """Put our label in the place of an older one of ours; other labels stay. Chatwoot takes only the whole list.

        Raises:
            ChatwootError: the labels may be as before.
        """
        answer = await self._call("GET", source, "/labels")
        present: list[str] = _list_of(answer.get("payload"), str)
        wanted = [other for other in present if not other.startswith(LABEL_PREFIX) or other == label]
        wanted += [] if label in wanted else [label]
        if wanted != present:
            await self._call("POST", source, "/labels", body={"labels": wanted})

    async def set_custom_attributes(self, source: Source, attributes: Mapping[str, Any]) -> None:
        """Set our attributes; others stay. Chatwoot before `merge` (2026) replaces all, so that all are sent.

        Raises:
            ChatwootError: the attributes may be as before.
        """
        answer = await self._call("GET", source, "")
        present = answer.get("custom_attributes")
        if not isinstance(present, dict):
            raise ChatwootError("unreadable answer")
        wanted = {**present, **attributes}
        if wanted != present:
            await self._call("POST", source, "/custom_attributes", body={"custom_attributes": wanted, "merge": True})

    async def _call(
        self, method: str, source: Source, path: str, *, body: Any = None, params: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        where = f"/api/v1/accounts/{source.account_id}/conversations/{source.conversation_id}{path}"
        try:
            answer = await self._http.request(method, where, json=body, params=params)
        except NEVER_SENT as error:
            raise ChatwootError(type(error).__name__, is_undone=True) from error
        except httpx.HTTPError as error:
            raise ChatwootError(type(error).__name__) from error
        if answer.status_code != httpx.codes.OK:
            told = answer.headers.get("Retry-After", "")
            retry_after = int(told) if re.fullmatch(r"\d{1,6}", told) else 0
            raise ChatwootError(
                f"status {answer.status_code}",
                is_final=answer.status_code in FINAL,
                is_undone=300 <= answer.status_code < 500,
                retry_after=retry_after,
            )
        try:
            read = answer.json()
        except ValueError as error:
            raise ChatwootError("unreadable answer") from error
        if not isinstance(read, dict):
            raise ChatwootError("unreadable answer")
        return read


async def refuse_speech(request: httpx.Request) -> None:
    """Let only reads, labels, attributes and private notes pass.

    Raises:
        SpeaksToBuyerError: for anything else.
    """
    path = request.url.path
    if request.method == "GET" and _READS.fullmatch(path):
        return
    if request.method == "POST" and _WRITES.fullmatch(path):
        return
    if request.method == "POST" and _MESSAGES.fullmatch(path) and _is_private_note(request):
        return
    raise SpeaksToBuyerError(f"{request.method} {path}")


def _is_private_note(request: httpx.Request) -> bool:
    """Whether the bytes to be sent are JSON with exactly a note's fields, private being true itself."""
    if request.headers.get("Content-Type") != "application/json":
        return False
    try:
        body = json.loads(request.content, object_pairs_hook=_no_field_twice)
    except (ValueError, httpx.RequestNotRead):
        return False
    return (
        isinstance(body, dict)
        and body.keys() == {"content", "message_type", "private"}
        and body["private"] is True
        and body["message_type"] == "outgoing"
    )


def _no_field_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ValueError("a field stands twice")
    return fields


def _list_of(value: Any, kind: type) -> list[Any]:
    if not isinstance(value, list) or not all(isinstance(item, kind) for item in value):
        raise ChatwootError("unreadable answer")
    return value
