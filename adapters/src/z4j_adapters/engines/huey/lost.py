"""Says which runs vanished: their worker fell silent, or they left the queue without a trace."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping

from z4j_adapters.engines.huey.marks import Mark

__all__ = ["SilentWorkers", "Vanished"]

WATCHED_MAX = 500_000


class SilentWorkers:
    """Notices workers whose sign of life changes no more.  By our clock alone."""

    def __init__(self, lost_after_s: float) -> None:
        self._lost_after_s = lost_after_s
        self._heard: dict[str, tuple[tuple[str, float], float]] = {}

    def lost(self, running: Mapping[str, Mark], beats: Mapping[str, str]) -> list[str]:
        """Name the runs whose worker has been silent for too long."""
        now = time.monotonic()
        newest: dict[str, float] = {}
        for mark in running.values():
            newest[mark.worker] = max(mark.at_s, newest.get(mark.worker, 0.0))
        for worker, at_s in newest.items():
            known = self._heard.get(worker)
            sign = (beats.get(worker, ""), max(at_s, known[0][1] if known else 0.0))
            if known is None or known[0] != sign:  # To begin a run is a sign of life, too.
                self._heard[worker] = (sign, now)
        for worker in [w for w in self._heard if w not in beats and w not in newest]:
            del self._heard[worker]
        silent = {w for w, (_, at) in self._heard.items() if now - at >= self._lost_after_s}
        return [fire_id for fire_id, mark in running.items() if mark.worker in silent]


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
        while len(self._waiting_since) > WATCHED_MAX:  # Begun unseen: no one asks after them.
            del self._waiting_since[next(iter(self._waiting_since))]
        old = [i for i in waiting if now - self._waiting_since.get(i, now) >= self._lost_after_s]
        if not old or (queue := self._queue_now(now)) is None:
            return []
        lost = []
        for fire_id in old:
            if fire_id in queue:
                self._missing_since.pop(fire_id, None)
            elif now - self._missing_since.setdefault(fire_id, now) >= self._lost_after_s:
                lost.append(fire_id)
        return lost

    def _queue_now(self, now: float) -> set[str] | None:
        if now >= self._read_again_at:
            self._queue = self._read_queue()
            self._read_again_at = now + self._lost_after_s / 4
        return self._queue
