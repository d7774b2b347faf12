"""Jobs in Redis, read raw: no class of RQ and nothing of the user's code touches them."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from z4j_adapters.transfer.model import Note, SourceError
from z4j_adapters.transfer.pickles import SIZE_MAX, PickleRefused, load
from z4j_adapters.transfer.values import Inexact, duration, json_text, redact

__all__ = [
    "KEEP_MIN_S",
    "StoredJob",
    "Unfit",
    "call_json",
    "keep_seconds",
    "open_redis",
    "option_json",
    "read_job",
    "scored",
    "stored_task",
]

# As engines/rq/options.py has it, which needs more than this reader may.
KEEP_MIN_S = 30
AT_ONCE = 500


class Unfit(Exception):
    """One job that cannot be a schedule."""

    def __init__(self, code: str, reason: str, remedy: str) -> None:
        super().__init__(reason)
        self.code, self.reason, self.remedy = code, reason, remedy


@dataclass(slots=True)
class StoredJob:
    """What a job's hash says."""

    func: str
    args_json: str
    kwargs_json: str
    queue: str
    meta: dict[str, Any]
    options: dict[str, Any] = field(default_factory=dict)
    """Engine options."""
    ttl_s: int | None = None
    repeats_left: int = 0
    warnings: list[Note] = field(default_factory=list)


def open_redis(url: str) -> Any:
    """A client of the server at `url`.

    Raises:
        SourceError: There is none.
        ImportError: The package redis is missing.
    """
    import redis

    try:
        client = redis.Redis.from_url(url)
        client.ping()
    except (redis.RedisError, ValueError) as error:
        raise SourceError("NO_SOURCE", f"{redact(url)}: {error}") from None
    return client


def scored(client: Any, key: str) -> Iterator[tuple[str, float, Mapping[bytes, bytes]]]:
    """The jobs of a sorted set: id, score, and the job's hash, which is empty if it is gone."""
    found = client.zrange(key, 0, -1, withscores=True)
    for start in range(0, len(found), AT_ONCE):
        some = found[start : start + AT_ONCE]
        with client.pipeline(transaction=False) as pipe:
            for job_id, _ in some:
                pipe.hgetall(b"rq:job:" + job_id)
            hashes = pipe.execute()
        for (job_id, score), values in zip(some, hashes, strict=True):
            yield job_id.decode("utf-8", "replace"), float(score), values


def read_job(values: Mapping[bytes, bytes], default_queue: str = "default") -> StoredJob:
    """Read a job's hash.

    Raises:
        Unfit: It is gone, or holds what is not plain.
    """
    if b"data" not in values:
        raise Unfit("NO_JOB", "its job is no longer in Redis", "nothing is to be done: it is gone")
    data = _unpacked(values[b"data"])
    call = _loaded(data)
    if not isinstance(call, (list, tuple)) or len(call) != 4 or not isinstance(call[0], str):
        raise Unfit("R2_ARGUMENTS", "its data is not the call of a function", "enqueue it by name")
    func, instance, args, kwargs = call
    if instance is not None:
        raise Unfit(
            "R2_ARGUMENTS", "it calls a method of an object that is kept with it",
            "enqueue a function of a module",
        )  # fmt: skip
    meta = _loaded(_unpacked(values[b"meta"])) if values.get(b"meta") else {}
    job = StoredJob(
        func,
        *call_json(args, kwargs),
        queue=values.get(b"origin", default_queue.encode()).decode("utf-8", "replace"),
        meta=meta if isinstance(meta, dict) else {},
    )
    _options(job, values)
    return job


