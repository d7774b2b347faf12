"""What was seen of one fire in Redis."""

from __future__ import annotations

import time

from z4j_adapters._models import OutcomeState
from z4j_adapters.engines.dramatiq.ends import End
from z4j_adapters.engines.dramatiq.redis_retries import Place

__all__ = ["Trace", "lost"]

EXPIRY_MARGIN_S = 1.0  # Between our clock and a worker's.


class Trace:
    """Since this adapter knows of it."""

    __slots__ = ("_key", "_queue", "dead", "dead_at", "gone_at", "waiting_at_s", "was_here")

    def __init__(self, place: Place) -> None:
        self.place = place
        self.was_here = False
        """Its message was found at least once."""
        self.waiting_at_s = 0.0
        """Last time at which it was in its queue and no worker had it."""
        self.gone_at: float | None = None
        """Monotonic; since when it has been nowhere."""
        self.dead: End | None = None
        """Dead-lettered; its text may follow."""
        self.dead_at = 0.0
        """Monotonic."""

    @property
    def place(self) -> Place:
        """Where its message is, or was last.  Kept in parts: there are very many that wait."""
        return Place(self._queue, self._key)

    @place.setter
    def place(self, place: Place) -> None:
        self._queue, self._key = place

    def is_here(self) -> None:
        """Its message was found."""
        self.gone_at, self.was_here = None, True

    def bury(self, end: End) -> None:
        """It has ended, other than well."""
        if self.dead is None:
            self.dead, self.dead_at = end, time.monotonic()

    def judge(self, end: End) -> End:
        """Make an expiry of it if it was waiting after that: then it cannot have begun before."""
        waited_ms = (self.waiting_at_s - EXPIRY_MARGIN_S) * 1000
        return end.expired() if 0 < end.expiry_ms <= waited_ms else end


def lost() -> End:
    """The end of what has been nowhere for too long."""
    return End(
        OutcomeState.LOST,
        int(time.time() * 1000),
        "it left its queue without a word: the queue was flushed, its message was skipped, or the "
        "workers' broker lacks one of Dramatiq's default middleware Pipelines and Retries",
    )
