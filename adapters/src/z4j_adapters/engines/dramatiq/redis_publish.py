"""Publishing on Redis: dedupe key and Dramatiq's own keys in one script."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from dramatiq.middleware import MiddlewareError

from z4j_adapters._models import Fire, Result, ResultCode
from z4j_adapters.engines.common.publisher import Parcel, QueueNames, RedisPublisher, ScriptCall
from z4j_adapters.engines.dramatiq.app import Setup
from z4j_adapters.engines.dramatiq.envelope import due_text
from z4j_adapters.engines.dramatiq.factory import DEFAULT_QUEUE
from z4j_adapters.engines.dramatiq.redis_keys import Keys, new_client

__all__ = ["DramatiqRedisPublisher"]

# KEYS: the queue's hash and list, then one dedupe key a message.  ARGV: time to live in ms, then
# dedupe value, id and message in turn.  Returns 1 for pushed and 0 for known, a message each.  What
# was written goes again if Redis refuses the rest (a key of another type).
PUBLISH_SCRIPT = """
local answer, marked, ids, messages = {}, {}, {}, {}
for i = 3, #KEYS do
  local at = 3 * i - 7
  if redis.call('SET', KEYS[i], ARGV[at], 'NX', 'PX', ARGV[1]) then
    marked[#marked + 1] = KEYS[i]
    ids[#ids + 1] = ARGV[at + 1]
    messages[#messages + 1] = ARGV[at + 1]
    messages[#messages + 1] = ARGV[at + 2]
    answer[i - 2] = 1
  else
    answer[i - 2] = 0
  end
end
if #ids > 0 then
  local done = redis.pcall('HSET', KEYS[1], unpack(messages))
  if type(done) == 'table' and done.err then
    redis.call('DEL', unpack(marked))
    return done
  end
  done = redis.pcall('RPUSH', KEYS[2], unpack(ids))
  if type(done) == 'table' and done.err then
    redis.call('HDEL', KEYS[1], unpack(ids))
    redis.call('DEL', unpack(marked))
    return done
  end
end
return answer
"""


class DramatiqRedisPublisher(RedisPublisher):
    """A fire's first message has the fire's id in the queue, too; retries get another there."""

    SCRIPT = PUBLISH_SCRIPT

    def __init__(self, setup: Setup, dedupe_ttl_s: float) -> None:
        super().__init__()
        self._broker = setup.broker
        self._hooked = setup.has_enqueue_hooks
        self._keys = Keys(setup.broker.namespace)
        self._ttl_ms = max(1, int(dedupe_ttl_s * 1000))
        self._prepared: dict[str, Any] = {}
        self._queue_names = QueueNames(self._keys.queues, DEFAULT_QUEUE)

    def publish(self, parcels: Sequence[Parcel]) -> list[Result]:
        """See Publisher."""
        if not self._hooked:
            return super().publish(parcels)
        results: list[Result] = []
        good: list[Parcel] = []
        self._prepared.clear()
        for parcel in parcels:
            if refusal := self._before_enqueue(parcel):
                fire = parcel.fire
                results.append(Result(fire.id, fire.ref, ResultCode.REJECTED, refusal))
            else:
                good.append(parcel)
        pushed = super().publish(good)
        for result in pushed:
            if result.code is ResultCode.ACCEPTED:
                self._broker.emit_after("enqueue", self._prepared[result.fire_id], None)
        return results + pushed

    def _before_enqueue(self, parcel: Parcel) -> str:
        """Let the app's middleware see the message, as Broker.enqueue would."""
        fire = parcel.fire
        message = parcel.envelope.filled(fire, due_text(fire.due_us), _now_ms())
        try:
            self._broker.emit_before("enqueue", message, None)
        except MiddlewareError as error:
            return f"a middleware of the app refuses it: {type(error).__name__}: {error}"
        self._prepared[fire.id] = message
        return ""

    def _group(self, parcel: Parcel) -> str:
        return str(parcel.envelope.queue)

    def _call(self, group: str, parcels: Sequence[Parcel]) -> ScriptCall:
        keys = [self._keys.messages(group), self._keys.queue(group)]
        args: list[Any] = [self._ttl_ms]
        now_ms, due_us, due, size = _now_ms(), -1, "", 0
        for fire, envelope in parcels:
            if self._hooked:
                body = self._prepared[fire.id].encode()
            else:
                if fire.due_us != due_us:
                    due_us, due = fire.due_us, due_text(fire.due_us)
                body = envelope.body(fire, due, now_ms)
            keys.append(Keys.fire(fire.id))
            args += (_dedupe_value(fire, envelope.route), fire.id, body)
            size += len(body)
        return ScriptCall(parcels, keys, args, size)

    def refs(self, fire_ids: Sequence[str]) -> dict[str, bytes]:
        """See Publisher."""
        with self._errors():
            values = self._connect().mget([Keys.fire(fire_id) for fire_id in fire_ids])
        return {i: v.split(b"\n", 2)[2] for i, v in zip(fire_ids, values, strict=True) if v}

    def _opened(self, client: Any) -> None:
        self._queue_names.connected()

    def _before(self, client: Any, groups: Sequence[str]) -> None:
        self._queue_names.tell(client, groups)

    def _open(self) -> Any:
        return new_client(self._broker)


def _dedupe_value(fire: Fire, route: str) -> bytes:
    return b"%s\n%s" % (route.encode(), fire.ref)


def _now_ms() -> int:
    return int(time.time() * 1000)
