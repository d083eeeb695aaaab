"""Connections that others hold open: each has its time, and the oldest idle one goes.

uvicorn waits for ever for the end of a request, and for whoever does not read a reply.
Here each has a deadline that no byte in between moves. Where there are as many
connections as are answered at a time, the one that has waited longest without a request
makes room for the next.
"""

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

# More requests at a time are told to come again.
MOST = 128
REQUEST_S, REPLY_S = 10.0, 120.0


class TimedProtocol(H11Protocol):
    """A connection that is closed when a request or the reader of a reply is late."""

    _timer: asyncio.TimerHandle | None = None
    _was_busy = False

    @property
    def is_busy(self) -> bool:
        """Whether a request has come whose reply is not complete."""
        return self.cycle is not None and not self.cycle.response_complete

    def connection_made(self, transport: Any) -> None:
        """Begin to wait for a request."""
        self._make_room()
        super().connection_made(transport)
        self._wait(REQUEST_S)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        super().connection_lost(exc)
        if self._timer is not None:
            self._timer.cancel()

    def handle_events(self) -> None:
        """Wait for the reply where the request has come to its end."""
        super().handle_events()
        if self.is_busy and not self._was_busy:
            self._was_busy = True
            self._wait(REPLY_S)

    def on_response_complete(self) -> None:
        """Wait for the next request, or for the reader of what is not sent yet."""
        self._was_busy = False
        self._wait(REQUEST_S if not self.transport.is_closing() else REPLY_S)
        super().on_response_complete()

    def _wait(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self.loop.call_later(seconds, self._end)

    def _end(self) -> None:
        self.connections.discard(self)
        self.transport.abort()

    def _make_room(self) -> None:
        # Told to come again is who finds all of the others at work.
        if len(self.connections) < MOST - 1:
            return
        idle = [c for c in self.connections if isinstance(c, TimedProtocol)]
        idle = [c for c in idle if not c.is_busy and c._timer is not None]
        if idle:
            min(idle, key=lambda c: c._timer.when())._end()  # type: ignore[union-attr]
