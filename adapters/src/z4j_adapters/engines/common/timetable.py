"""Which fires are asked after when: in slots of time, for there may be very many of them."""

from __future__ import annotations

import heapq
from collections.abc import Iterable

__all__ = ["Timetable"]

SLOT_S = 0.01


class Timetable:
    """Ids by the time they are due, up to a hundredth of a second later.

    Time is an argument, in seconds of a monotonic clock.  An id may be in it more than once, and
    stays until it is due: whoever takes it knows whether it is of interest still.
    """

    def __init__(self) -> None:
        self._slots: dict[int, list[str]] = {}
        self._order: list[int] = []

    def add(self, at_s: float, ids: Iterable[str]) -> None:
        """Put ids behind those that are due in the same slot."""
        slot = int(at_s / SLOT_S) + 1
        if slot not in self._slots:
            self._slots[slot] = []
            heapq.heappush(self._order, slot)
        self._slots[slot] += ids

    def take(self, now_s: float, at_most: int) -> list[str]:
        """Take out what is due, longest due first."""
        taken: list[str] = []
        while self._order and self._order[0] * SLOT_S <= now_s and len(taken) < at_most:
            ids = self._slots[self._order[0]]
            part = ids[: at_most - len(taken)]
            taken += part
            del ids[: len(part)]
            if not ids:
                del self._slots[heapq.heappop(self._order)]
        return taken
