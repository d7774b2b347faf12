"""What Redis remembers of a fire that was handed over: its dedupe key and the value there."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["CANCELLED", "QUEUES_KEY", "Mark", "mark_key", "mark_tail", "read_mark", "route_of"]

CANCELLED = "cancelled"
QUEUES_KEY = "z4j:taskiq:queues"
"""Names of the queues that were published to; TaskIQ itself keeps none."""


class Mark(NamedTuple):
    """The value of a dedupe key, which says where the message went."""

    entry: str
    """Of a stream: the entry's id.  Of a list: the time in ms and "-0".  Or CANCELLED."""
    queue: str
    task: str
    ref: bytes

    @property
    def pushed_s(self) -> float:
        """When, by Redis' clock, seconds since the epoch."""
        return int(self.entry.partition("-")[0]) / 1000

    @property
    def route(self) -> str:
        """As of the envelope."""
        return route_of(self.queue, self.task)


def mark_key(fire_id: str) -> str:
    """Name the dedupe key."""
    return f"z4j:taskiq:{fire_id}"


def route_of(queue: str, task: str) -> str:
    """Join what leads from a fire to its state, and names it for people."""
    return f"{queue}\n{task}"


def mark_tail(route: str) -> bytes:
    """Say what stands between the entry and the fire_ref; names hold no line breaks."""
    return f"\n{route}\n".encode()


def read_mark(value: bytes | None) -> Mark | None:
    """Read the value of a dedupe key; None if it is not ours."""
    parts = (value or b"").split(b"\n", 3)
    if len(parts) != 4:
        return None
    entry, queue, task = (part.decode() for part in parts[:3])
    return Mark(entry, queue, task, parts[3])
