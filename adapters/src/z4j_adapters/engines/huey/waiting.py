"""Which fires wait in Huey's queue and schedule."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from z4j_adapters.engines.huey.instance import is_redis
from z4j_adapters.engines.huey.results import StoredReader

__all__ = ["waiting_fires"]

MESSAGES_MAX, BYTES_MAX = 10_000, 64 * 1024 * 1024
CHUNK = 200


def waiting_fires(storage: Any, reader: StoredReader) -> set[str] | None:
    """Read the ids of all fires that wait; None if there is too much to read."""
    if storage.schedule_size() + storage.queue_size() > MESSAGES_MAX:
        return None
    found: set[str] = set()
    size = 0
    # The schedule first: what the consumer moves meanwhile is seen in the queue.
    for messages in (_scheduled(storage), _queued(storage)):
        for message in messages:
            size += len(message)
            if size > BYTES_MAX:
                return None
            if (fire_id := reader.fire_of(message)) is not None:
                found.add(fire_id)
    return found


# Each begins with what is taken last.  Then whatever comes and goes meanwhile moves messages only
# towards what is still to be read: one may be read twice, none is missed.


def _queued(storage: Any) -> Iterator[bytes]:
    if not is_redis(storage):
        yield from _rows(storage, "task")
    elif storage.priority:
        for member in _members(storage, storage.queue_key):
            yield member[8:]
    else:
        start = 0
        while chunk := storage.conn.lrange(storage.queue_key, start, start + CHUNK - 1):
            yield from chunk
            start += CHUNK


def _scheduled(storage: Any) -> Iterator[bytes]:
    if is_redis(storage):
        return _members(storage, storage.schedule_key)
    return _rows(storage, "schedule")


def _members(storage: Any, key: str) -> Iterator[bytes]:
    end = -1
    while chunk := storage.conn.zrange(key, end - CHUNK + 1, end):
        yield from chunk
        end -= CHUNK


def _rows(storage: Any, table: str) -> Iterator[bytes]:
    query = f"select id, data from {table} where queue = ? and id > ? order by id limit {CHUNK}"
    last = -1
    while rows := storage.sql(query, (storage.name, last), results=True):
        yield from (bytes(data) for _, data in rows)
        last = rows[-1][0]
