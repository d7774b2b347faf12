"""Schedules that taskiq-redis keeps in Redis, read without taking part in them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from z4j_adapters.transfer.model import SourceError
from z4j_adapters.transfer.pickles import PickleRefused, load
from z4j_adapters.transfer.values import redact

__all__ = ["Stored", "Unreadable", "read_stored"]

CHUNK = 500
ANSWER_S, CONNECT_S = 30.0, 5.0


class Unreadable(ValueError):
    """An entry's bytes are no schedule; the message says why."""


@dataclass(frozen=True, slots=True)
class Stored:
    """One entry; its bytes are not looked at yet."""

    id: str
    key: str
    """In Redis."""
    data: bytes

    def fields(self) -> dict[str, Any]:
        """What is stored: the fields of a ScheduledTask.

        Raises:
            Unreadable: The bytes are neither a pickle of plain data nor JSON.
        """
        try:
            found = json.loads(self.data) if self.data[:1] == b"{" else load(self.data)
        except (PickleRefused, ValueError) as error:
            raise Unreadable(str(error)) from None
        if not isinstance(found, dict) or not all(isinstance(key, str) for key in found):
            raise Unreadable(f"it holds a {type(found).__name__}, not the fields of a schedule")
        return found


def read_stored(url: str, prefix: str) -> list[Stored]:
    """Read what both sources of taskiq-redis keep under `prefix`.

    ListRedisScheduleSource has lists of ids beside the entries, and sends only what is listed.
    RedisScheduleSource, the older one, has nothing but entries.

    Raises:
        SourceError: Redis cannot be read.
        ImportError: redis is not installed.
    """
    import redis

    try:
        client = redis.Redis.from_url(
            url, socket_timeout=ANSWER_S, socket_connect_timeout=CONNECT_S, decode_responses=False
        )
        with client:
            return _read(client, prefix)
    except (redis.RedisError, ValueError) as error:
        raise SourceError(
            "CANNOT_READ",
            f"--taskiq-redis-url {redact(url)}: {error}",
            "name the Redis of your schedule source, such as redis://localhost:6379/0",
        ) from error


def _read(client: Any, prefix: str) -> list[Stored]:
    keys = sorted(bytes(key) for key in client.scan_iter(_pattern(prefix), count=1000))
    start = f"{prefix}:".encode()
    lists = [f"{prefix}:cron".encode(), f"{prefix}:interval".encode()]
    lists += [key for key in keys if key.startswith(start + b"time:")]
    listed: dict[bytes, None] = {}
    for key in lists:
        if client.type(key) == b"list":
            listed.update(dict.fromkeys(client.lrange(key, 0, -1)))
    wanted = [(each, start + b"data:" + each) for each in listed]
    reserved = (start + b"data:", start + b"time:")
    wanted += [
        (key[len(start) :], key)
        for key in keys
        if not key.startswith(reserved) and key not in lists
    ]
    return list(_entries(client, wanted))


def _entries(client: Any, wanted: list[tuple[bytes, bytes]]) -> Iterator[Stored]:
    for at in range(0, len(wanted), CHUNK):
        chunk = wanted[at : at + CHUNK]
        # What is no string is none of TaskIQ's, and reads as none.
        for (name, key), data in zip(chunk, client.mget([key for _, key in chunk]), strict=True):
            if data is not None:
                yield Stored(_text(name), _text(key), bytes(data))


def _pattern(prefix: str) -> str:
    escaped = "".join(f"\\{char}" if char in "*?[]\\" else char for char in prefix)
    return f"{escaped}:*"


def _text(data: bytes) -> str:
    return data.decode("utf-8", "backslashreplace")
