"""The little of Redis that rq-scheduler needs to write down a job, in memory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from redis.connection import Encoder

__all__ = ["MemoryRedis"]

_encode = Encoder("utf-8", "strict", False).encode


class MemoryRedis:
    """Hashes and sorted sets of one process, as redis.Redis answers about them."""

    def __init__(self) -> None:
        self._hashes: dict[bytes, dict[bytes, bytes]] = {}
        self._scores: dict[bytes, dict[bytes, float]] = {}
        self._asked: list[dict[bytes, bytes]] = []

    def hset(self, key: Any, *, mapping: Mapping[Any, Any]) -> None:
        """Write fields of a hash."""
        fields = {_encode(name): _encode(value) for name, value in mapping.items()}
        self._hashes.setdefault(_encode(key), {}).update(fields)

    def hgetall(self, key: Any) -> None:
        """Ask for a hash; `execute` answers."""
        self._asked.append(self._hashes.get(_encode(key), {}))

    def zadd(self, key: Any, mapping: Mapping[Any, float]) -> None:
        """Add members."""
        scores = {_encode(name): float(score) for name, score in mapping.items()}
        self._scores.setdefault(_encode(key), {}).update(scores)

    def zrange(self, key: Any, first: int, last: int, *, withscores: bool) -> list[Any]:
        """All members, in the order in which they were added."""
        assert (first, last, withscores) == (0, -1, True)
        return list(self._scores.get(_encode(key), {}).items())

    def pipeline(self, *, transaction: bool) -> MemoryRedis:
        """Itself: what is asked for waits for `execute`."""
        assert not transaction
        return self

    def execute(self) -> list[dict[bytes, bytes]]:
        """What was asked for."""
        found, self._asked = self._asked, []
        return found

    def __enter__(self) -> MemoryRedis:
        return self

    def __exit__(self, *args: object) -> None:
        return None
