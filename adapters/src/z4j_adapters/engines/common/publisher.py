"""Publishing: fires in their envelopes, on Redis atomically with the dedupe."""

from __future__ import annotations

import abc
import contextlib
from collections.abc import Hashable, Iterable, Sequence
from typing import Any, ClassVar, NamedTuple

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from z4j_adapters._errors import EngineUnavailable
from z4j_adapters._models import Fire, Result, ResultCode

__all__ = ["Parcel", "Publisher", "QueueNames", "RedisPublisher", "ScriptCall", "push_script"]

# A script holds Redis up while it runs, and Lua's unpack() has a bound of some thousands.
MESSAGES_PER_SCRIPT_MAX = 200
BYTES_PER_ROUND_TRIP_MAX = 16 * 1024 * 1024

_PUSH_SCRIPT = """
local answer, pushed, marked = {}, {}, {}
%(before)s
for i = 2, #KEYS do
  local at = %(width)d * i - %(shift)d
  if redis.call('SET', KEYS[i], %(value)s, 'NX', 'PX', ARGV[1]) then
    %(collect)s
    marked[#marked + 1] = KEYS[i]
    answer[i - 1] = 1
  else
    answer[i - 1] = 0
  end
end
if #marked > 0 then
  local done = redis.pcall('%(push)s', KEYS[1], unpack(pushed))
  if type(done) == 'table' and done.err then
    redis.call('DEL', unpack(marked))
    return done
  end
end
return answer
"""


class Parcel(NamedTuple):
    """A fire and the envelope it goes in."""

    fire: Fire
    envelope: Any
    """What the engine made of the fire's template."""


class Publisher(abc.ABC):
    """Puts parcels into the broker's queues.  Blocks; belongs to one thread."""

    @abc.abstractmethod
    def publish(self, parcels: Sequence[Parcel]) -> list[Result]:
        """Publish in order; one result a parcel.

        Raises:
            EngineUnavailable: The outcome of all is unknown.
        """

    @abc.abstractmethod
    def ping(self) -> None:
        """Connect if need be.

        Raises:
            EngineUnavailable: The broker does not answer.
        """

    @abc.abstractmethod
    def refs(self, fire_ids: Sequence[str]) -> dict[str, bytes]:
        """Find the fire_ref of those ids that an adapter handed over, as far as the broker knows.

        Raises:
            EngineUnavailable: It does not answer.
        """

    @abc.abstractmethod
    def close(self) -> None:
        """Close connections.  Idempotent."""


class ScriptCall(NamedTuple):
    """One call of the publishing script."""

    parcels: Sequence[Parcel]
    keys: list[str]
    args: list[Any]
    size_bytes: int
    """Of the arguments, roughly."""


def push_script(
    push: str = "LPUSH", *, parts: int = 1, before: str = "", value: str = "ARGV[at]"
) -> str:
    """Write the publishing script of an engine whose queue is one key: mark, push, or undo.

    Its KEYS: the queue, then one dedupe key a message.  Its ARGV: time to live in ms, then of each
    message what its dedupe key holds and what is pushed.  It answers as RedisPublisher wants: if
    the push is refused (the key is of another kind), the dedupe keys of this call go again.

    Args:
        push: The command that puts all that is new into the queue.
        parts: How many arguments of `push` a message has; at most a few, for Lua's unpack().
        before: Lua that runs once, before the first message.
        value: Lua that makes the dedupe key's value; `at` is the index of the message's first
            argument.
    """
    collect = [f"pushed[#pushed + 1] = ARGV[at + {part + 1}]" for part in range(parts)]
    width = parts + 1
    return _PUSH_SCRIPT % {
        "before": before,
        "width": width,
        "shift": 2 * width - 2,
        "value": value,
        "collect": "; ".join(collect),
        "push": push,
    }


class QueueNames:
    """The set of queues that were published to, of engines that keep none themselves."""

    def __init__(self, key: str, default: str) -> None:
        """`default` is known to everybody, and not written down."""
        self._key = key
        self._default = default
        self._told = {default}

    def tell(self, client: Any, names: Iterable[str]) -> None:
        """Write down those that are new since the client was connected."""
        if new := set(names) - self._told:
            client.sadd(self._key, *new)
            self._told |= new

    def connected(self) -> None:
        """Redis may have been emptied meanwhile."""
        self._told = {self._default}

    @staticmethod
    def read(client: Any, key: str) -> set[str]:
        """Read what `tell` wrote."""
        return {name.decode() for name in client.smembers(key)}


