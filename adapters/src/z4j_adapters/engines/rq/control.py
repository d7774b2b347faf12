"""Cancelling what waits, and stopping what runs, as RQ's own commands do.  Blocks."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator
from typing import Any

import redis
from rq.command import PUBSUB_CHANNEL_TEMPLATE

from z4j_adapters._errors import ControlFailed
from z4j_adapters.engines.rq.app import RqApp
from z4j_adapters.engines.rq.jobs import JOB_FIELDS, Job

__all__ = ["Control"]

BEGIN_WITHIN_S = 2.0  # A worker took it from the queue and has not yet written that it runs.
STOP_WITHIN_S = 3.0
LOOK_EVERY_S = 0.02

# KEYS: the job, its queue's list, RQ's sets of cancelled, scheduled and deferred jobs.
# ARGV: id and time.  Answers "canceled", or the status because of which it did nothing; a queued
# job that is in no list has been taken by a worker.
CANCEL_SCRIPT = """
local status = redis.call('HGET', KEYS[1], 'status') or ''
local removed = 0
if status == 'queued' then
  removed = redis.call('LREM', KEYS[2], 1, ARGV[1])
elseif status == 'scheduled' then
  removed = redis.call('ZREM', KEYS[4], ARGV[1])
elseif status == 'deferred' then
  removed = redis.call('ZREM', KEYS[5], ARGV[1])
end
if removed == 0 then return status end
redis.call('HSET', KEYS[1], 'status', 'canceled')
redis.call('ZADD', KEYS[3], ARGV[2], ARGV[1])
return 'canceled'
"""


class Control:
    """One thread only."""

    def __init__(self, app: RqApp) -> None:
        self._app = app
        self._client: Any = None

    def cancel(self, fire_id: str, terminate: bool) -> None:
        """Take a job out of its queue; with `terminate` also stop it if it runs.

        Raises:
            ControlFailed: It runs or has ended, or its worker did not stop it.
        """
        with self._errors() as client:
            deadline = time.monotonic() + BEGIN_WITHIN_S
            while True:
                status = self._cancel_waiting(client, fire_id)
                if status == "canceled":
                    return
                if status == "started":
                    break
                if status not in ("queued", "scheduled", "deferred"):
                    raise ControlFailed(f"the job has ended: RQ says {status}")
                if time.monotonic() > deadline:
                    raise ControlFailed("a worker took the job from its queue and has not begun it")
                time.sleep(LOOK_EVERY_S)
            if not terminate:
                raise ControlFailed("the job runs already, and can only be terminated")
            self._stop(client, fire_id)

    def close(self) -> None:
        """Close connections.  Idempotent."""
        client, self._client = self._client, None
        if client is not None:
            with contextlib.suppress(Exception):
                client.close()

    def _job(self, client: Any, fire_id: str) -> Job:
        job = Job.read(client.hmget(self._app.job_class.key_for(fire_id), *JOB_FIELDS))
        if job is None:
            raise ControlFailed(
                "RQ has no such job: it was never handed over, or has expired, or has ended so "
                "long ago that RQ forgot it"
            )
        return job

    def _cancel_waiting(self, client: Any, fire_id: str) -> str:
        queue = self._job(client, fire_id).queue
        keys = [
            self._app.job_class.key_for(fire_id),
            self._app.queue_class.redis_queue_namespace_prefix + queue,
            *(f"rq:{registry}:{queue}" for registry in ("canceled", "scheduled", "deferred")),
        ]
        status = client.eval(CANCEL_SCRIPT, len(keys), *keys, fire_id, int(time.time()))
        return str(status.decode())

    def _stop(self, client: Any, fire_id: str) -> None:
        worker = self._job(client, fire_id).worker
        command = json.dumps({"command": "stop-job", "job_id": fire_id})
        if not client.publish(PUBSUB_CHANNEL_TEMPLATE % worker, command):
            raise ControlFailed(f"worker {worker} does not listen: it is gone or cannot be reached")
        deadline = time.monotonic() + STOP_WITHIN_S
        while self._job(client, fire_id).status == "started":
            if time.monotonic() > deadline:
                raise ControlFailed(
                    f"worker {worker} was told to stop the job and has not: a SimpleWorker cannot"
                )
            time.sleep(LOOK_EVERY_S)

    @contextlib.contextmanager
    def _errors(self) -> Iterator[Any]:
        try:
            if self._client is None:
                self._client = self._app.new_client()
            yield self._client
        except (OSError, redis.RedisError) as error:
            self.close()
            raise ControlFailed(f"{type(error).__name__}: {error}") from error
