"""What is known of runs beside Huey's own state: kept in the broker, with an end to its keeping.

Written by `signals` in the user's consumer, and by the adapter for what it cancels.  This file is
loaded in the user's processes: it needs nothing but the standard library.
"""

from __future__ import annotations

import abc
import json
import math
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

__all__ = [
    "KEEP_OPEN_S",
    "KEEP_S",
    "WAITING",
    "Mark",
    "MarkStore",
    "RedisMarks",
    "SqliteMarks",
    "is_fire",
]

KEEP_S = 2 * 86_400.0
"""How long an end is kept, and a worker's last sign of life."""
KEEP_OPEN_S = 60 * 86_400.0
"""How long the mark of a run is kept that has not ended: longer than any runs."""
WAITING = "waiting"
"""The state of a run whose next attempt waits; the others are those of OutcomeState."""
STATES = ("running", WAITING, "succeeded", "failed", "cancelled", "expired", "lost")


def is_fire(task_id: str) -> bool:
    """Whether it may be ours: fire ids are version 5 UUIDs, Huey's own are version 4."""
    return len(task_id) == 36 and task_id[14] == "5"


class Mark(NamedTuple):
    """How far a run has come."""

    state: str
    at_s: float
    worker: str = ""
    error: str = ""
    began_s: float = 0.0
    """When the run began; 0: it did not."""

    @property
    def keep_s(self) -> float:
        """How long it is of use."""
        return KEEP_OPEN_S if self.state in ("running", WAITING) else KEEP_S

    def encode(self) -> str:
        """Write it."""
        return json.dumps(self)

    @classmethod
    def decode(cls, text: str | bytes) -> Mark | None:
        """Read what `encode` wrote; None if it is something else."""
        try:
            mark = cls(*json.loads(text))
        except (ValueError, TypeError):
            return None
        return mark if mark.state in STATES else None


class MarkStore(abc.ABC):
    """Marks by fire id and signs of life by worker.  Raises what its storage raises."""

    @abc.abstractmethod
    def put(self, fire_id: str, mark: Mark) -> None:
        """Replace the fire's mark."""

    @abc.abstractmethod
    def put_late(self, fire_id: str, mark: Mark) -> None:
        """Put a mark that could not be put in time, unless a newer one is there; atomic."""

    @abc.abstractmethod
    def get(self, fire_ids: Sequence[str]) -> dict[str, Mark]:
        """Read marks; leaves out fires without."""

    @abc.abstractmethod
    def beat(self, worker: str, text: str) -> None:
        """Replace the worker's sign of life."""

    @abc.abstractmethod
    def beats(self) -> dict[str, str]:
        """Read the signs of life of all workers; they are kept after a worker's end."""

    @abc.abstractmethod
    def forget(self, workers: Iterable[str]) -> None:
        """Drop their signs of life."""

    @abc.abstractmethod
    def put_tasks(self, names: Sequence[str]) -> None:
        """Say what tasks the consumer started last knows."""

    @abc.abstractmethod
    def tasks(self) -> list[str]:
        """Read what `put_tasks` wrote."""

    @abc.abstractmethod
    def clean(self) -> None:
        """Drop what was kept for long enough, if the storage does not by itself."""


PUT_LATE = """
local known = redis.call('GET', KEYS[1])
if not known or cjson.decode(known)[2] <= tonumber(ARGV[2]) then
  redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[3])
end
"""


class RedisMarks(MarkStore):
    """Keys beside Huey's own, in the queue key's slot of a cluster."""

    def __init__(self, client: Any, queue_key: str) -> None:
        self._client = client
        self._head = f"z4j:{{{queue_key}}}:"

    def put(self, fire_id: str, mark: Mark) -> None:
        self._client.set(f"{self._head}run:{fire_id}", mark.encode(), ex=int(mark.keep_s))

    def put_late(self, fire_id: str, mark: Mark) -> None:
        key = f"{self._head}run:{fire_id}"
        self._client.eval(PUT_LATE, 1, key, mark.encode(), repr(mark.at_s), int(mark.keep_s))

    def get(self, fire_ids: Sequence[str]) -> dict[str, Mark]:
        if not fire_ids:
            return {}
        texts = self._client.mget([f"{self._head}run:{fire_id}" for fire_id in fire_ids])
        found = zip(fire_ids, texts, strict=True)
        return _decoded((fire_id, text) for fire_id, text in found if text is not None)

    def beat(self, worker: str, text: str) -> None:
        self._client.hset(f"{self._head}beats", worker, text)

    def beats(self) -> dict[str, str]:
        beats: Mapping[bytes, bytes] = self._client.hgetall(f"{self._head}beats")
        return {worker.decode(): text.decode() for worker, text in beats.items()}

    def forget(self, workers: Iterable[str]) -> None:
        if names := list(workers):
            self._client.hdel(f"{self._head}beats", *names)

    def put_tasks(self, names: Sequence[str]) -> None:
        self._client.set(f"{self._head}tasks", json.dumps(list(names)))

    def tasks(self) -> list[str]:
        return list(json.loads(self._client.get(f"{self._head}tasks") or "[]"))

    def clean(self) -> None:
        """Keys end by themselves."""


