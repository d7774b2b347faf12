"""Finding the messages of fires that were retried: each attempt has another id in Redis."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from dramatiq import Message

from z4j_adapters.engines.dramatiq.ends import End, decode, end_of_dead_letter
from z4j_adapters.engines.dramatiq.redis_keys import Keys

__all__ = ["Place", "RetryFinder"]

# One step over a hash of messages; ids of fires are version 5 UUIDs, which all of Dramatiq's
# encoders write as text.  KEYS: the hash.  ARGV: cursor, count, then the ids that are looked for.
# Returns the next cursor, then the keys of messages that hold one of them.
FIND_SCRIPT = """
local wanted, answer = {}, {}
for i = 3, #ARGV do wanted[ARGV[i]] = true end
local step = redis.call('HSCAN', KEYS[1], ARGV[1], 'COUNT', ARGV[2])
answer[1] = step[1]
local hex = '%x%x%x%x'
local id = hex .. hex .. '%-' .. hex .. '%-5%x%x%x%-' .. hex .. '%-' .. hex .. hex .. hex
for i = 1, #step[2], 2 do
  for found in string.gmatch(step[2][i + 1], id) do
    if wanted[found] then
      answer[#answer + 1] = step[2][i]
      break
    end
  end
end
return answer
"""
MESSAGES_PER_STEP = 200  # Redis waits while a step runs.
REST_SHARE = 10  # After a search it rests this many times as long as the search took.
REST_MIN_S = 0.5


class Place(NamedTuple):
    """Where a fire's message is."""

    queue: str
    """May end in .DQ: it waits for its next attempt."""
    key: str
    """Its id there."""


class RetryFinder:
    """Blocks; belongs to one thread."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self._next_search = 0.0

    @property
    def may_search(self) -> bool:
        """Whether it has rested enough since the last search."""
        return time.monotonic() >= self._next_search

    def search(self, client: Any, queue: str, fire_ids: Sequence[str]) -> dict[str, Place | End]:
        """Look through a queue, its delayed and its dead messages for those of the fires."""
        began = time.monotonic()
        found: dict[str, Place | End] = {}
        # A worker enqueues the next attempt before it lets the last one go; so look where messages
        # come from before looking where they go to, and twice: attempts may be quick.
        for name in (f"{queue}.DQ", queue, f"{queue}.DQ", queue):
            for key, message in self._matches(client, name, fire_ids, found):
                found[message.message_id] = Place(name, key)
        for key, message in self._matches(client, f"{queue}.XQ", fire_ids, found):
            if (at_ms := client.zscore(self._keys.dead(queue), key)) is not None:
                found[message.message_id] = end_of_dead_letter(message, int(at_ms))
        rest_s = max(REST_MIN_S, (time.monotonic() - began) * REST_SHARE)
        self._next_search = time.monotonic() + rest_s
        return found

    def _matches(
        self, client: Any, name: str, fire_ids: Sequence[str], found: dict[str, Any]
    ) -> Iterator[tuple[str, Message[Any]]]:
        wanted = {fire_id for fire_id in fire_ids if fire_id not in found}
        hash_key, cursor = self._keys.messages(name), b"0"
        while wanted:
            cursor, *keys = client.eval(
                FIND_SCRIPT, 1, hash_key, cursor, MESSAGES_PER_STEP, *wanted
            )
            for key, data in zip(keys, client.hmget(hash_key, keys) if keys else (), strict=True):
                message = decode(data)
                if message is not None and message.message_id in wanted:
                    yield key.decode(), message
            if cursor == b"0":
                return
