"""Watching by looking again and again, where jobs stay visible for a while."""

from __future__ import annotations

import argparse
import time
from abc import abstractmethod
from collections import OrderedDict
from collections.abc import Hashable, Iterator
from typing import Any

from z4j_adapters._options import Parser
from z4j_adapters.transfer.model import Source, SourceError
from z4j_adapters.transfer.values import redact
from z4j_adapters.transfer.watcher import Lost, Seen, Sight, Watcher

__all__ = ["PolledRedis", "Remembered", "now_us"]

KEPT = 1_000_000  # Jobs remembered, ~100 MB; more than are visible at a time.


class Remembered:
    """What was seen, the oldest forgotten first."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Hashable, None] = OrderedDict()

    def is_new(self, key: Hashable) -> bool:
        """Whether `key` was not asked about before."""
        if key in self._kept:
            return False
        self._kept[key] = None
        if len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        return True


class PolledRedis(Watcher):
    """Looks into Redis."""

    packages = {"redis": "redis"}  # noqa: RUF012

    @classmethod
    def arguments(cls, parser: Parser) -> None:
        """Add --redis-url."""
        parser.option("redis-url", required=True, metavar="URL", help="Redis of the jobs")

    def __init__(self, options: argparse.Namespace) -> None:
        super().__init__(options)
        self.remembered = Remembered()
        self._down = False

    @abstractmethod
    def version(self) -> str:
        """Of the engine's library, as far as it is known here."""

    @abstractmethod
    def poll(self, client: Any) -> Iterator[Seen]:
        """Yield jobs sent at or after `self.begin_us` that are `remembered` as new.

        May raise redis.RedisError; the next look goes on.
        """

    def open(self) -> Source:
        """Connect, and take note of what is there."""
        import redis

        url = self.options.redis_url
        try:
            self._client = redis.Redis.from_url(url, socket_timeout=10)
            self._client.ping()
            self.begin_us = self._looked_us = now_us()
            list(self.poll(self._client))
        except (redis.RedisError, ValueError) as error:
            raise SourceError(
                "NO_SOURCE", f"{redact(url)}: {error}", "name the Redis of the jobs"
            ) from None
        return Source("", self.version(), redact(url))

    def look(self, wait_s: float) -> Iterator[Sight]:
        """What came since, found by one look at the end of the wait."""
        import redis

        time.sleep(wait_s)
        looked_us = now_us()
        try:
            yield from self.poll(self._client)
        except redis.RedisError:
            self._down = True
            return
        if self._down:  # What was deleted meanwhile cannot be known.
            self._down = False
            yield Lost(self._looked_us, looked_us)
        self._looked_us = looked_us


def now_us() -> int:
    """Microseconds since the epoch."""
    return time.time_ns() // 1000
