"""Watching the commands that a Redis executes, where jobs are gone before one can look."""

from __future__ import annotations

import argparse
import queue
import re
import threading
import time
from abc import abstractmethod
from collections.abc import Iterator
from typing import Any

from z4j_adapters._options import Parser
from z4j_adapters.transfer.model import Source, SourceError
from z4j_adapters.transfer.polled import now_us
from z4j_adapters.transfer.values import redact
from z4j_adapters.transfer.watcher import Lost, Seen, Sight, Watcher

__all__ = ["MONITOR_HELP", "MonitoredRedis", "call_of", "words_of"]

RETRY_S = 0.5
MONITOR_HELP = """\
Jobs are gone from Redis as soon as a worker has them, so that the watch reads what Redis executes
(MONITOR).  Nothing has to be turned on, and nothing is changed or taken; but Redis does more for
each command meanwhile, so mind a server that is busy.  The user of the URL must be allowed MONITOR.
Jobs of other databases of the same server are left out."""

_LINE = re.compile(r"^(\d+\.\d+) \[(\d+) [^\]]*\] (.*)$", re.DOTALL)
_WORD = re.compile(rb'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_ESCAPE = re.compile(rb"\\(x[0-9a-fA-F]{2}|.)", re.DOTALL)
_NAMED = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"a": b"\a", b"b": b"\b"}


class MonitoredRedis(Watcher):
    """Reads MONITOR in a thread."""

    packages = {"redis": "redis"}  # noqa: RUF012

    @classmethod
    def arguments(cls, parser: Parser) -> None:
        """Add --redis-url."""
        parser.option("redis-url", required=True, metavar="URL", help="Redis of the jobs")

    def __init__(self, options: argparse.Namespace) -> None:
        super().__init__(options)
        self._news: queue.SimpleQueue[Seen | Lost] = queue.SimpleQueue()
        self._begun = threading.Event()
        self._stopping = False

    @abstractmethod
    def jobs(self, words: list[bytes], at: int) -> Iterator[Seen]:
        """Yield the jobs that one command sends; `words`: its name in capitals, then the rest."""

    def open(self) -> Source:
        """Connect, and begin to read."""
        import redis

        url = self.options.redis_url
        try:
            client = redis.Redis.from_url(url, socket_connect_timeout=10)
            client.ping()
        except (redis.RedisError, ValueError) as error:
            raise SourceError(
                "NO_SOURCE", f"{redact(url)}: {error}", "name the Redis of the jobs"
            ) from None
        self._database = str(client.connection_pool.connection_kwargs.get("db") or 0)
        self._client = client
        threading.Thread(target=self._run, name="monitor", daemon=True).start()
        if not self._begun.wait(10):
            raise SourceError(
                "NO_SOURCE",
                f"{redact(url)}: it does not let us MONITOR",
                "give the URL of a user who may",
            )
        return Source("", "", redact(url))

    def look(self, wait_s: float) -> Iterator[Sight]:
        """What was read since."""
        deadline = time.monotonic() + wait_s
        while True:
            try:
                yield self._news.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                return

    def close(self) -> Iterator[Sight]:
        """Read no more."""
        self._stopping = True
        return iter(())

    def _run(self) -> None:
        import redis

        good_us = now_us()
        while not self._stopping:
            try:
                with self._client.monitor() as monitor:
                    if self._begun.is_set():
                        self._news.put(Lost(good_us, now_us()))
                    self._begun.set()
                    while not self._stopping:
                        text = _text(monitor.connection.read_response())
                        good_us = now_us()
                        self._take(text)
            except redis.RedisError:
                time.sleep(RETRY_S)

    def _take(self, text: str) -> None:
        line = _LINE.match(text)
        if line is None or line[2] != self._database:
            return
        words = words_of(line[3])
        if not words:
            return
        words[0] = words[0].upper()
        try:
            seen = list(self.jobs(words, round(float(line[1]) * 1e6)))
        except Exception:  # Whatever others write there.
            return
        for job in seen:
            self._news.put(job)


def words_of(command: str) -> list[bytes]:
    """The words of a command as MONITOR shows it: quoted, and what is not ASCII escaped."""
    quoted = _WORD.findall(command.encode("utf-8", "surrogateescape"))
    return [_ESCAPE.sub(_unescaped, word) for word in quoted]


def _unescaped(match: re.Match[bytes]) -> bytes:
    found = match[1]
    if len(found) == 3:
        return bytes([int(found[1:], 16)])
    return _NAMED.get(found, found)


def call_of(args: Any, kwargs: Any) -> tuple[list[Any] | None, dict[str, Any] | None]:
    """Arguments as Seen has them, of what a message held."""
    return (
        list(args) if isinstance(args, (list, tuple)) else None,
        dict(kwargs) if isinstance(kwargs, dict) else None,
    )


def _text(response: Any) -> str:
    return response.decode("utf-8", "surrogateescape") if isinstance(response, bytes) else response
