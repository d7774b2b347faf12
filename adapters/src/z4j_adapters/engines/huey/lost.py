"""Says which runs vanished: their worker fell silent, or they left the queue without a trace."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping

from z4j_adapters.engines.common.oldest import oldest_over
from z4j_adapters.engines.huey.marks import Mark

__all__ = ["Vanished", "Workers"]

WATCHED_MAX = 500_000


class Workers:
    """Notices workers whose sign of life changes no more.  By our clock alone."""

    def __init__(self, lost_after_s: float) -> None:
        self._lost_after_s = lost_after_s
        self._heard: dict[str, tuple[str, float, float]] = {}
        """By worker: its beat, the newest start of a run, and when we saw either change."""

    def hear(self, beats: Mapping[str, str], running: Collection[Mark]) -> None:
        """Take in what was read: to begin a run is a sign of life, too."""
        now = time.monotonic()
        began: dict[str, float] = {}
        for mark in running:
            began[mark.worker] = max(mark.at_s, began.get(mark.worker, 0.0))
        for worker in beats.keys() | began.keys():
            beat, began_s, at = self._heard.get(worker, (None, 0.0, now))
            newest = max(began_s, began.get(worker, 0.0))
            if beat != beats.get(worker, "") or newest != began_s:
                at = now
            self._heard[worker] = (beats.get(worker, ""), newest, at)
        for worker in self._heard.keys() - beats.keys() - began.keys():
            del self._heard[worker]

    def is_silent(self, worker: str) -> bool:
        """Whether it has been for too long."""
        return time.monotonic() - self._heard[worker][2] >= self._lost_after_s

    def any_alive(self) -> bool:
        """Whether one is not silent."""
        return not all(map(self.is_silent, self._heard))


class Vanished:
    """Notices fires that wait for a consumer and are in no queue any more.

    A consumer that is killed, or loses its connection, just when it takes a message leaves no
    mark.  A fire is lost if it is twice not found, `lost_after_s` apart, and not begun either.
    """

    def __init__(self, lost_after_s: float, queued: Callable[[], set[str] | None]) -> None:
        """`queued` reads the ids in the queue; None if they are too many to read."""
        self._lost_after_s = lost_after_s
        self._read_queue = queued
        self._queue: set[str] | None = None
        self._read_again_at = float("-inf")
        self._waiting_since: dict[str, float] = {}
        self._missing_since: dict[str, float] = {}

    def lost(self, waiting: Collection[str], begun: Collection[str]) -> list[str]:
        """Name those that vanished.

        Args:
            waiting: Fires that are to be begun, as read just now.
            begun: Fires that have been.
        """
        now = time.monotonic()
        for fire_id in begun:
            self._waiting_since.pop(fire_id, None)
            self._missing_since.pop(fire_id, None)
        for fire_id in waiting:
            self._waiting_since.setdefault(fire_id, now)
        # The oldest are asked after no more.
        for oldest in oldest_over(self._waiting_since, WATCHED_MAX):
            del self._waiting_since[oldest]
            self._missing_since.pop(oldest, None)
        old = [i for i in waiting if now - self._waiting_since.get(i, now) >= self._lost_after_s]
        if not old or (queue := self.queue_now()) is None:
            return []
        lost = []
        for fire_id in old:
            if fire_id in queue:
                self._missing_since.pop(fire_id, None)
            elif now - self._missing_since.setdefault(fire_id, now) >= self._lost_after_s:
                lost.append(fire_id)
        return lost

    def queue_now(self) -> set[str] | None:
        """Read what is in the queue, if it was not read just before; None: too much to read."""
        now = time.monotonic()
        if now >= self._read_again_at:
            self._queue = self._read_queue()
            self._read_again_at = now + self._lost_after_s / 4
        return self._queue
