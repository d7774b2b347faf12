"""What Redis tells of TaskIQ's lists and streams; purges."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import redis

from z4j_adapters._errors import ControlFailed
from z4j_adapters._models import FireRef, QueueState, WorkerState
from z4j_adapters.engines.common.inspector import Removed, check_queue
from z4j_adapters.engines.common.publisher import QueueNames
from z4j_adapters.engines.common.redis_inspector import (
    Note,
    RedisInspector,
    oldest,
    pop_oldest,
)
from z4j_adapters.engines.taskiq.connect import redis_client
from z4j_adapters.engines.taskiq.control import cancelled_mark
from z4j_adapters.engines.taskiq.marks import QUEUES_KEY, Mark, mark_key, read_mark

__all__ = ["ListInspector", "StreamInspector", "fire_id_of"]

PAGE_ENTRIES, COUNTED_MAX = 1000, 100_000

# KEYS: the stream.  ARGV: the id after which to begin, how many at most.  Answers with how many
# entries there are, and the last one's id.
COUNT_SCRIPT = """
local page = redis.call('XRANGE', KEYS[1], '(' .. ARGV[1], '+', 'COUNT', ARGV[2])
if #page == 0 then return {0, ARGV[1]} end
return {#page, page[#page][1]}
"""

# KEYS: the stream, then for each entry its fire's dedupe key, or the stream again.  ARGV: the
# group, then of each entry its id, the id's two numbers and the key's new value.  Answers with 1
# for each entry that was removed, and 0 for what the group had delivered meanwhile.
REMOVE_SCRIPT = """
local ms, seq = 0, 0
for _, group in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
  local fields = {}
  for i = 1, #group, 2 do fields[group[i]] = group[i + 1] end
  if fields['name'] == ARGV[1] then
    ms, seq = string.match(fields['last-delivered-id'], '(%d+)-(%d+)')
    ms, seq = tonumber(ms), tonumber(seq)
  end
end
local answer = {}
for i = 2, #KEYS do
  local at = 4 * i - 6
  local own_ms, own_seq = tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2])
  answer[i - 1] = 0
  if own_ms > ms or (own_ms == ms and own_seq > seq) then
    answer[i - 1] = redis.call('XDEL', KEYS[1], ARGV[at])
    if answer[i - 1] == 1 and KEYS[i] ~= KEYS[1] then
      redis.call('SET', KEYS[i], ARGV[at + 3], 'XX', 'KEEPTTL')
    end
  end
end
return answer
"""


def fire_id_of(formatter: Any, message: bytes) -> str:
    """Read a message's task id; empty: it is not one of TaskIQ's, or cannot be read."""
    try:
        return str(formatter.loads(message).task_id)
    except Exception:
        return ""


class _Queues(RedisInspector):
    """Names of queues; who runs what is not known."""

    def __init__(self, broker: Any, queues: tuple[str, ...]) -> None:
        super().__init__()
        self._broker = broker
        self._queues = queues

    def queues(self) -> list[QueueState]:
        """See Inspector."""
        with self._connected() as client:
            return [self._state(client, name) for name in self._known(client)]

    def workers(self) -> list[WorkerState]:
        """See Inspector."""
        raise ControlFailed("TaskIQ's workers tell nobody that they live")

    def depth(self, queue: str) -> int:
        """See Inspector."""
        with self._connected() as client:
            check_queue(queue, self._known(client))
            return self._state(client, queue).depth

    def _state(self, client: Any, queue: str) -> QueueState:
        raise NotImplementedError

    def _open(self) -> Any:
        return redis_client(self._broker)

    def _known(self, client: Any) -> set[str]:
        if self._queues:
            return set(self._queues)
        return QueueNames.read(client, QUEUES_KEY) | {str(self._broker.queue_name)}

    def _marks(self, client: Any, messages: Sequence[bytes]) -> list[tuple[str, Mark | None]]:
        """Read whose the messages are: their ids, and the marks of those that are fires."""
        ids = [fire_id_of(self._broker.formatter, message) for message in messages]
        values = client.mget([mark_key(fire_id) for fire_id in ids]) if ids else []
        return [(i, read_mark(value)) for i, value in zip(ids, values, strict=True)]


class ListInspector(_Queues):
    """Of ListQueueBroker: a list forgets what was popped, so what runs is not known."""

    def _state(self, client: Any, queue: str) -> QueueState:
        return QueueState(queue, client.llen(queue))

    def remove(self, queue: str, at_most: int) -> Removed:
        """See Inspector."""
        with self._connected() as client:
            messages = oldest(client, queue, at_most)
            marks = self._marks(client, messages)
            notes = [mark and Note(mark_key(i), cancelled_mark(mark)) for i, mark in marks]
            popped = pop_oldest(client, queue, messages, notes)
        pairs = zip(marks, popped, strict=True)
        fires = [FireRef(i, mark.ref) for (i, mark), gone in pairs if gone and mark]
        return Removed(len(messages), sum(popped), fires)


class StreamInspector(_Queues):
    """Of RedisStreamBroker: its consumer group knows what was delivered."""

    def _state(self, client: Any, queue: str) -> QueueState:
        """Count; where Redis has no count of its own (it loses it when an entry is removed), up
        to 100,000 entries are counted, and more are told as so many."""
        groups = self._groups(client, queue)
        group = groups.get(self._group)
        if group is None:
            return QueueState(queue, client.xlen(queue), 0)
        lag, last = group.get("lag"), group["last-delivered-id"]
        if lag is None:
            lag, page = 0, PAGE_ENTRIES
            while page == PAGE_ENTRIES and lag < COUNTED_MAX:
                page, last = client.eval(COUNT_SCRIPT, 1, queue, last, PAGE_ENTRIES)
                lag += page
        return QueueState(queue, lag, group["pending"])

    def depth(self, queue: str) -> int:
        """See Inspector; other groups have their own right to the entries."""
        with self._connected() as client:
            check_queue(queue, self._known(client))
            others = self._groups(client, queue).keys() - {self._group}
            if others:
                named = ", ".join(sorted(name.decode() for name in others))
                raise ControlFailed(
                    f"stream {queue!r} has other consumer groups, which would lose its entries: "
                    f"{named}"
                )
            return self._state(client, queue).depth

    def remove(self, queue: str, at_most: int) -> Removed:
        """See Inspector."""
        with self._connected() as client:
            group = self._groups(client, queue).get(self._group)
            last = b"0-0" if group is None else group["last-delivered-id"]
            entries = client.xrange(queue, min=b"(" + last, count=at_most)
            if not entries:
                return Removed(0, 0, ())
            marks = self._marks(client, [fields.get(b"data", b"") for _, fields in entries])
            keys, args = [queue], list[Any]((self._group,))
            for (entry, _), (fire_id, mark) in zip(entries, marks, strict=True):
                keys.append(mark_key(fire_id) if mark else queue)
                args += (entry, *entry.split(b"-"), cancelled_mark(mark) if mark else "")
            said = client.eval(REMOVE_SCRIPT, len(keys), *keys, *args)
        fires = [FireRef(i, m.ref) for (i, m), gone in zip(marks, said, strict=True) if gone and m]
        return Removed(len(entries), sum(said), fires)

    @property
    def _group(self) -> bytes:
        return str(self._broker.consumer_group_name).encode()

    def _groups(self, client: Any, stream: str) -> dict[bytes, dict[str, Any]]:
        try:
            return {group["name"]: group for group in client.xinfo_groups(stream)}
        except redis.ResponseError:
            if client.type(stream) in (b"none", "none"):
                return {}  # Nothing was added yet.
            raise
