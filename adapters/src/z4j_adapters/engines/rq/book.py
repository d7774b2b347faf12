"""Asks Redis what RQ's workers made of jobs."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import redis

from z4j_adapters._errors import EngineUnavailable
from z4j_adapters._models import OutcomeState
from z4j_adapters.engines.common.oldest import oldest_over
from z4j_adapters.engines.common.polled import Book
from z4j_adapters.engines.common.tracker import Sighting
from z4j_adapters.engines.rq.app import RqApp
from z4j_adapters.engines.rq.dispatch import HandedOver, dedupe_key
from z4j_adapters.engines.rq.jobs import (
    JOB_FIELDS,
    WORKER_FIELDS,
    Job,
    Worker,
    error_of,
    sightings,
)

__all__ = ["RqBook"]

SEEN_MAX = 500_000  # ~40 MB.
JOBS_PER_SCRIPT = 200
ERROR_WITHIN_S = 0.05
CLOCKS_APART_S = 5.0
IN_NO_QUEUE_S = 60.0  # A worker begins what it takes within moments.

# KEYS: jobs.  ARGV: JOB_FIELDS.  Answers with the fields of each.  Most jobs that are asked after
# wait, and a script answers for many in one command.
READ_SCRIPT = """
local jobs = {}
for i = 1, #KEYS do jobs[i] = redis.call('HMGET', KEYS[i], unpack(ARGV)) end
return jobs
"""

GONE = "RQ has the job no longer and kept no end of it: it was deleted, or Redis lost data"
NEVER_BEGAN = (
    f"the job has been in no queue for {IN_NO_QUEUE_S:.0f} s and has not begun: the worker that "
    "took it is gone"
)


class RqBook(Book):
    """Reads jobs in one round trip, and looks closer at those that failed, run or are gone."""

    def __init__(self, app: RqApp, result_ttl_s: int, lost_after_s: float | None) -> None:
        super().__init__()
        self._app = app
        self._route = str(result_ttl_s)
        self._lost_after_s = lost_after_s
        self._job_prefix = str(app.job_class.redis_job_namespace_prefix)
        self._client: Any = None
        # When a job without an end was last seen: an end since then would still be there.
        self._seen: dict[str, float] = {}
        # Since when a job that waits was in no queue.
        self._missing: dict[str, float] = {}

    def read(self, routes: Mapping[str, str]) -> list[Sighting]:
        """See Book."""
        with self._errors() as client:
            jobs = self._jobs(client, list(routes))
            errors = self._errors_of(client, [i for i, j in jobs.items() if _tells_why(j)])
            running = {i: j for i, j in jobs.items() if j is not None and j.status == "started"}
            waiting = {i: j for i, j in jobs.items() if j is not None and j.status == "queued"}
            found = self._lost(client, running)
            found |= self._in_no_queue(client, waiting)
            found |= self._gone(client, {i: routes[i] for i, j in jobs.items() if j is None})
        now_s, told = time.time(), []
        for fire_id, job in jobs.items():
            seen = sightings(fire_id, job, errors.get(fire_id, ""), now_s) if job else []
            if fire_id in found:
                seen.append(found[fire_id])
            self._note(fire_id, job, bool(seen) and seen[-1].state.is_final, now_s)
            told += seen
        return told

    def routes(self, fire_ids: Sequence[str]) -> dict[str, str]:
        """See Book; of jobs that outlived their dedupe key the route is a guess."""
        with self._errors() as client:
            marks = client.mget([dedupe_key(fire_id) for fire_id in fire_ids])
            jobs = self._jobs(client, [i for i, m in zip(fire_ids, marks, strict=True) if not m])
        found = {i: self._route for i, job in jobs.items() if job is not None}
        for fire_id, mark in zip(fire_ids, marks, strict=True):
            if mark:
                found[fire_id] = HandedOver.read(mark).route
        return found

    def close(self) -> None:
        """See Book."""
        client, self._client = self._client, None
        if client is not None:
            with contextlib.suppress(Exception):
                client.close()

    def _jobs(self, client: Any, fire_ids: Sequence[str]) -> dict[str, Job | None]:
        jobs: dict[str, Job | None] = {}
        for start in range(0, len(fire_ids), JOBS_PER_SCRIPT):
            part = fire_ids[start : start + JOBS_PER_SCRIPT]
            keys = [self._job_prefix + fire_id for fire_id in part]
            rows = client.eval(READ_SCRIPT, len(keys), *keys, *JOB_FIELDS)
            jobs.update((i, Job.read(row)) for i, row in zip(part, rows, strict=True))
        return jobs

    def _errors_of(self, client: Any, failed: Sequence[str]) -> dict[str, str]:
        """Read why jobs failed, from RQ's result stream, or from the job as RQ 2.0 may have it."""
        if not failed:
            return {}
        errors = self._stored_errors(client, failed)
        if mute := [fire_id for fire_id, error in errors.items() if not error]:
            time.sleep(ERROR_WITHIN_S)  # RQ 2.0 writes that a job was abandoned before it says so.
            errors |= self._stored_errors(client, mute)
        return errors

    def _stored_errors(self, client: Any, failed: Sequence[str]) -> dict[str, str]:
        pipe = client.pipeline(transaction=False)
        for fire_id in failed:
            pipe.xrevrange(f"rq:results:{fire_id}", count=1)
            pipe.hget(self._job_prefix + fire_id, "exc_info")
        answers = iter(pipe.execute())
        stored = zip(failed, answers, answers, strict=True)
        return {i: error_of(entries[0][1] if entries else {}, info) for i, entries, info in stored}

    def _lost(self, client: Any, running: Mapping[str, Job]) -> dict[str, Sighting]:
        """Find runs whose worker is gone."""
        names = sorted({job.worker for job in running.values()})
        pipe = client.pipeline(transaction=False)
        for name in names:
            pipe.execute_command("HMGET", "rq:worker:" + name, *WORKER_FIELDS)
        workers = {n: Worker.read(r) for n, r in zip(names, pipe.execute(), strict=True)}
        now_s = time.time()
        reasons = {
            fire_id: reason
            for fire_id, job in running.items()
            if (reason := self._absence(job, workers[job.worker], now_s))
        }
        # A worker writes a run's end before it leaves; what was read here may be in between.
        still = self._jobs(client, list(reasons)) if reasons else {}
        return {
            fire_id: Sighting(fire_id, OutcomeState.LOST, now_s, reason)
            for fire_id, reason in reasons.items()
            if still[fire_id] == running[fire_id]
        }

    def _absence(self, job: Job, worker: Worker, now_s: float) -> str:
        """Say how a worker has left a run; empty: it has not, or RQ will run the job again."""
        if job.retries_left > 0 or not job.worker:
            return ""
        if not worker.born_at_s:
            return f"worker {job.worker} is gone: RQ has not heard of it for over a minute"
        if worker.died_at_s:
            return f"worker {job.worker} left during the run"
        if worker.born_at_s > job.started_at_s:
            return f"worker {job.worker} was started again during the run"
        silent_s = now_s - worker.heard_at_s
        if self._lost_after_s is not None and silent_s > self._lost_after_s:
            return f"worker {job.worker} has not been heard of for {silent_s:.0f} s"
        return ""

    def _in_no_queue(self, client: Any, waiting: Mapping[str, Job]) -> dict[str, Sighting]:
        """Find jobs that a worker took from their queue and did not live to begin."""
        names = sorted({job.queue for job in waiting.values()})
        pipe = client.pipeline(transaction=False)
        for name in names:
            key = self._app.queue_class.redis_queue_namespace_prefix + name
            pipe.exists(key, f"{key}:intermediate")
        empty = {name for name, full in zip(names, pipe.execute(), strict=True) if not full}
        now_s, lost = time.time(), {}
        for fire_id, job in waiting.items():
            if job.queue not in empty:
                self._missing.pop(fire_id, None)
            elif now_s - self._missing.setdefault(fire_id, now_s) > IN_NO_QUEUE_S:
                lost[fire_id] = Sighting(fire_id, OutcomeState.LOST, now_s, NEVER_BEGAN)
        return lost

    def _gone(self, client: Any, routes: Mapping[str, str]) -> dict[str, Sighting]:
        """Tell the expired and the deleted from those whose end RQ has forgotten."""
        if not routes:
            return {}
        marks = client.mget([dedupe_key(fire_id) for fire_id in routes])
        now_s, found = time.time(), {}
        for (fire_id, route), value in zip(routes.items(), marks, strict=True):
            mark = HandedOver.read(value) if value else None
            known_at_s = max(self._seen.get(fire_id, 0.0), mark.at_ms / 1000 if mark else 0.0)
            kept_s = int(route) if route != "-1" else float("inf")
            if not known_at_s or now_s - known_at_s > kept_s - CLOCKS_APART_S:
                self.forget(fire_id)
                continue
            expires_s = mark.expires_ms / 1000 if mark else 0.0
            if expires_s and now_s > expires_s - CLOCKS_APART_S:
                found[fire_id] = Sighting(fire_id, OutcomeState.EXPIRED, expires_s)
            else:
                found[fire_id] = Sighting(fire_id, OutcomeState.LOST, now_s, GONE)
        # Key and job are written together: one handed over since we looked is there by now.
        still = self._jobs(client, list(found))
        return {fire_id: sighting for fire_id, sighting in found.items() if still[fire_id] is None}

    def _note(self, fire_id: str, job: Job | None, ended: bool, now_s: float) -> None:
        if job is None or job.status != "queued":
            self._missing.pop(fire_id, None)
        if job is None or ended:
            self._seen.pop(fire_id, None)
            return
        self._seen[fire_id] = now_s
        for oldest in oldest_over(self._seen, SEEN_MAX):
            del self._seen[oldest]
            self._missing.pop(oldest, None)

    @contextlib.contextmanager
    def _errors(self) -> Iterator[Any]:
        try:
            if self._client is None:
                self._client = self._app.new_client()
            yield self._client
        except (OSError, redis.RedisError) as error:
            self.close()
            raise EngineUnavailable(str(error) or type(error).__name__) from error


def _tells_why(job: Job | None) -> bool:
    return job is not None and job.status in ("failed", "stopped")
