"""What is known of runs beside Huey's own state: kept in the broker, with an end to its keeping.

Written by `signals` in the user's consumer, and by the adapter for what it cancels.  This file is
loaded in the user's processes: it needs nothing but the standard library.
"""

from __future__ import annotations

import abc
import json
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

__all__ = ["KEEP_S", "WAITING", "Mark", "MarkStore", "RedisMarks", "SqliteMarks", "is_fire"]

KEEP_S = 2 * 86_400.0
"""How long a mark is kept."""
WAITING = "waiting"
"""The state of a run whose next attempt waits; the others are those of OutcomeState."""


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

    def encode(self) -> str:
        """Write it."""
        return json.dumps(self)

    @classmethod
    def decode(cls, text: str | bytes) -> Mark:
        """Read what `encode` wrote."""
        return cls(*json.loads(text))


class MarkStore(abc.ABC):
    """Marks by fire id and signs of life by worker.  Raises what its storage raises."""

    @abc.abstractmethod
    def put(self, fire_id: str, mark: Mark) -> None:
        """Replace the fire's mark."""

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

    def put_late(self, fire_id: str, mark: Mark) -> None:
        """Put a mark that could not be put in time, unless a newer one is there."""
        known = self.get([fire_id]).get(fire_id)
        if known is None or known.at_s <= mark.at_s:
            self.put(fire_id, mark)


class RedisMarks(MarkStore):
    """Keys beside Huey's own, in the queue key's slot of a cluster."""

    def __init__(self, client: Any, queue_key: str) -> None:
        self._client = client
        self._head = f"z4j:{{{queue_key}}}:"

    def put(self, fire_id: str, mark: Mark) -> None:
        self._client.set(f"{self._head}run:{fire_id}", mark.encode(), ex=int(KEEP_S))

    def get(self, fire_ids: Sequence[str]) -> dict[str, Mark]:
        if not fire_ids:
            return {}
        texts = self._client.mget([f"{self._head}run:{fire_id}" for fire_id in fire_ids])
        found = zip(fire_ids, texts, strict=True)
        return {fire_id: Mark.decode(text) for fire_id, text in found if text is not None}

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


class SqliteMarks(MarkStore):
    """One table in Huey's own file."""

    _TABLE = (
        "create table if not exists z4j_mark (queue text not null, kind text not null, "
        "key text not null, value text not null, at real not null, primary key(queue, kind, key))"
    )

    def __init__(self, storage: Any) -> None:
        self._storage = storage
        self._has_table = False

    def put(self, fire_id: str, mark: Mark) -> None:
        self._put("run", fire_id, mark.encode())

    def get(self, fire_ids: Sequence[str]) -> dict[str, Mark]:
        return {key: Mark.decode(value) for key, value in self._get("run", fire_ids).items()}

    def beat(self, worker: str, text: str) -> None:
        self._put("beat", worker, text)

    def beats(self) -> dict[str, str]:
        return self._get("beat")

    def forget(self, workers: Iterable[str]) -> None:
        for worker in workers:
            self._change("delete from z4j_mark where kind = 'beat' and key = ?", worker)

    def put_tasks(self, names: Sequence[str]) -> None:
        self._put("tasks", "", json.dumps(list(names)))

    def tasks(self) -> list[str]:
        return list(json.loads(self._get("tasks").get("", "[]")))

    def clean(self) -> None:
        self._change("delete from z4j_mark where at < ?", time.time() - KEEP_S)

    def _put(self, kind: str, key: str, value: str) -> None:
        self._change(
            "insert or replace into z4j_mark (queue, kind, key, value, at) values (?, ?, ?, ?, ?)",
            self._storage.name,
            kind,
            key,
            value,
            time.time(),
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
