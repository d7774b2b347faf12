"""What Redis remembers of a fire that was handed over: the value of its dedupe key."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Mark", "cancelled"]

HEAD = b"cancelled\0"


class Mark(NamedTuple):
    """What a dedupe key says."""

    ref: bytes
    cancelled_at_s: float | None = None
    """When a purge took it out of its queue, seconds since the epoch; None: none has."""

    @classmethod
    def read(cls, value: bytes) -> Mark:
        """Read a value: a fire_ref, or what `cancelled` wrote."""
        if not value.startswith(HEAD):
            return cls(value)
        at_ms, _, ref = value[len(HEAD) :].partition(b"\0")
        return cls(ref, int(at_ms) / 1000)


def cancelled(ref: bytes, at_s: float) -> bytes:
    """Write the value for a fire that was purged."""
    return b"%s%d\0%s" % (HEAD, int(at_s * 1000), ref)
