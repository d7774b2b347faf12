"""What Huey's storage tells of its queue; purges."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence
from typing import Any

from z4j_adapters._errors import ControlFailed, EngineUnavailable
from z4j_adapters._models import FireRef, OutcomeState, QueueState, WorkerState
from z4j_adapters.engines.common.inspector import Inspector, Removed, check_queue
from z4j_adapters.engines.common.redis_inspector import (
    Note,
    RedisInspector,
    oldest,
    pop_oldest,
)
from z4j_adapters.engines.huey.instance import is_redis, own_storage
from z4j_adapters.engines.huey.marks import KEEP_S, Mark, SqliteMarks
from z4j_adapters.engines.huey.publish import dedupe_head, sqlite_failures
from z4j_adapters.engines.huey.results import StoredReader

__all__ = ["new_inspector"]

KEEP_MS = int(KEEP_S * 1000)
PART_ROWS_MAX = 200  # Of a file or a sorted set; each may be large.

# KEYS: the queue, a sorted set, then for each member the key of its fire's mark, or the queue
# again.  ARGV: the mark, its time to live in ms, then the members.  Answers with 1 for removed, 0
# if a consumer has it, a member each.
REMOVE_SCRIPT = """
local answer = {}
for i = 2, #KEYS do
  answer[i - 1] = redis.call('ZREM', KEYS[1], ARGV[i + 1])
  if answer[i - 1] == 1 and KEYS[i] ~= KEYS[1] then
    redis.call('SET', KEYS[i], ARGV[1], 'PX', ARGV[2])
  end
end
return answer
"""


def new_inspector(huey: Any) -> Inspector:
    """Make the one for the instance's storage."""
    if not is_redis(huey.storage):
        return SqliteQueue(huey)
    return SortedQueue(huey) if huey.storage.priority else ListQueue(huey)


class _Queue(Inspector):
    """One queue, the instance's.  What waits for its time, in the schedule, is not counted."""

    def __init__(self, huey: Any) -> None:
        super().__init__()  # Of what is mixed in.
        self._name = str(huey.name)
        self._storage = huey.storage
        self._stored = StoredReader(huey.serializer)

    def queues(self) -> list[QueueState]:
        """See Inspector."""
        return [QueueState(self._name, self._depth())]

    def workers(self) -> list[WorkerState]:
        """See Inspector."""
        raise ControlFailed("Huey's consumers tell nobody that they live")

    def depth(self, queue: str) -> int:
        """See Inspector."""
        check_queue(queue, [self._name])
        return self._depth()

    def _depth(self) -> int:
        raise NotImplementedError

    @staticmethod
    def _cancelled() -> Mark:
        return Mark(OutcomeState.CANCELLED.value, time.time())


class _RedisQueue(_Queue, RedisInspector):
    def _open(self) -> Any:
        # Its pool is its own unless it is Sentinel's.
        return own_storage(self._storage).conn

    def _mark_key(self, fire_id: str) -> str:
        return f"{dedupe_head(self._storage)}run:{fire_id}"

    def _refs(self, client: Any, ids: Sequence[str | None]) -> list[bytes | None]:
        """Read the fire_refs; None: it is another's, or its dedupe key has run out."""
        head = dedupe_head(self._storage)
        refs: list[bytes | None] = client.mget([head + (each or "-") for each in ids])
        return refs


class ListQueue(_RedisQueue):
    """Of RedisHuey."""

    def _depth(self) -> int:
        with self._connected() as client:
            return int(client.llen(self._storage.queue_key))

    def remove(self, queue: str, at_most: int) -> Removed:
        """See Inspector."""
        key, mark = self._storage.queue_key, self._cancelled().encode()
        with self._connected() as client:
            messages = oldest(client, key, at_most)
            if not messages:
                return Removed(0, 0, ())
            ids = [self._stored.fire_of(message) for message in messages]
            refs = self._refs(client, ids)
            notes = [each and Note(self._mark_key(each), mark, KEEP_MS) for each in ids]
            popped = pop_oldest(client, key, messages, [note or None for note in notes])
        return _removed(ids, refs, popped)


class SortedQueue(_RedisQueue):
    """Of PriorityRedisHuey."""

    def _depth(self) -> int:
        with self._connected() as client:
            return int(client.zcard(self._storage.queue_key))

    def remove(self, queue: str, at_most: int) -> Removed:
        """See Inspector."""
        key, mark = self._storage.queue_key, self._cancelled().encode()
        with self._connected() as client:
            members = client.zrange(key, 0, min(at_most, PART_ROWS_MAX) - 1)
            if not members:
                return Removed(0, 0, ())
            ids = [self._stored.fire_of(member[8:]) for member in members]
            refs = self._refs(client, ids)
            keys = [key, *(self._mark_key(each) if each else key for each in ids)]
            popped = client.eval(REMOVE_SCRIPT, len(keys), *keys, mark, KEEP_MS, *members)
        return _removed(ids, refs, popped)


class SqliteQueue(_Queue):
    """Of SqliteHuey: a part is one transaction of its file."""

    def __init__(self, huey: Any) -> None:
        super().__init__(huey)
        self._storage = own_storage(huey.storage)
        self._marks = SqliteMarks(self._storage)

    def _depth(self) -> int:
        with self._errors():
            return int(self._storage.queue_size())

    def remove(self, queue: str, at_most: int) -> Removed:
        """See Inspector."""
        name, count = self._storage.name, min(at_most, PART_ROWS_MAX)
        with self._errors():
            self._marks.make_table()
            with self._storage.db(commit=True) as cursor:
                cursor.execute(
                    "select id, data from task where queue = ? order by priority desc, id limit ?",
                    (name, count),
                )
                rows = cursor.fetchall()
                ids = [self._stored.fire_of(bytes(data)) for _, data in rows]
                refs = [self._ref(cursor, each) if each else None for each in ids]
                cursor.executemany("delete from task where id = ?", [(row,) for row, _ in rows])
                self._marks.put_in(cursor, [each for each in ids if each], self._cancelled())
        return _removed(ids, refs, [True] * len(ids))

    def _ref(self, cursor: Any, fire_id: str) -> bytes | None:
        query = "select ref from z4j_handed where queue = ? and id = ?"
        row = cursor.execute(query, (self._storage.name, fire_id)).fetchone()
        return None if row is None else bytes(row[0])

    def close(self) -> None:
        """See Inspector."""
        with contextlib.suppress(Exception):
            self._storage.close()

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite_failures(self._storage) as error:
            raise EngineUnavailable(f"{type(error).__name__}: {error}") from error


def _removed(
    ids: Sequence[str | None], refs: Sequence[bytes | None], gone: Sequence[Any]
) -> Removed:
    fires = [
        FireRef(fire_id, ref)
        for fire_id, ref, removed in zip(ids, refs, gone, strict=True)
        if fire_id and ref is not None and removed
    ]
    return Removed(len(ids), sum(map(bool, gone)), fires)
