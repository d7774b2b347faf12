"""Whether a message still waits in its queue or is in a worker's hands, as far as Redis knows."""

from __future__ import annotations

import abc
import contextlib
import re
import time
from collections.abc import Iterator, Mapping
from typing import Any

import redis

from z4j_adapters.engines.taskiq.marks import Mark

__all__ = ["ListWhereabouts", "StreamWhereabouts", "Whereabouts", "queued_messages"]

# Fire ids are UUIDs of version 5; the library's own are 32 hex digits of version 4.
FIRE_ID = re.compile(rb"[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
PAGE_MESSAGES = 1000
SCANNED_MAX = 200_000
"""Messages of a list that are looked through; nothing in a longer one is called gone."""


class Whereabouts(abc.ABC):
    """Blocks; redis-py's errors are the caller's."""

    @abc.abstractmethod
    def gone(self, marks: Mapping[str, Mark]) -> set[str]:
        """Name those fires that wait in no queue and that no worker holds, as far as is known."""


class ListWhereabouts(Whereabouts):
    """A list forgets what was popped: what is not there any more runs, has run, or is lost."""

    def __init__(self, client: Any, fresh_s: float) -> None:
        self._client = client
        self._fresh_s = fresh_s
        self._seen: dict[str, tuple[float, set[bytes] | None]] = {}

    def gone(self, marks: Mapping[str, Mark]) -> set[str]:
        """See Whereabouts."""
        gone: set[str] = set()
        for fire_id, mark in marks.items():
            waiting = self._waiting(mark.queue)
            if waiting is not None and fire_id.encode() not in waiting:
                gone.add(fire_id)
        return gone

    def _waiting(self, queue: str) -> set[bytes] | None:
        """Fires in the queue, perhaps `fresh_s` ago; None: too many to look through."""
        read_at, waiting = self._seen.get(queue, (-1e9, None))
        now = time.monotonic()
        if now - read_at > self._fresh_s:
            waiting = None
            with contextlib.suppress(redis.ResponseError):  # It has become another type of key.
                if self._client.llen(queue) <= SCANNED_MAX:
                    texts = queued_messages(self._client, queue)
                    waiting = {fire_id for text in texts for fire_id in FIRE_ID.findall(text)}
            self._seen[queue] = now, waiting
        return waiting


def queued_messages(client: Any, queue: str) -> Iterator[bytes]:
    """Yield the messages of a list, newest first.

    From this end none is missed: those pushed meanwhile show some twice, those popped are at the
    other end.
    """
    for start in range(0, SCANNED_MAX, PAGE_MESSAGES):
        page = client.lrange(queue, start, start + PAGE_MESSAGES - 1)
        yield from page
        if len(page) < PAGE_MESSAGES:
            return


class StreamWhereabouts(Whereabouts):
    """A stream's consumer group keeps what was delivered until it is acknowledged."""

    def __init__(self, client: Any, group: str) -> None:
        self._client = client
        self._group = group

    def gone(self, marks: Mapping[str, Mark]) -> set[str]:
        """See Whereabouts: acknowledged, deleted, or trimmed."""
        delivered: dict[str, tuple[int, int]] = {}
        pipe = self._client.pipeline(transaction=False)
        for mark in marks.values():
            if mark.queue not in delivered:
                delivered[mark.queue] = self._last_delivered(mark.queue)
            pipe.xpending_range(mark.queue, self._group, mark.entry, mark.entry, 1)
            pipe.xrange(mark.queue, mark.entry, mark.entry, 1)
        answers = pipe.execute(raise_on_error=False) if marks else []
        gone: set[str] = set()
        for index, (fire_id, mark) in enumerate(marks.items()):
            pending, present = (_rows(answers[2 * index + i]) for i in (0, 1))
            waits = present and _entry(mark.entry) > delivered[mark.queue]
            if not pending and not waits:
                gone.add(fire_id)
        return gone

    def _last_delivered(self, stream: str) -> tuple[int, int]:
        with contextlib.suppress(redis.ResponseError):  # There is no such stream any more.
            for group in self._client.xinfo_groups(stream):
                if group["name"] == self._group.encode():
                    return _entry(group["last-delivered-id"].decode())
        return 0, 0


def _rows(answer: Any) -> Any:
    """What a pipelined command returned; nothing if stream or group were removed."""
    if isinstance(answer, redis.ResponseError):
        return []
    if isinstance(answer, Exception):
        raise answer
    return answer


def _entry(text: str) -> tuple[int, int]:
    milliseconds, _, number = text.partition("-")
    return int(milliseconds), int(number)