class RedisPublisher(Publisher):
    """Dedupe and push in one script per at most 200 messages, several scripts a round trip."""

    SCRIPT: ClassVar[str]
    """Answers with a list: 1 for pushed and 0 for known, one a parcel.  If the engine's own writes
    are refused it undoes its dedupe keys and answers with the error: a fire marked as handed over
    must be in its queue."""

    def __init__(self) -> None:
        self._client: Any = None
        self._script = ""

    @abc.abstractmethod
    def _group(self, parcel: Parcel) -> Hashable:
        """Say which parcels may share a script."""

    @abc.abstractmethod
    def _call(self, group: Any, parcels: Sequence[Parcel]) -> ScriptCall:
        """Make the call that publishes these, all of one group."""

    @abc.abstractmethod
    def _open(self) -> Any:
        """Make the client, of redis-py, that returns bytes."""

    def _opened(self, client: Any) -> None:
        """Read what is wanted once a connection."""

    def _before(self, client: Any, groups: Sequence[Any]) -> None:
        """Write what has to be there before the scripts run."""

    def publish(self, parcels: Sequence[Parcel]) -> list[Result]:
        """See Publisher."""
        groups: dict[Any, list[Parcel]] = {}
        for parcel in parcels:
            groups.setdefault(self._group(parcel), []).append(parcel)
        calls = [
            self._call(group, members[start : start + MESSAGES_PER_SCRIPT_MAX])
            for group, members in groups.items()
            for start in range(0, len(members), MESSAGES_PER_SCRIPT_MAX)
        ]
        results: list[Result] = []
        with self._errors():
            client = self._connect()
            self._before(client, list(groups))
            while calls:
                size, count = 0, 0
                while count < len(calls) and (count == 0 or size < BYTES_PER_ROUND_TRIP_MAX):
                    size += calls[count].size_bytes
                    count += 1
                results += self._round_trip(client, calls[:count])
                del calls[:count]
        return results

    def _round_trip(self, client: Any, calls: Sequence[ScriptCall]) -> list[Result]:
        pipe = client.pipeline(transaction=False)
        for call in calls:
            pipe.execute_command("EVALSHA", self._script, len(call.keys), *call.keys, *call.args)
        answers = pipe.execute(raise_on_error=False)
        if any(isinstance(a, redis.exceptions.NoScriptError) for a in answers):
            self._script = client.script_load(self.SCRIPT)  # Redis was restarted or flushed.
            raise EngineUnavailable("the broker was restarted; trying again")
        results = []
        for call, answer in zip(calls, answers, strict=True):
            if isinstance(answer, Exception):
                text = f"redis: {answer}"
                codes = [ResultCode.UNAVAILABLE] * len(call.parcels)
            else:
                text = ""
                codes = [ResultCode.ACCEPTED if a else ResultCode.DUPLICATE for a in answer]
            results += [
                Result(parcel.fire.id, parcel.fire.ref, code, text)
                for parcel, code in zip(call.parcels, codes, strict=True)
            ]
        return results

    def ping(self) -> None:
        """See Publisher."""
        with self._errors():
            self._connect().ping()

    def close(self) -> None:
        """See Publisher."""
        client, self._client = self._client, None
        if client is not None:
            with contextlib.suppress(Exception):
                client.close()

    def _connect(self) -> Any:
        if self._client is None:
            client = self._open()
            client.set_retry(Retry(NoBackoff(), 0))  # We say what is retried.
            self._script = client.script_load(self.SCRIPT)
            self._opened(client)
            self._client = client
        return self._client

    def _failures(self) -> tuple[type[BaseException], ...]:
        """Name what the client raises when the broker does not answer."""
        return (OSError, redis.RedisError)

    @contextlib.contextmanager
    def _errors(self) -> Any:
        try:
            yield
        except self._failures() as error:
            self.close()
            raise EngineUnavailable(str(error) or type(error).__name__) from error
