"""Huey messages: one per template, made by Huey's own classes, then filled in per fire."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from random import randrange
from typing import Any, NamedTuple
from uuid import uuid4, uuid5

from huey.utils import normalize_expire_time

from z4j_adapters._models import Fire

__all__ = ["EPOCH", "Envelope", "Filled", "writer"]

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)

# What differs between fires.  A mark stands in its place while Huey's serializer writes the
# message; marks are as long as what replaces them.
MARK_ID = str(uuid4())
MARK_EXPIRES = datetime(9001, 1, 2, 3, 4, 5, randrange(1_000_000), timezone.utc)
MARK_RESOLVED = datetime(9002, 1, 2, 3, 4, 5, randrange(1_000_000))


class Filled(NamedTuple):
    """What replaces the marks."""

    id: str
    expires: datetime | None
    resolved: datetime | None


@dataclass(frozen=True, slots=True)
class Envelope:
    """One template's message, complete but for what a fire brings."""

    route: str
    """Name of the queue."""
    priority: float | None
    """Of Huey: the highest runs first."""
    expires_s: float | None
    """After the due time."""
    utc: bool
    write: Callable[[Filled], bytes]
    size_bytes: int
    """Memory it takes, roughly."""

    def payload(self, fire: Fire) -> bytes:
        """Write what a consumer takes from the queue."""
        if self.expires_s is None:
            return self.write(Filled(fire.id, None, None))
        at = EPOCH + timedelta(microseconds=fire.due_us + round(self.expires_s * 1e6))
        return self.write(Filled(fire.id, at, normalize_expire_time(at, self.utc)))


def writer(
    serialize: Callable[[Any], bytes], message: Any, *, expires: bool
) -> Callable[[Filled], bytes]:
    """Make the function that writes a message for a fire.

    Most serializers write marks as they are, so that putting other bytes in their place is all
    there is to do.  Whether this one does is tried out; one that signs or compresses is called
    for every fire.
    """

    def slow(filled: Filled) -> bytes:
        return serialize(message._replace(**_changes(filled, expires)))

    def fast(filled: Filled) -> bytes:
        written = filled.id.encode().join(parts)
        if expires:
            written = written.replace(marks[0], _state(filled.expires))
            written = written.replace(marks[1], _state(filled.resolved))
        return written

    marks = _state(MARK_EXPIRES), _state(MARK_RESOLVED)
    parts = slow(Filled(MARK_ID, MARK_EXPIRES, MARK_RESOLVED)).split(MARK_ID.encode())
    return fast if all(fast(probe) == slow(probe) for probe in _probes()) else slow


def _changes(filled: Filled, expires: bool) -> dict[str, Any]:
    if not expires:
        return {"id": filled.id}
    return {"id": filled.id, "expires": filled.expires, "expires_resolved": filled.resolved}


def _probes() -> list[Filled]:
    """Fires with bytes of all kinds: a serializer may write some longer than others."""
    at = datetime(2026, 12, 31, 23, 59, 59, 0x0CFFFE)  # 2026 is 07 EA.
    low = datetime(2048, 1, 1, 1, 1, 1, 0x010101)
    space = uuid4()
    return [
        Filled(str(uuid5(space, "1")), at.replace(tzinfo=timezone.utc), low),
        Filled(str(uuid5(space, "2")), low.replace(tzinfo=timezone.utc), at),
    ]


def _state(at: Any) -> bytes:
    """The ten bytes that pickle keeps of a datetime."""
    return bytes(at.__reduce__()[1][0])
