"""What Redis tells of Dramatiq's queues; purges."""

from __future__ import annotations

import time
from typing import Any

from redis.backoff import NoBackoff
from redis.retry import Retry

from z4j_adapters._errors import ControlFailed
from z4j_adapters._models import FireRef, OutcomeState, QueueState, WorkerState
from z4j_adapters.engines.common.inspector import Removed, check_queue
from z4j_adapters.engines.common.publisher import QueueNames
from z4j_adapters.engines.common.redis_inspector import RedisInspector
from z4j_adapters.engines.dramatiq.app import Setup
from z4j_adapters.engines.dramatiq.ends import End, decode
from z4j_adapters.engines.dramatiq.factory import DEFAULT_QUEUE
from z4j_adapters.engines.dramatiq.redis_keys import Keys, new_client

__all__ = ["RedisQueues"]

MESSAGES_READ_AT_ONCE = 50  # Of those whose id does not say whose they are; each may be large.

# KEYS: the queue's list and hash, then for each message the key of its fire's end, or the list
# again.  ARGV: the end, its time to live in ms, then the ids in the queue, in order.  What a worker
# was quicker with is no longer at the front.  Answers with 1 for removed or 0, an id each.
REMOVE_SCRIPT = """
local answer = {}
for i = 3, #KEYS do
  answer[i - 2] = 0
  if redis.call('LINDEX', KEYS[1], 0) == ARGV[i] then
    redis.call('LPOP', KEYS[1])
    redis.call('HDEL', KEYS[2], ARGV[i])
    if KEYS[i] ~= KEYS[1] then redis.call('SET', KEYS[i], ARGV[1], 'PX', ARGV[2]) end
    answer[i - 2] = 1
  end
end
return answer
"""


class RedisQueues(RedisInspector):
    """See Inspector.  What is delayed, also between two attempts, is not counted."""

    def __init__(self, setup: Setup, dedupe_ttl_s: float) -> None:
        super().__init__()
        self._setup = setup
        self._keys = Keys(setup.broker.namespace)
        self._ttl_ms = max(1, int(dedupe_ttl_s * 1000))

    def queues(self) -> list[QueueState]:
        """See Inspector; what a worker has fetched is in progress, though it may wait there."""
        with self._connected() as client:
            names = sorted(self._known(client))
            pipe = client.pipeline(transaction=True)
            for name in names:
                pipe.llen(self._keys.queue(name))
                pipe.hlen(self._keys.messages(name))
            counts = iter(pipe.execute())
        return [
            QueueState(name, waiting, max(0, messages - waiting))
            for name, waiting, messages in zip(names, counts, counts, strict=True)
        ]

    def workers(self) -> list[WorkerState]:
        """See Inspector."""
        raise ControlFailed("on Redis, Dramatiq's workers look like any process that enqueues")

    def depth(self, queue: str) -> int:
        """See Inspector."""
        with self._connected() as client:
            check_queue(queue, self._known(client))
            return int(client.llen(self._keys.queue(queue)))

    def remove(self, queue: str, at_most: int) -> Removed:
        """See Inspector."""
        list_key, hash_key = self._keys.queue(queue), self._keys.messages(queue)
        with self._connected() as client:
            found = client.lrange(list_key, 0, at_most - 1)
            if not found:
                return Removed(0, 0, ())
            ids = [each.decode("utf-8", "replace") for each in found]
            fires = self._fires(client, hash_key, ids)
            end = End(OutcomeState.CANCELLED, int(time.time() * 1000)).dump()
            keys = [list_key, hash_key]
            keys += [Keys.end(fires[each].id) if each in fires else list_key for each in ids]
            said = client.eval(REMOVE_SCRIPT, len(keys), *keys, end, self._ttl_ms, *found)
        removed = [each for each, gone in zip(ids, said, strict=True) if gone]
        return Removed(len(ids), len(removed), [fires[i] for i in removed if i in fires])

    def _fires(self, client: Any, hash_key: str, ids: list[str]) -> dict[str, FireRef]:
        """Find the fires by their ids in the queue: an attempt after the first has another."""
        own = self._handed_over(client, {each: each for each in ids})
        others = [each for each in ids if each not in own]
        message_ids: dict[str, str] = {}
        for start in range(0, len(others), MESSAGES_READ_AT_ONCE):
            part = others[start : start + MESSAGES_READ_AT_ONCE]
            for each, data in zip(part, client.hmget(hash_key, part), strict=True):
                if (message := decode(data)) is not None:
                    message_ids[each] = message.message_id
        return own | self._handed_over(client, message_ids)

    def _handed_over(self, client: Any, fire_ids: dict[str, str]) -> dict[str, FireRef]:
        if not fire_ids:
            return {}
        values = client.mget([Keys.fire(fire_id) for fire_id in fire_ids.values()])
        return {
            each: FireRef(fire_id, value.split(b"\n", 2)[2])
            for (each, fire_id), value in zip(fire_ids.items(), values, strict=True)
            if value is not None
        }

    def _open(self) -> Any:
        client = new_client(self._setup.broker)
        client.set_retry(Retry(NoBackoff(), 0))
        return client

    def _known(self, client: Any) -> set[str]:
        """The adapter's own, or its app's; else all that were published to."""
        if named := self._setup.named_queues():
            return set(named)
        return QueueNames.read(client, self._keys.queues) | {DEFAULT_QUEUE}
