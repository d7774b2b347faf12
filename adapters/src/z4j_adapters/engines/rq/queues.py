"""What RQ's own keys tell of queues and workers; purges."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone
from typing import Any

from z4j_adapters._models import FireRef, QueueState, WorkerState
from z4j_adapters.engines.common.inspector import Removed, check_queue
from z4j_adapters.engines.common.redis_inspector import RedisInspector
from z4j_adapters.engines.rq.app import RqApp
from z4j_adapters.engines.rq.dispatch import HandedOver, dedupe_key
from z4j_adapters.engines.rq.jobs import seconds

__all__ = ["RqInspector"]

WORKERS_KEY, WORKER_PREFIX = "rq:workers", "rq:worker:"
# A worker that runs something says so in its field current_job, from RQ 3 on in a set of its own.
WORKER_FIELDS = ("birth", "death", "last_heartbeat", "queues", "current_job")
EXECUTIONS_KEY = "rq:worker:{}:executions"
# Of a job that a purge cancelled: every adapter that waits for it has asked by then.
CANCELLED_KEPT_S = 86_400

# KEYS: the queue's list, then job and dedupe key of each id.  ARGV: seconds that a cancelled fire's
# job is kept, then ids in the order of the queue.  What a worker was quicker with is no longer at
# the front.  Answers for each: 0 taken by a worker, 1 another's job, deleted, 2 a fire, cancelled,
# 3 a job that had expired.
REMOVE_SCRIPT = """
local answer = {}
for i = 2, #ARGV do
  local job, mark = KEYS[2 * i - 2], KEYS[2 * i - 1]
  answer[i - 1] = 0
  if redis.call('LINDEX', KEYS[1], 0) == ARGV[i] then
    redis.call('LPOP', KEYS[1])
    if redis.call('EXISTS', job) == 0 then
      answer[i - 1] = 3
    elseif redis.call('EXISTS', mark) == 1
        or string.find(redis.call('HGET', job, 'meta') or '', 'z4j_schedule', 1, true) then
      redis.call('HSET', job, 'status', 'canceled')
      redis.call('EXPIRE', job, ARGV[1])
      answer[i - 1] = 2
    else
      redis.call('DEL', job)
      answer[i - 1] = 1
    end
  end
end
return answer
"""
TAKEN, FIRE = 0, 2


class RqInspector(RedisInspector):
    """See Inspector."""

    def __init__(self, app: RqApp) -> None:
        super().__init__()
        self._app = app
        self._job_prefix = str(app.job_class.redis_job_namespace_prefix)
        self._queue_prefix = str(app.queue_class.redis_queue_namespace_prefix)

    def queues(self) -> list[QueueState]:
        """See Inspector; what runs is what RQ's registry holds, also of a worker just killed."""
        serving = [name for worker in self.workers() for name in worker.queues]
        with self._connected() as client:
            names = self._known(client, serving)
            pipe = client.pipeline(transaction=False)
            for name in names:
                pipe.llen(self._queue_prefix + name)
                pipe.zcard(f"rq:wip:{name}")
                pipe.llen(f"{self._queue_prefix}{name}:intermediate")
            counts = iter(pipe.execute())
        return [
            QueueState(name, depth, running + begun, serving.count(name))
            for name, depth, running, begun in zip(names, counts, counts, counts, strict=True)
        ]

    def workers(self) -> list[WorkerState]:
        """See Inspector: those whose key has not expired, which is RQ's own measure."""
        with self._connected() as client:
            keys = sorted(client.smembers(WORKERS_KEY))
            pipe = client.pipeline(transaction=False)
            names = [key.decode().removeprefix(WORKER_PREFIX) for key in keys]
            for key, name in zip(keys, names, strict=True):
                pipe.execute_command("HMGET", key, *WORKER_FIELDS)
                pipe.scard(EXECUTIONS_KEY.format(name))
            answers = iter(pipe.execute())
        found = []
        for name, row, executions in zip(names, answers, answers, strict=True):
            birth, death, heard, queues, job = row
            if birth and not death:
                found.append(
                    WorkerState(
                        name=name,
                        queues=tuple((queues or b"").decode().split(",")) if queues else (),
                        running=1 if job or executions else 0,
                        concurrency=1,
                        heartbeat=_instant(heard),
                    )
                )
        return found

    def depth(self, queue: str) -> int:
        """See Inspector."""
        serving = [name for worker in self.workers() for name in worker.queues]
        with self._connected() as client:
            check_queue(queue, self._known(client, serving))
            return int(client.llen(self._queue_prefix + queue))

    def remove(self, queue: str, at_most: int) -> Removed:
        """See Inspector."""
        key = self._queue_prefix + queue
        with self._connected() as client:
            ids = client.lrange(key, 0, at_most - 1)
            if not ids:
                return Removed(0, 0, ())
            names = [each.decode() for each in ids]
            marks = client.mget([dedupe_key(name) for name in names])
            keys = [key]
            for name in names:
                keys += (self._job_prefix + name, dedupe_key(name))
            said = client.eval(REMOVE_SCRIPT, len(keys), *keys, CANCELLED_KEPT_S, *ids)
        fires = [
            FireRef(name, HandedOver.read(mark).ref if mark else b"")
            for name, mark, what in zip(names, marks, said, strict=True)
            if what == FIRE
        ]
        return Removed(len(ids), sum(what != TAKEN for what in said), fires)

    def _open(self) -> Any:
        return self._app.new_client()

    def _known(self, client: Any, serving: Sequence[str]) -> list[str]:
        """The adapter's own if it has been given some; else all that RQ or a worker names."""
        if self._app.queues:
            return sorted(self._app.queues)
        keys = client.smembers(str(self._app.queue_class.redis_queues_keys))
        names = {key.decode().removeprefix(self._queue_prefix) for key in keys}
        return sorted(names.union(serving, {self._app.default_queue}))


def _instant(text: bytes | None) -> datetime | None:
    at_s = seconds(text)
    return datetime.fromtimestamp(at_s, timezone.utc) if at_s else None
