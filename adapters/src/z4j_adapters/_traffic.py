"""The fires that a link has under way, whichever of its streams they came over."""

from __future__ import annotations

import asyncio

__all__ = ["Traffic"]


class Traffic:
    """Counts fires from their arrival until their results are written."""

    def __init__(self, max_in_flight: int) -> None:
        self.max_in_flight = max_in_flight
        self.in_flight = 0
        self.draining = False
        """No new fires are taken."""
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def load(self) -> float:
        """Of what it may take, what it has: 0 to 1."""
        return 1.0 if self.draining else min(1.0, self.in_flight / self.max_in_flight)

    def count(self, change: int) -> None:
        """So many more are under way."""
        self.in_flight += change
        if self.in_flight:
            self._idle.clear()
        else:
            self._idle.set()

    def stream_ended(self) -> None:
        """Nobody waits for results any more."""
        self.in_flight = 0
        self._idle.set()

    async def wait_idle(self) -> None:
        """Return once none is under way."""
        await self._idle.wait()
