"""uvicorn's HTTP with limits on a request's headers, which uvicorn itself waits for without end."""

from __future__ import annotations

import asyncio
from asyncio import TimerHandle

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from api.json_body import MAX_BODY_BYTES

HEADER_SECONDS = 10.0
HEADER_BYTES = 64 * 1024  # httptools itself takes any number.


class ImpatientHttpProtocol(HttpToolsProtocol):
    """Closes a connection whose request line and headers are not complete in time.

    One timer a connection, which looks again later when all is well: one for every request would cost more.
    """

    _timer: TimerHandle
    _awaited_since: float | None  # By the loop's clock; None while no headers are awaited.
    _header_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client that connects must ask something."""
        super().connection_made(transport)
        self._await_headers()
        self._timer = self.loop.call_later(HEADER_SECONDS, self._close_if_late)

    def data_received(self, data: bytes) -> None:
        """Count what comes before the headers are complete."""
        if self._awaited_since is not None:
            self._header_bytes += len(data)
            if self._header_bytes > HEADER_BYTES + MAX_BODY_BYTES:  # A body may come in the same piece.
                self.transport.close()
                return
        super().data_received(data)

    def on_message_begin(self) -> None:
        """The next request on the connection has its own time."""
        super().on_message_begin()
        self._await_headers()

    def on_headers_complete(self) -> None:
        """In time."""
        self._awaited_since = None
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing to wait for any more."""
        self._timer.cancel()
        super().connection_lost(exc)

    def _await_headers(self) -> None:
        self._header_bytes = 0
        self._awaited_since = self.loop.time()

    def _close_if_late(self) -> None:
        now = self.loop.time()
        left = HEADER_SECONDS if self._awaited_since is None else self._awaited_since + HEADER_SECONDS - now
        if left <= 0:
            self.transport.close()
        else:
            self._timer = self.loop.call_later(left, self._close_if_late)