LATE = "where at <= excluded.at"


class SqliteMarks(MarkStore):
    """One table in Huey's own file."""

    _TABLE = (
        "create table if not exists z4j_mark (queue text not null, kind text not null, "
        "key text not null, value text not null, at real not null, until real not null, "
        "primary key(queue, kind, key)) without rowid"
    )

    def __init__(self, storage: Any) -> None:
        self._storage = storage
        self._has_table = False

    def put(self, fire_id: str, mark: Mark) -> None:
        self._put("run", fire_id, mark.encode(), mark.at_s, mark.keep_s)

    def put_late(self, fire_id: str, mark: Mark) -> None:
        self._put("run", fire_id, mark.encode(), mark.at_s, mark.keep_s, LATE)

    def get(self, fire_ids: Sequence[str]) -> dict[str, Mark]:
        return _decoded(self._get("run", fire_ids).items())

    def beat(self, worker: str, text: str) -> None:
        self._put("beat", worker, text, time.time(), KEEP_S)

    def beats(self) -> dict[str, str]:
        return self._get("beat")

    def forget(self, workers: Iterable[str]) -> None:
        for worker in workers:
            self._change("delete from z4j_mark where kind = 'beat' and key = ?", worker)

    def put_tasks(self, names: Sequence[str]) -> None:
        self._put("tasks", "", json.dumps(list(names)), time.time(), math.inf)

    def tasks(self) -> list[str]:
        return list(json.loads(self._get("tasks").get("", "[]")))

    def clean(self) -> None:
        self._change("delete from z4j_mark where until < ?", time.time())

    def make_table(self) -> None:
        """Make it if it is not there; `put_in` needs it."""
        self._make_table()

    def put_in(self, cursor: Any, fire_ids: Iterable[str], mark: Mark) -> None:
        """Replace marks as a part of the caller's own transaction."""
        rows = [
            (self._storage.name, each, mark.encode(), mark.at_s, mark.at_s + mark.keep_s)
            for each in fire_ids
        ]
        cursor.executemany(
            "insert or replace into z4j_mark (queue, kind, key, value, at, until) "
            "values (?, 'run', ?, ?, ?, ?)",
            rows,
        )

    def _put(
        self, kind: str, key: str, value: str, at_s: float, keep_s: float, where: str = ""
    ) -> None:
        self._change(
            "insert into z4j_mark (queue, kind, key, value, at, until) values (?, ?, ?, ?, ?, ?) "
            "on conflict (queue, kind, key) do update set value = excluded.value, "
            f"at = excluded.at, until = excluded.until {where}",
            *(self._storage.name, kind, key, value, at_s, at_s + keep_s),
        )

    def _get(self, kind: str, keys: Sequence[str] | None = None) -> dict[str, str]:
        self._make_table()
        query = "select key, value from z4j_mark where queue = ? and kind = ?"
        values: tuple[Any, ...] = (self._storage.name, kind)
        if keys is not None:
            query += f" and key in ({','.join('?' * len(keys))})"
            values += tuple(keys)
        return dict(self._storage.sql(query, values, results=True))

    def _change(self, statement: str, *values: Any) -> None:
        self._make_table()
        self._storage.sql(statement, values, commit=True)

    def _make_table(self) -> None:
        if not self._has_table:
            self._storage.sql(self._TABLE, commit=True)
            self._has_table = True


def _decoded(texts: Iterable[tuple[str, str | bytes]]) -> dict[str, Mark]:
    marks = ((fire_id, Mark.decode(text)) for fire_id, text in texts)
    return {fire_id: mark for fire_id, mark in marks if mark is not None}
