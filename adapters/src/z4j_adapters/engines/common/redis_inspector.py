"""What inspectors of engines on Redis share: a connection, lists, and names of queues."""

from __future__ import annotations

import abc
import contextlib
import threading
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import redis

from z4j_adapters._errors import EngineUnavailable
from z4j_adapters.engines.common.inspector import Inspector

__all__ = ["Note", "RedisInspector", "oldest", "pop_oldest"]

PART_BYTES_MAX = 4 * 1024 * 1024  # Of messages in one part of a purge, unless one is larger.

# KEYS: a list that workers pop at its end.  ARGV: how many messages, and bytes, at most.  Answers
# with those that are next.
OLDEST_SCRIPT = """
local page, size = {}, 0
for i = 1, tonumber(ARGV[1]) do
  local message = redis.call('LINDEX', KEYS[1], -i)
  if not message or (i > 1 and size + #message > tonumber(ARGV[2])) then break end
  page[i], size = message, size + #message
end
return page
"""

# KEYS: the list, then for each message the key of its note, or the list again for none.  ARGV: of
# each message itself, the note, and the note's time to live in ms; empty: it replaces one, and
# lives as long.  A message that a worker was quicker with is not at the end any more.  Answers with
# 1 for popped or 0, a message each.
POP_SCRIPT = """
local answer = {}
for i = 2, #KEYS do
  local at = 3 * i - 5
  answer[i - 1] = 0
  if redis.call('LINDEX', KEYS[1], -1) == ARGV[at] then
    redis.call('RPOP', KEYS[1])
    answer[i - 1] = 1
    if KEYS[i] ~= KEYS[1] and ARGV[at + 2] == '' then
      redis.call('SET', KEYS[i], ARGV[at + 1], 'XX', 'KEEPTTL')
    elseif KEYS[i] ~= KEYS[1] then
      redis.call('SET', KEYS[i], ARGV[at + 1], 'PX', ARGV[at + 2])
    end
  end
end
return answer
"""


class Note(NamedTuple):
    """What is written down of a fire in the same step in which its message is removed."""

    key: str
    value: bytes | str
    ttl_ms: int | None = None
    """None: it replaces what is there, and ends with it."""


def oldest(client: Any, key: str, at_most: int) -> list[bytes]:
    """Read the messages of a list that workers pop next, at its end; bounded in bytes, too."""
    page: list[bytes] = client.eval(OLDEST_SCRIPT, 1, key, at_most, PART_BYTES_MAX)
    return page


def pop_oldest(
    client: Any, key: str, messages: Sequence[bytes], notes: Sequence[Note | None]
) -> list[bool]:
    """Remove messages that `oldest` read, with a note of each; False: a worker has it."""
    keys, args = [key], list[Any]()
    for message, note in zip(messages, notes, strict=True):
        keys.append(key if note is None else note.key)
        args.append(message)
        args += ("", "") if note is None else (note.value, note.ttl_ms or "")
    return [bool(popped) for popped in client.eval(POP_SCRIPT, len(keys), *keys, *args)]


class RedisInspector(Inspector, abc.ABC):
    """Its threads share a client, which is closed after an error and made again."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._client: Any = None

    @abc.abstractmethod
    def _open(self) -> Any:
        """Make the client, of redis-py, that returns bytes and gives up early."""

    def close(self) -> None:
        """See Inspector."""
        with self._lock:
            client, self._client = self._client, None
        if client is not None:
            with contextlib.suppress(Exception):
                client.close()

    def _failures(self) -> tuple[type[BaseException], ...]:
        """Name what the client raises when the broker does not answer."""
        return (OSError, redis.RedisError)

    @contextlib.contextmanager
    def _connected(self) -> Iterator[Any]:
        try:
            with self._lock:
                if self._client is None:
                    self._client = self._open()
                client = self._client
            yield client
        except self._failures() as error:
            self.close()
            raise EngineUnavailable(str(error) or type(error).__name__) from error
