"""What the engine said and the scheduler has not yet made durable."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence

from z4j_adapters._models import Outcome

__all__ = ["OutcomeBuffer", "OutcomeStream"]

OUTCOMES_PER_MESSAGE_MAX = 1000  # adapter.proto: Outcomes.outcomes.
MESSAGES_UNACKED_MAX = 8  # Hides the round trip; more would only be sent again after a break.
BUFFERED_MAX = 200_000  # ~100 MB; over it the engine is not read any more.


class OutcomeBuffer:
    """Keeps outcomes until they are acknowledged; at most one stream takes from it at a time.

    Sequence numbers are a stream's own, so a new stream begins with all that is unacknowledged.
    """

    def __init__(self, bound: int = BUFFERED_MAX) -> None:
        self._bound = bound
        self._waiting: deque[Outcome] = deque()
        self._stream: OutcomeStream | None = None
        self._changed = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()

    def __len__(self) -> int:
        unacked = self._stream.unacked if self._stream else 0
        return len(self._waiting) + unacked

    async def add(self, outcomes: Sequence[Outcome]) -> None:
        """Append; waits while the buffer is over its bound."""
        await self._room.wait()
        self._waiting.extend(outcomes)
        self._update()

    async def wait_empty(self) -> None:
        """Return once everything is acknowledged."""
        while len(self):
            self._changed.clear()
            await self._changed.wait()

    def open_stream(self) -> OutcomeStream:
        """Become the stream that outcomes go to; the one before takes no more."""
        if self._stream is not None:
            self._stream.close()
        self._stream = OutcomeStream(self)
        self._update()
        return self._stream

    def _take(self) -> list[Outcome]:
        count = min(len(self._waiting), OUTCOMES_PER_MESSAGE_MAX)
        return [self._waiting.popleft() for _ in range(count)]

    def _give_back(self, stream: OutcomeStream, batches: Sequence[list[Outcome]]) -> None:
        for batch in reversed(batches):
            self._waiting.extendleft(reversed(batch))
        if self._stream is stream:
            self._stream = None
        self._update()

    def _update(self) -> None:
        self._changed.set()
        if len(self) < self._bound:
            self._room.set()
        else:
            self._room.clear()
        if self._stream is not None:
            self._stream.wake()


class OutcomeStream:
    """One stream's view: numbered messages out, acknowledgements in."""

    def __init__(self, buffer: OutcomeBuffer) -> None:
        self._buffer = buffer
        self._unacked: dict[int, list[Outcome]] = {}
        self._sequence = 0
        self._closed = False
        self._wake = asyncio.Event()

    @property
    def unacked(self) -> int:
        """Outcomes sent and not acknowledged."""
        return sum(len(batch) for batch in self._unacked.values())

    async def next(self) -> tuple[int, list[Outcome]] | None:
        """Return the next numbered message, or None once closed."""
        while not self._closed:
            if self._buffer._waiting and len(self._unacked) < MESSAGES_UNACKED_MAX:
                self._sequence += 1
                batch = self._unacked[self._sequence] = self._buffer._take()
                return self._sequence, batch
            self._wake.clear()
            await self._wake.wait()
        return None

    def ack(self, sequence: int) -> None:
        """Forget the messages up to `sequence`."""
        for number in [n for n in self._unacked if n <= sequence]:
            del self._unacked[number]
        self._buffer._update()

    def close(self) -> None:
        """Give back what is unacknowledged, in order.  Idempotent."""
        if not self._closed:
            self._closed = True
            batches = [self._unacked[n] for n in sorted(self._unacked)]
            self._unacked.clear()
            self._buffer._give_back(self, batches)
            self._wake.set()

    def wake(self) -> None:
        """Look again whether there is something to send."""
        self._wake.set()
