"""Takes messages back that no worker has fetched."""

from __future__ import annotations

from typing import Any

import redis

from z4j_adapters._errors import ControlFailed
from z4j_adapters.engines.taskiq.connect import redis_client
from z4j_adapters.engines.taskiq.marks import CANCELLED, Mark, mark_key, mark_tail, read_mark
from z4j_adapters.engines.taskiq.where import queued_messages

__all__ = ["Control", "cancelled_mark"]

# KEYS: the list, the dedupe key.  ARGV: the message, the key's new value.  Returns 1 if the
# message was there.
LIST_CANCEL = """
local removed = redis.call('LREM', KEYS[1], -1, ARGV[1])
if removed == 1 then redis.call('SET', KEYS[2], ARGV[2], 'KEEPTTL') end
return removed
"""

# KEYS: the stream, the dedupe key.  ARGV: the entry's id, its two numbers, the group, the key's
# new value.  Returns 1 if the group had not delivered the entry yet.
STREAM_CANCEL = """
for _, group in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
  local fields = {}
  for i = 1, #group, 2 do fields[group[i]] = group[i + 1] end
  if fields['name'] == ARGV[4] then
    local ms, seq = string.match(fields['last-delivered-id'], '(%d+)-(%d+)')
    ms, seq = tonumber(ms), tonumber(seq)
    local own_ms, own_seq = tonumber(ARGV[2]), tonumber(ARGV[3])
    if ms > own_ms or (ms == own_ms and seq >= own_seq) then return 0 end
  end
end
local removed = redis.call('XDEL', KEYS[1], ARGV[1])
if removed == 1 then redis.call('SET', KEYS[2], ARGV[5], 'KEEPTTL') end
return removed
"""


class Control:
    """Blocks; belongs to one thread."""

    def __init__(self, broker: Any, *, stream: bool, shows_ids: bool) -> None:
        self._client = redis_client(broker)
        self._formatter = broker.formatter
        self._group = broker.consumer_group_name if stream else ""
        self._stream = stream
        self._shows_ids = shows_ids

    def cancel(self, fire_id: str) -> None:
        """Take the fire's message out of its queue.

        Raises:
            ControlFailed: A worker has it, or it could not be looked for.
        """
        try:
            mark = read_mark(self._client.get(mark_key(fire_id)))
            if mark is None:
                raise ControlFailed("the broker remembers no such fire")
            if mark.entry == CANCELLED:
                return
            taken = self._from_stream if self._stream else self._from_list
            if not taken(fire_id, mark):
                raise ControlFailed(
                    "a worker has fetched it, and TaskIQ cannot stop what a worker has"
                )
        except (OSError, redis.RedisError) as error:
            raise ControlFailed(f"redis: {error}") from error

    def _from_list(self, fire_id: str, mark: Mark) -> bool:
        if not self._shows_ids:
            raise ControlFailed("the broker's formatter hides task ids: it cannot be found")
        for message in queued_messages(self._client, mark.queue):
            if fire_id.encode() in message and self._is_of(message, fire_id):
                keys = (mark.queue, mark_key(fire_id))
                args = (message, cancelled_mark(mark))
                if self._client.eval(LIST_CANCEL, 2, *keys, *args):
                    return True
        return False

    def _is_of(self, message: bytes, fire_id: str) -> bool:
        """Whether it is the fire's own; another's arguments may name it."""
        try:
            return bool(self._formatter.loads(message).task_id == fire_id)
        except Exception:
            return False  # Not one of TaskIQ's.

    def _from_stream(self, fire_id: str, mark: Mark) -> bool:
        keys = (mark.queue, mark_key(fire_id))
        numbers = mark.entry.split("-")
        args = (mark.entry, *numbers, self._group, cancelled_mark(mark))
        return bool(self._client.eval(STREAM_CANCEL, 2, *keys, *args))

    def close(self) -> None:
        """Close connections.  Idempotent."""
        self._client.close()


def cancelled_mark(mark: Mark) -> bytes:
    """Write the dedupe key's value of a fire that was taken back."""
    return CANCELLED.encode() + mark_tail(mark.route) + mark.ref
