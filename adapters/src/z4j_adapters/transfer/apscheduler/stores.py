"""Rows of the job stores of APScheduler 3, as they lie there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from z4j_adapters.transfer.apscheduler.jobs import Job
from z4j_adapters.transfer.apscheduler.triggers import Unreadable
from z4j_adapters.transfer.apscheduler.version3 import job_of_export, job_of_pickle
from z4j_adapters.transfer.databases import Database, quoted
from z4j_adapters.transfer.model import SourceError
from z4j_adapters.transfer.values import redact

__all__ = ["Row", "export_rows", "redis_rows", "sql_rows"]

EXPORT_BYTES_MAX = 512 * 1024 * 1024

Row = tuple[str, Job | Unreadable]
"""A job by its key, or why it cannot be read."""


def sql_rows(database: Database, table: str) -> Iterator[Row]:
    """Read the table of SQLAlchemyJobStore."""
    for key, data in database.rows(f"SELECT id, job_state FROM {quoted(table)} ORDER BY id"):
        yield str(key), _read(bytes(data))


def redis_rows(url: str, key: str) -> Iterator[Row]:
    """Read the hash of RedisJobStore.

    Raises:
        SourceError: The server cannot be asked.
    """
    import redis

    try:
        with redis.Redis.from_url(url) as client:
            found: dict[bytes, bytes] = client.hgetall(key)  # One moment.
    except (redis.RedisError, ValueError) as error:
        raise SourceError("NO_SOURCE", f"{redact(url)}: {error}") from None
    for name in sorted(found):
        yield name.decode("utf-8", "replace"), _read(found[name])


def export_rows(path: Path) -> tuple[str, Iterator[Row]]:
    """Read the JSON of `scheduler.export_jobs`: the scheduler's version, and its jobs.

    Raises:
        SourceError: It is another file.
    """
    wrong = f"{path} is no file that scheduler.export_jobs wrote"
    try:
        if path.stat().st_size > EXPORT_BYTES_MAX:
            raise SourceError("NO_SOURCE", f"{path} is over {EXPORT_BYTES_MAX} bytes")
        data = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise SourceError("NO_SOURCE", f"{path}: {error.strerror}") from None
    except ValueError as error:
        raise SourceError("NO_SOURCE", f"{wrong}: {error}") from None
    if not isinstance(data, dict) or not isinstance(data.get("jobs"), list):
        raise SourceError("NO_SOURCE", wrong)
    if data.get("version") != 1:
        raise SourceError("NO_SOURCE", f"{path} has version {data.get('version')}, and 1 is read")
    return str(data.get("scheduler_version", "3")), _exported(data["jobs"])


def _exported(jobs: list[Any]) -> Iterator[Row]:
    for number, state in enumerate(jobs, 1):
        key = state.get("id") if isinstance(state, dict) else None
        try:
            yield str(key or f"job {number}"), job_of_export(state)
        except Unreadable as error:
            yield str(key or f"job {number}"), error


def _read(data: bytes) -> Job | Unreadable:
    try:
        return job_of_pickle(data)
    except Unreadable as error:
        return error
