"""What arq's own keys tell of queues; purges."""

from __future__ import annotations

import time
from typing import Any

from arq.constants import (
    in_progress_key_prefix,
    job_key_prefix,
    result_key_prefix,
    retry_key_prefix,
)

from z4j_adapters._errors import ControlFailed
from z4j_adapters._models import FireRef, QueueState, WorkerState
from z4j_adapters.engines.arq.app import ArqApp
from z4j_adapters.engines.arq.control import REMOVED_TTL_MS, cancelled_result
from z4j_adapters.engines.arq.publisher import QUEUES_KEY, dedupe_key, read_dedupe
from z4j_adapters.engines.common.inspector import Removed, check_queue
from z4j_adapters.engines.common.publisher import QueueNames
from z4j_adapters.engines.common.redis_inspector import RedisInspector

__all__ = ["ArqInspector"]

# A job stays in its queue while it runs; those that run are among the oldest.  More would be a
# hundred workers of arq's usual size.
RUNNING_MAX = 1000

# KEYS: the queue, then in-progress, result, job, retry and dedupe key of each job.  ARGV: time to
# live of a result in ms, then of each job its id and the result to leave if it is a fire.  Answers
# with 0 for what a worker has or had, 1 for another's, 2 for a fire.
REMOVE_SCRIPT = """
local answer = {}
for i = 1, (#KEYS - 1) / 5 do
  local at = 5 * i - 3
  answer[i] = 0
  if redis.call('EXISTS', KEYS[at]) == 0 and redis.call('ZREM', KEYS[1], ARGV[2 * i]) == 1 then
    redis.call('DEL', KEYS[at + 2], KEYS[at + 3])
    answer[i] = 1
    if redis.call('EXISTS', KEYS[at + 4]) == 1 then
      redis.call('SET', KEYS[at + 1], ARGV[2 * i + 1], 'PX', ARGV[1], 'NX')
      answer[i] = 2
    end
  end
end
return answer
"""
TAKEN, FIRE = 0, 2


class ArqInspector(RedisInspector):
    """See Inspector."""

    def __init__(self, app: ArqApp, queues: tuple[str, ...]) -> None:
        super().__init__()
        self._app = app
        self._queues = queues

    def queues(self) -> list[QueueState]:
        """See Inspector; jobs that are deferred to a later time are not counted."""
        with self._connected() as client:
            return [self._state(client, name) for name in self._known(client)]

    def workers(self) -> list[WorkerState]:
        """See Inspector."""
        raise ControlFailed(
            "arq's workers share one sign of life, which stays for an hour after the last of them"
        )

    def depth(self, queue: str) -> int:
        """See Inspector."""
        with self._connected() as client:
            check_queue(queue, self._known(client))
            return self._state(client, queue).depth

    def remove(self, queue: str, at_most: int) -> Removed:
        """See Inspector."""
        with self._connected() as client:
            ids, running = self._oldest(client, queue, at_most + RUNNING_MAX)
            waiting = [each for each in ids if each not in running][:at_most]
            if not waiting:
                return Removed(0, 0, ())
            refs = read_dedupe(client, waiting)
            now_ms = round(time.time() * 1000)
            keys, args = [queue], list[Any]((REMOVED_TTL_MS,))
            for each in waiting:
                keys += (in_progress_key_prefix + each, result_key_prefix + each)
                keys += (job_key_prefix + each, retry_key_prefix + each, dedupe_key(each))
                left = cancelled_result(self._app, each, queue, now_ms) if each in refs else b""
                args += (each, left)
            said = client.eval(REMOVE_SCRIPT, len(keys), *keys, *args)
        fires = [
            FireRef(each, refs[each][1])
            for each, what in zip(waiting, said, strict=True)
            if what == FIRE and each in refs
        ]
        return Removed(len(waiting), sum(what != TAKEN for what in said), fires)

    def _open(self) -> Any:
        return self._app.connect()

    def _state(self, client: Any, queue: str) -> QueueState:
        due = client.zcount(queue, "-inf", round(time.time() * 1000))
        _, running = self._oldest(client, queue, RUNNING_MAX)
        return QueueState(queue, max(0, due - len(running)), len(running))

    def _oldest(self, client: Any, queue: str, at_most: int) -> tuple[list[str], set[str]]:
        """Read the ids that are due, the oldest first, and which of them run."""
        now_ms = round(time.time() * 1000)
        found = client.zrangebyscore(queue, "-inf", now_ms, start=0, num=at_most)
        ids = [each.decode("utf-8", "replace") for each in found]
        pipe = client.pipeline(transaction=False)
        for each in ids:
            pipe.exists(in_progress_key_prefix + each)
        return ids, {each for each, runs in zip(ids, pipe.execute(), strict=True) if runs}

    def _known(self, client: Any) -> set[str]:
        if self._queues:
            return set(self._queues)
        return QueueNames.read(client, QUEUES_KEY) | {self._app.queue}
