"""Publishing: the dedupe key, the job's hash and the queue's list in one script."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, NamedTuple

from rq.utils import now, utcformat

from z4j_adapters._models import Fire
from z4j_adapters.engines.common.publisher import Parcel, RedisPublisher, ScriptCall
from z4j_adapters.engines.rq.app import RqApp
from z4j_adapters.engines.rq.envelope import Envelope, due_text

__all__ = ["HandedOver", "RqPublisher", "dedupe_key"]

# KEYS: the queue's list, the set of queues, then dedupe key and job hash in turn.
# ARGV: the time, the push command, how many forms; the forms, names and values of fields packed as
# MessagePack; then of each job: id, life of its dedupe key in ms, what that holds, ms until it
# expires (empty: never; 0: it has), number of its form, meta.
# Returns 1 for pushed and 0 for known, a job each.  What was written goes again if Redis refuses
# a part: a fire marked as handed over must be in its queue.
PUBLISH_SCRIPT = """
local now, push, at = ARGV[1], ARGV[2], 4
local forms, answer, ids, written = {}, {}, {}, {}
for i = 1, tonumber(ARGV[3]) do
  local form = cmsgpack.unpack(ARGV[at])
  forms[i] = { form, #form }
  at = at + 1
end
local function refused(reply)
  if type(reply) ~= 'table' or not reply.err then return false end
  if #written > 0 then redis.call('DEL', unpack(written)) end
  return true
end
for i = 1, (#KEYS - 2) / 2 do
  local mark, job, id, ttl = KEYS[2 * i + 1], KEYS[2 * i + 2], ARGV[at], ARGV[at + 3]
  answer[i] = 0
  local new = redis.call('EXISTS', job) == 0
      and redis.pcall('SET', mark, ARGV[at + 2], 'NX', 'PX', ARGV[at + 1])
  if refused(new) then return new end
  if new then
    answer[i] = 1
    written[#written + 1] = mark
    if ttl ~= '0' then
      local form, size = unpack(forms[tonumber(ARGV[at + 4])])
      form[size + 1], form[size + 2] = 'created_at', now
      form[size + 3], form[size + 4] = 'enqueued_at', now
      form[size + 5], form[size + 6] = 'meta', ARGV[at + 5]
      local last = size + 6
      if ttl ~= '' then
        last = size + 8
        form[size + 7], form[size + 8] = 'ttl', math.ceil(tonumber(ttl) / 1000)
      end
      local reply = redis.pcall('HSET', job, unpack(form, 1, last))
      written[#written + 1] = job
      if refused(reply) then return reply end
      reply = ttl ~= '' and redis.pcall('PEXPIRE', job, ttl)
      if refused(reply) then return reply end
      ids[#ids + 1] = id
    end
  end
  at = at + 6
end
if #ids > 0 then
  if push == 'LPUSH' then
    for i = 1, math.floor(#ids / 2) do ids[i], ids[#ids + 1 - i] = ids[#ids + 1 - i], ids[i] end
  end
  local reply = redis.pcall('SADD', KEYS[2], KEYS[1])
  if refused(reply) then return reply end
  reply = redis.pcall(push, KEYS[1], unpack(ids))
  if refused(reply) then return reply end
end
return answer
"""


class HandedOver(NamedTuple):
    """What the dedupe key holds: all that leads back from a fire's id."""

    at_ms: int
    expires_ms: int
    """0: never."""
    route: str
    ref: bytes

    @classmethod
    def read(cls, value: bytes) -> HandedOver:
        """Read what `head` and the ref made."""
        at, expires, route, ref = value.split(b" ", 3)
        return cls(int(at), int(expires), route.decode(), ref)

    @staticmethod
    def head(at_ms: int, expires_ms: int, route: str) -> bytes:
        """Write all but the ref."""
        return f"{at_ms} {expires_ms} {route} ".encode()


def dedupe_key(fire_id: str) -> str:
    """Name the key that says a fire was handed over."""
    return "z4j:rq:" + fire_id


class RqPublisher(RedisPublisher):
    """Leaves what `Queue.enqueue` leaves."""

    SCRIPT = PUBLISH_SCRIPT

    def __init__(self, app: RqApp, dedupe_ttl_s: float) -> None:
        super().__init__()
        self._app = app
        self._ttl_ms = max(1, int(dedupe_ttl_s * 1000))
        self._job_prefix = str(app.job_class.redis_job_namespace_prefix)
        self._queues_key = str(app.queue_class.redis_queues_keys)

    def _group(self, parcel: Parcel) -> tuple[str, bool]:
        return parcel.envelope.queue_key, parcel.envelope.at_front

    def _call(self, group: tuple[str, bool], parcels: Sequence[Parcel]) -> ScriptCall:
        queue_key, at_front = group
        keys = [queue_key, self._queues_key]
        forms: dict[int, int] = {}
        head: list[Any] = [utcformat(now()), "LPUSH" if at_front else "RPUSH", 0]
        args: list[Any] = []
        now_ms, size = int(time.time() * 1000), 0
        due_us, due = -1, ""
        for fire, envelope in parcels:
            if (form := forms.get(id(envelope))) is None:
                form = forms[id(envelope)] = len(forms) + 1
                head.append(envelope.form)
                size += envelope.size_bytes
            if fire.due_us != due_us:
                due_us, due = fire.due_us, due_text(fire.due_us)
            expires_ms, left_ms = _expiry(fire, envelope, now_ms)
            keys += (dedupe_key(fire.id), self._job_prefix + fire.id)
            args += (
                fire.id,
                self._ttl_ms + (left_ms or 0),
                HandedOver.head(now_ms, expires_ms, envelope.route) + fire.ref,
                "" if left_ms is None else left_ms,
                form,
                envelope.meta(due),
            )
            size += 500
        head[2] = len(forms)
        return ScriptCall(parcels, keys, head + args, size)

    def refs(self, fire_ids: Sequence[str]) -> dict[str, bytes]:
        """See Publisher."""
        with self._errors():
            values = self._connect().mget([dedupe_key(fire_id) for fire_id in fire_ids])
        return {i: HandedOver.read(v).ref for i, v in zip(fire_ids, values, strict=True) if v}

    def _open(self) -> Any:
        return self._app.new_client()


def _expiry(fire: Fire, envelope: Envelope, now_ms: int) -> tuple[int, int | None]:
    """Say when it expires and in how many ms, 0 if it has; 0 and None: never."""
    if envelope.expires_s is None:
        return 0, None
    at_ms = round(fire.due_us / 1000 + envelope.expires_s * 1000)
    return at_ms, max(0, at_ms - now_ms)
