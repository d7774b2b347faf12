"""Publishing: on Redis in one script, on SQLite in one transaction, with the dedupe."""

from __future__ import annotations

import sqlite3
import struct
import time
from collections.abc import Sequence
from typing import Any

from z4j_adapters._errors import EngineUnavailable
from z4j_adapters._models import Result, ResultCode
from z4j_adapters.engines.common.publisher import (
    Parcel,
    Publisher,
    RedisPublisher,
    ScriptCall,
    push_script,
)
from z4j_adapters.engines.huey.instance import is_redis, own_storage

__all__ = ["dedupe_head", "new_publisher", "sqlite_failures"]

CLEAN_EVERY_S = 600.0


def dedupe_head(storage: Any) -> str:
    """What precedes a fire's id in its dedupe key; in the queue's slot of a cluster."""
    return f"z4j:{{{storage.queue_key}}}:"


def new_publisher(storage: Any, dedupe_ttl_s: float) -> Publisher:
    """Make the one for this storage."""
    if not is_redis(storage):
        return SqlitePublisher(storage, dedupe_ttl_s)
    if storage.priority:
        return SortedPublisher(storage, dedupe_ttl_s)
    return ListPublisher(storage, dedupe_ttl_s)


class ListPublisher(RedisPublisher):
    """Pushes on the list that consumers pop."""

    SCRIPT = push_script()  # What a dedupe key holds is the fire_ref.

    def __init__(self, storage: Any, dedupe_ttl_s: float) -> None:
        super().__init__()
        self._storage = storage
        self._head = dedupe_head(storage)
        self._ttl_ms = max(1, int(dedupe_ttl_s * 1000))

    def _group(self, parcel: Parcel) -> str:
        return ""  # One queue: all go together.

    def _call(self, group: str, parcels: Sequence[Parcel]) -> ScriptCall:
        keys, size = [self._storage.queue_key], 0
        args: list[Any] = [self._ttl_ms]
        for fire, envelope in parcels:
            message = envelope.payload(fire)
            keys.append(self._head + fire.id)
            args.append(fire.ref)
            args += self._pushed(message, envelope.priority or 0)
            size += len(message)
        return ScriptCall(parcels, keys, args, size)

    def _pushed(self, message: bytes, priority: int) -> tuple[Any, ...]:
        return (message,)

    def _open(self) -> Any:
        return own_storage(self._storage).conn

    def refs(self, fire_ids: Sequence[str]) -> dict[str, bytes]:
        """See Publisher."""
        with self._errors():
            values = self._connect().mget([self._head + fire_id for fire_id in fire_ids])
        return {i: v for i, v in zip(fire_ids, values, strict=True) if v is not None}


class SortedPublisher(ListPublisher):
    """Adds to the sorted set that consumers of a priority storage pop."""

    SCRIPT = push_script("ZADD", parts=2)

    def __init__(self, storage: Any, dedupe_ttl_s: float) -> None:
        super().__init__(storage, dedupe_ttl_s)
        self._last_us = 0

    def _pushed(self, message: bytes, priority: int) -> tuple[Any, ...]:
        """Score and member.  Members of one score Huey orders by the microseconds before them."""
        self._last_us = max(self._last_us + 1, int(time.time() * 1e6))
        return -priority, struct.pack(">Q", self._last_us) + message


def sqlite_failures(storage: Any) -> tuple[type[BaseException], ...]:
    """Name what a file raises that is locked, full or gone."""
    return (sqlite3.Error, storage.operational_error, OSError)


class SqlitePublisher(Publisher):
    """Fire and message enter Huey's file in one transaction, or neither does."""

    def __init__(self, storage: Any, dedupe_ttl_s: float) -> None:
        self._storage = own_storage(storage)
        self._ttl_s = dedupe_ttl_s
        self._has_table = False
        self._clean_at = 0.0

    def publish(self, parcels: Sequence[Parcel]) -> list[Result]:
        """See Publisher."""
        name, now, rows, results = self._storage.name, time.time(), [], []
        try:
            self._make_table()
            with self._storage.db(commit=True) as cursor:
                for fire, envelope in parcels:
                    cursor.execute(
                        "insert or ignore into z4j_handed (queue, id, ref, at) values (?, ?, ?, ?)",
                        (name, fire.id, fire.ref, now),
                    )
                    code = ResultCode.DUPLICATE
                    if cursor.rowcount == 1:
                        code = ResultCode.ACCEPTED
                        rows.append((name, envelope.payload(fire), envelope.priority or 0))
                    results.append(Result(fire.id, fire.ref, code))
                cursor.executemany(
                    "insert into task (queue, data, priority) values (?, ?, ?)", rows
                )
        except sqlite_failures(self._storage) as error:
            self._fail(error)
        return results

    def ping(self) -> None:
        """See Publisher."""
        try:
            self._make_table()
            if time.monotonic() > self._clean_at:
                self._clean_at = time.monotonic() + CLEAN_EVERY_S
                oldest = time.time() - self._ttl_s
                self._storage.sql("delete from z4j_handed where at < ?", (oldest,), commit=True)
            self._storage.sql("select 1 from task limit 1", results=True)
        except sqlite_failures(self._storage) as error:
            self._fail(error)

    def refs(self, fire_ids: Sequence[str]) -> dict[str, bytes]:
        """See Publisher."""
        query = f"select id, ref from z4j_handed where queue = ? and id in ({_many(fire_ids)})"
        try:
            self._make_table()
            found = self._storage.sql(query, (self._storage.name, *fire_ids), results=True)
        except sqlite_failures(self._storage) as error:
            self._fail(error)
        return {fire_id: bytes(ref) for fire_id, ref in found}

    def close(self) -> None:
        """See Publisher."""
        self._storage.close()

    def _make_table(self) -> None:
        if not self._has_table:
            self._storage.sql(
                "create table if not exists z4j_handed (queue text not null, id text not null, "
                "ref blob not null, at real not null, primary key(queue, id)) without rowid",
                commit=True,
            )
            self._has_table = True

    def _fail(self, error: BaseException) -> None:
        self.close()
        raise EngineUnavailable(f"{type(error).__name__}: {error}") from error


def _many(values: Sequence[str]) -> str:
    return ",".join("?" * len(values))
