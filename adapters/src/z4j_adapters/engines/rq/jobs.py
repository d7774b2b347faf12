"""How RQ writes down a job, and what that says of the run."""

from __future__ import annotations

import zlib
from base64 import b64decode
from collections.abc import Sequence
from datetime import datetime, timezone
from typing import NamedTuple

from z4j_adapters._models import OutcomeState
from z4j_adapters.engines.common.tracker import Sighting

__all__ = ["JOB_FIELDS", "WORKER_FIELDS", "Job", "Worker", "error_of", "sightings"]

JOB_FIELDS = ("status", "started_at", "ended_at", "worker_name", "retries_left", "origin")
WORKER_FIELDS = ("birth", "death", "last_heartbeat")
ERROR_CHARS_MAX = 1000
TRACEBACK_HEAD = "Traceback (most recent call last):"

# What RQ writes when no task failed: the run, or the worker that had taken it, was gone.
VANISHED = (
    "due to AbandonedJobError",
    "Work-horse terminated unexpectedly; waitpid returned",
    "Job was stuck in intermediate queue",
)
# RQ's last resort against a run that outlived its timeout: it kills, and did not wait.
KILLED_BY_RQ = "waitpid returned None"


class Job(NamedTuple):
    """A job's hash, as far as it matters."""

    status: str
    started_at_s: float
    """0: it has not begun."""
    ended_at_s: float
    worker: str
    retries_left: int
    queue: str

    @classmethod
    def read(cls, values: Sequence[bytes | None]) -> Job | None:
        """Read JOB_FIELDS; None: there is no such job."""
        status, started, ended, worker, retries, queue = values
        if status is None:
            return None
        return cls(
            status.decode(),
            seconds(started),
            seconds(ended),
            (worker or b"").decode(),
            int(retries or 0),
            (queue or b"").decode(),
        )


class Worker(NamedTuple):
    """A worker's hash, as far as it matters; all 0: RQ has given it up."""

    born_at_s: float
    died_at_s: float
    heard_at_s: float

    @classmethod
    def read(cls, values: Sequence[bytes | None]) -> Worker:
        """Read WORKER_FIELDS."""
        return cls(*(seconds(value) for value in values))


def seconds(text: bytes | None) -> float:
    """Read an instant as RQ writes it, 2026-01-01T00:00:00.000000Z; 0: none."""
    if not text:
        return 0.0
    try:
        at = datetime.fromisoformat(text.decode().rstrip("Z"))
    except ValueError:
        return 0.0
    return at.replace(tzinfo=timezone.utc).timestamp()


def sightings(fire_id: str, job: Job, error: str, now_s: float) -> list[Sighting]:
    """Say what a job's hash shows: nothing, a run, or a run and its end."""
    seen: list[Sighting] = []
    if job.started_at_s:
        seen.append(Sighting(fire_id, OutcomeState.RUNNING, job.started_at_s, worker=job.worker))
    if job.status == "finished":
        state, error = OutcomeState.SUCCEEDED, ""
    elif job.status == "failed":
        vanished = any(text in error for text in VANISHED) and KILLED_BY_RQ not in error
        state = OutcomeState.LOST if vanished else OutcomeState.FAILED
    elif job.status in ("stopped", "canceled"):
        state = OutcomeState.CANCELLED
        error = error if job.status == "stopped" else ""
    else:
        return seen
    # The time of an earlier attempt stays in the hash.
    at_s = job.ended_at_s if job.ended_at_s >= job.started_at_s > 0 else now_s
    seen.append(Sighting(fire_id, state, at_s, error))
    return seen


def error_of(result: dict[bytes, bytes], exc_info: bytes | None) -> str:
    """Read an error, as type and message without the traceback; empty: RQ stored none.

    Args:
        result: The last entry of the job's result stream.
        exc_info: The field of the job's hash.
    """
    try:
        if packed := result.get(b"exc_string"):
            return _last_exception(zlib.decompress(b64decode(packed)))
        if exc_info:
            return _last_exception(zlib.decompress(exc_info))
    except (ValueError, zlib.error):
        return "the error that RQ stored cannot be read"
    if result.get(b"type") == b"5":
        return "the task asked to be retried more often than it allows itself"
    return ""


def _last_exception(stored: bytes) -> str:
    lines = stored.decode("utf-8", "replace").strip().splitlines()
    heads = [i for i, line in enumerate(lines) if line == TRACEBACK_HEAD]
    if heads:
        lines = lines[heads[-1] + 1 :]
        while len(lines) > 1 and lines[0].startswith(" "):
            del lines[0]
    return "\n".join(lines)[:ERROR_CHARS_MAX]
