"""uvicorn's HTTP with limits on a request's headers, which uvicorn itself waits for without end."""

from __future__ import annotations

import asyncio
from asyncio import TimerHandle

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from api.json_body import MAX_BODY_BYTES

HEADER_SECONDS = 10.0
HEADER_BYTES = 64 * 1024  # httptools itself takes any number.


class ImpatientHttpProtocol(HttpToolsProtocol):
    """Closes a connection whose request line and headers are not complete in time."""

    _deadline: TimerHandle | None = None
    _header_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client that connects must ask something."""
        super().connection_made(transport)
        self._set_deadline()

    def data_received(self, data: bytes) -> None:
        """Count what comes before the headers are complete."""
        if self._deadline is not None:
            self._header_bytes += len(data)
            if self._header_bytes > HEADER_BYTES + MAX_BODY_BYTES:  # A body may come in the same piece.
                self.transport.close()
                return
        super().data_received(data)

    def on_message_begin(self) -> None:
        """The next request on the connection has its own time."""
        super().on_message_begin()
        self._set_deadline()

    def on_headers_complete(self) -> None:
        """In time."""
        self._clear_deadline()
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing to wait for any more."""
        self._clear_deadline()
        super().connection_lost(exc)

    def _set_deadline(self) -> None:
        self._clear_deadline()
        self._deadline = self.loop.call_later(HEADER_SECONDS, self.transport.close)

    def _clear_deadline(self) -> None:
        self._header_bytes = 0
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