def _options(job: StoredJob, values: Mapping[bytes, bytes]) -> None:
    if timeout := _number(values, b"timeout"):
        job.options["timeout"] = timeout
    for name in ("result_ttl", "failure_ttl"):
        seconds = _number(values, name.encode())
        if seconds is not None:
            job.options[name] = keep_seconds(name, seconds, job.warnings)
    job.ttl_s = _number(values, b"ttl")
    retries = _number(values, b"retries_left")
    if retries:
        job.options["retry_max"] = retries
        intervals = _json_list(values.get(b"retry_intervals"))
        if intervals:
            job.options["retry_intervals"] = intervals
    if values.get(b"enqueue_at_front") == b"1":
        job.options["at_front"] = True
    job.repeats_left = _number(values, b"repeats_left") or 0
    for kind in ("success", "failure", "stopped"):
        if values.get(f"{kind}_callback_name".encode()):
            raise Unfit(
                "NO_COUNTERPART",
                f"its callback on {kind} has no counterpart here",
                "call it from the task itself",
            )
    if values.get(b"dependency_ids") or values.get(b"dependency_id"):
        raise Unfit("NO_COUNTERPART", "it depends on other jobs", "enqueue it from the job before")


def keep_seconds(name: str, seconds: int, warnings: list[Note]) -> int:
    """How long a job is kept; long enough for its end to be seen."""
    if 0 <= seconds < KEEP_MIN_S:
        warnings.append(
            Note("KEPT_LONGER", f"{name} {seconds} becomes {KEEP_MIN_S} s: with less RQ would "
                 "delete the job before its end can be seen")
        )  # fmt: skip
        return KEEP_MIN_S
    return max(seconds, -1)


def call_json(args: Any, kwargs: Any) -> tuple[str, str]:
    """The arguments as JSON texts.

    Raises:
        Unfit: They are not JSON.
    """
    try:
        return json_text(list(args)), json_text(dict(kwargs))
    except (Inexact, TypeError, ValueError) as error:
        raise Unfit(
            "R2_ARGUMENTS", f"its arguments are not JSON: {error}",
            "pass plain values, such as a key that the task looks up",
        ) from None  # fmt: skip


def _unpacked(data: bytes) -> bytes:
    try:
        return zlib.decompressobj().decompress(data, SIZE_MAX + 1)
    except zlib.error:
        return data  # Which RQ reads, too.


def _loaded(data: bytes) -> Any:
    if data[:1] in (b"[", b"{") and data[-1:] in (b"]", b"}"):  # --serializer json
        try:
            return json.loads(data)
        except ValueError:
            pass
    try:
        return load(data)
    except PickleRefused as error:
        raise Unfit(
            "R2_ARGUMENTS", str(error), "pass plain values, such as a key that the task looks up"
        ) from None


def _number(values: Mapping[bytes, bytes], name: bytes) -> int | None:
    try:
        return int(float(values[name]))
    except (KeyError, ValueError, OverflowError):
        return None


def _json_list(text: bytes | None) -> list[Any]:
    try:
        found = json.loads(text or b"[]")
    except ValueError:
        return []
    return found if isinstance(found, list) else []


def stored_task(job: StoredJob) -> dict[str, Any]:
    """What a stored job runs, as JSON of a Schedule.

    Raises:
        Unfit: Its meta is not JSON.
    """
    meta = {name: value for name, value in job.meta.items() if not name.startswith("z4j_")}
    options = {**job.options, **({"meta": meta} if meta else {})}
    schedule: dict[str, Any] = {
        "engine": "rq",
        "task": job.func,
        "argsJson": job.args_json,
        "kwargsJson": job.kwargs_json,
        "queue": job.queue,
        "engineOptions": {name: option_json(name, value) for name, value in options.items()},
    }
    if job.ttl_s:
        schedule["expires"] = duration(timedelta(seconds=job.ttl_s))
    return schedule


def option_json(name: str, value: Any) -> str:
    """An engine option as JSON text.

    Raises:
        Unfit: It is not JSON.
    """
    try:
        return json_text(value)
    except Inexact as error:
        raise Unfit(
            "R2_ARGUMENTS", f"its {name} is not JSON: {error}", "keep plain values"
        ) from None
