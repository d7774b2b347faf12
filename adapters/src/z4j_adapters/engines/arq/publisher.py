"""Publishing: what `enqueue_job` writes, and our dedupe key, in one script."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from arq.constants import job_key_prefix, result_key_prefix

from z4j_adapters.engines.arq.app import ArqApp
from z4j_adapters.engines.common.publisher import Parcel, QueueNames, RedisPublisher, ScriptCall

__all__ = ["QUEUES_KEY", "ArqPublisher", "dedupe_key", "read_dedupe"]

QUEUES_KEY = "z4j:arq:queues"
"""Names of the queues that were published to; arq itself keeps none."""

# KEYS: the queue, then dedupe, job and result key of each job.  ARGV: the dedupe keys' time to live
# in ms, then of each job the dedupe value, its time to live in ms (none left: it is written
# without its job key, which workers call expired), the job, score and id.  As in arq itself, a job
# or a result of this id is reason enough not to enqueue it.
PUBLISH_SCRIPT = """
local answer, written, entries = {}, {}, {}
for i = 1, (#KEYS - 1) / 3 do
  local dedupe, job, result = KEYS[3 * i - 1], KEYS[3 * i], KEYS[3 * i + 1]
  local at = 5 * i - 3
  answer[i] = 0
  if redis.call('SET', dedupe, ARGV[at], 'NX', 'PX', ARGV[1])
      and redis.call('EXISTS', job, result) == 0 then
    if tonumber(ARGV[at + 1]) > 0 then
      redis.call('PSETEX', job, ARGV[at + 1], ARGV[at + 2])
    end
    written[#written + 1] = dedupe
    written[#written + 1] = job
    entries[#entries + 1] = ARGV[at + 3]
    entries[#entries + 1] = ARGV[at + 4]
    answer[i] = 1
  end
end
if #entries > 0 then
  local added = redis.pcall('ZADD', KEYS[1], unpack(entries))
  if type(added) == 'table' and added.err then
    redis.call('DEL', unpack(written))
    return added
  end
end
return answer
"""

TTL_MS_MAX = 10**14  # Redis counts in 64 bits from 1970.
SCORES_PER_MS = 1024  # A double has room for four times as many today.


def dedupe_key(fire_id: str) -> str:
    """Name the key that says that a fire was handed over."""
    return f"z4j:arq:{fire_id}"


def read_dedupe(client: Any, fire_ids: Sequence[str]) -> dict[str, tuple[str, bytes]]:
    """Find route and fire_ref of those fires that an adapter handed over."""
    found = {}
    values = client.mget([dedupe_key(fire_id) for fire_id in fire_ids]) if fire_ids else []
    for fire_id, value in zip(fire_ids, values, strict=True):
        if value is not None and value.count(b"\0") > 1:
            queue, task, ref = value.split(b"\0", 2)
            found[fire_id] = (f"{queue.decode()}\0{task.decode()}", ref)
    return found


class ArqPublisher(RedisPublisher):
    """Writes job keys and queue entries."""

    SCRIPT = PUBLISH_SCRIPT

    def __init__(self, app: ArqApp, dedupe_ttl_s: float) -> None:
        super().__init__()
        self._app = app
        self._dedupe_ttl_ms = max(1, int(dedupe_ttl_s * 1000))
        self._score_ms, self._score_count = 0, 0
        self._queue_names = QueueNames(QUEUES_KEY, app.queue)

    def _group(self, parcel: Parcel) -> str:
        queue: str = parcel.envelope.queue
        return queue

    def _call(self, group: str, parcels: Sequence[Parcel]) -> ScriptCall:
        keys = [group]
        args: list[Any] = [self._dedupe_ttl_ms]
        now_ms, size = round(time.time() * 1000), 0
        for fire, envelope in parcels:
            job = envelope.job(now_ms)
            value = envelope.route.encode() + b"\0" + fire.ref
            ttl_ms = self._app.expires_extra_ms
            if envelope.expires_s is not None:
                expires_ms = fire.due_us / 1000 + envelope.expires_s * 1000
                ttl_ms = min(TTL_MS_MAX, int(expires_ms - now_ms))
            keys += (dedupe_key(fire.id), job_key_prefix + fire.id, result_key_prefix + fire.id)
            args += (value, ttl_ms, job, self._score(now_ms), fire.id)
            size += len(job) + len(value)
        return ScriptCall(parcels, keys, args, size)

    def _opened(self, client: Any) -> None:
        self._queue_names.connected()

    def _before(self, client: Any, groups: Sequence[str]) -> None:
        self._queue_names.tell(client, groups)

    def _score(self, now_ms: int) -> float:
        """Place a job in its queue, behind those before it.

        A score above a worker's clock is one to wait for, and equal scores are served by id: so
        it is the millisecond that has just passed, and a fraction that keeps our order.
        """
        if now_ms != self._score_ms:
            self._score_ms, self._score_count = now_ms, 0
        fraction = min(self._score_count, SCORES_PER_MS - 1) / SCORES_PER_MS
        self._score_count += 1
        return now_ms - 1 + fraction

    def refs(self, fire_ids: Sequence[str]) -> dict[str, bytes]:
        """See Publisher."""
        with self._errors():
            found = read_dedupe(self._connect(), fire_ids)
        return {fire_id: ref for fire_id, (_, ref) in found.items()}

    def _open(self) -> Any:
        return self._app.connect()
