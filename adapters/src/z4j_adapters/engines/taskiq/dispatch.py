"""Publishing to Redis lists and streams, atomically with the dedupe."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from z4j_adapters._errors import TaskRejected
from z4j_adapters._models import Result, ResultCode
from z4j_adapters.engines.common.publisher import (
    Parcel,
    QueueNames,
    RedisPublisher,
    ScriptCall,
    push_script,
)
from z4j_adapters.engines.taskiq.connect import redis_client
from z4j_adapters.engines.taskiq.hooks import Hooks
from z4j_adapters.engines.taskiq.marks import QUEUES_KEY, mark_key, read_mark

__all__ = ["ListPublisher", "Sealer", "StreamPublisher"]

# What a dedupe key holds begins with the time of the push, as the id of a stream's entry does.
LIST_SCRIPT = push_script(
    before="""
local now = redis.call('TIME')
local entry = string.format('%d-0', now[1] * 1000 + math.floor(now[2] / 1000))
""",
    value="entry .. ARGV[at]",
)

# KEYS: the stream, then one dedupe key a message.  ARGV: time to live in ms, consumer group, the id
# it starts after, maximum length or '', '~' or '=', then the end of the dedupe key's value and the
# message in turn.  A group that the first worker made later would start at its own time and never
# see what is in the stream by then, so it is made here, before the first entry; it does not bring
# back what an older group has read.
STREAM_SCRIPT = """
local made = redis.pcall('XGROUP', 'CREATE', KEYS[1], ARGV[2], ARGV[3], 'MKSTREAM')
if type(made) == 'table' and made.err and not string.find(made.err, 'BUSYGROUP', 1, true) then
  return made
end
local answer = {}
for i = 2, #KEYS do
  answer[i - 1] = 0
  if redis.call('EXISTS', KEYS[i]) == 0 then
    local message, entry = ARGV[2 * i + 3]
    if ARGV[4] == '' then
      entry = redis.pcall('XADD', KEYS[1], '*', 'data', message)
    else
      entry = redis.pcall('XADD', KEYS[1], 'MAXLEN', ARGV[5], ARGV[4], '*', 'data', message)
    end
    if type(entry) == 'table' then
      return entry
    end
    redis.call('SET', KEYS[i], entry .. ARGV[2 * i + 2], 'PX', ARGV[1])
    answer[i - 1] = 1
  end
end
return answer
"""


class Sealer:
    """Makes the messages of fires that the user's middlewares want to see one by one."""

    def __init__(self, hooks: Hooks) -> None:
        self._hooks = hooks
        self._sent: dict[str, Any] = {}

    def seal(self, parcels: Sequence[Parcel]) -> tuple[list[Parcel], list[Result]]:
        """Return the parcels, each with its message, and results of those that have none yet."""
        self._sent = {}
        sealed: list[Parcel] = []
        results: list[Result] = []
        broken = ""
        for fire, envelope in parcels:
            if envelope.make is None:
                sealed.append(Parcel(fire, envelope))
                continue
            if broken:  # It may take its time to fail, and there may be hundreds.
                results.append(Result(fire.id, fire.ref, ResultCode.UNAVAILABLE, broken))
                continue
            try:
                message, raw = envelope.make(fire.id)
            except TaskRejected as refusal:
                results.append(Result(fire.id, fire.ref, ResultCode.REJECTED, str(refusal)))
                continue
            except Exception as error:  # Of a middleware or a formatter: it may have been a moment.
                broken = f"middleware or formatter: {type(error).__name__}: {error}"
                results.append(Result(fire.id, fire.ref, ResultCode.UNAVAILABLE, broken))
                continue
            self._sent[fire.id] = message
            sealed.append(Parcel(fire, replace(envelope, labels=message.labels, parts=(raw,))))
        return sealed, results

    def sent(self, results: Sequence[Result]) -> None:
        """Tell the middlewares what the broker accepted."""
        accepted = (r.fire_id for r in results if r.code is ResultCode.ACCEPTED)
        self._hooks.post_send([self._sent[i] for i in accepted if i in self._sent])

    def close(self) -> None:
        """Shut the middlewares down.  Idempotent."""
        self._hooks.close()


class ListPublisher(RedisPublisher):
    """Pushes on the lists that ListQueueBroker's workers pop."""

    SCRIPT = LIST_SCRIPT

    def __init__(self, broker: Any, sealer: Sealer, dedupe_ttl_s: float) -> None:
        super().__init__()
        self._broker = broker
        self._sealer = sealer
        self._settings: list[Any] = [max(1, int(dedupe_ttl_s * 1000))]
        self._queue_names = QueueNames(QUEUES_KEY, str(broker.queue_name))

    def publish(self, parcels: Sequence[Parcel]) -> list[Result]:
        """See Publisher."""
        sealed, results = self._sealer.seal(parcels)
        published = super().publish(sealed)
        self._sealer.sent(published)
        return results + published

    def _group(self, parcel: Parcel) -> str:
        return str(parcel.envelope.queue)

    def _call(self, group: Any, parcels: Sequence[Parcel]) -> ScriptCall:
        keys: list[str] = [group]
        args = self._settings.copy()
        size = 0
        for fire, envelope in parcels:
            message = envelope.message(fire.id)
            keys.append(mark_key(fire.id))
            args += (envelope.tail + fire.ref, message)
            size += len(message)
        return ScriptCall(parcels, keys, args, size)

    def refs(self, fire_ids: Sequence[str]) -> dict[str, bytes]:
        """See Publisher."""
        with self._errors():
            values = self._connect().mget([mark_key(fire_id) for fire_id in fire_ids])
        marks = ((i, read_mark(value)) for i, value in zip(fire_ids, values, strict=True))
        return {fire_id: mark.ref for fire_id, mark in marks if mark is not None}

    def _open(self) -> Any:
        return redis_client(self._broker)

    def _opened(self, client: Any) -> None:
        self._queue_names.connected()

    def _before(self, client: Any, groups: Sequence[Any]) -> None:
        self._queue_names.tell(client, groups)


class StreamPublisher(ListPublisher):
    """Adds to the streams that RedisStreamBroker's workers read."""

    SCRIPT = STREAM_SCRIPT

    def __init__(self, broker: Any, sealer: Sealer, dedupe_ttl_s: float) -> None:
        super().__init__(broker, sealer, dedupe_ttl_s)
        self._settings += [
            broker.consumer_group_name,
            broker.consumer_id,
            "" if broker.maxlen is None else broker.maxlen,
            "~" if broker.approximate else "=",
        ]
