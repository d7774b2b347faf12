"""Publishing: on Redis atomically with the dedupe, elsewhere with confirms.

Both publishers block and belong to one thread.
"""

from __future__ import annotations

import abc
import contextlib
import time
from collections.abc import Sequence
from typing import Any, NamedTuple
from uuid import uuid4

import redis
from kombu.exceptions import KombuError
from redis.backoff import NoBackoff
from redis.retry import Retry

from z4j_adapters._errors import EngineUnavailable
from z4j_adapters._models import Fire, Result, ResultCode
from z4j_adapters.engines.celery.app import connect_options
from z4j_adapters.engines.celery.envelope import Envelope, due_text

__all__ = ["KombuPublisher", "Parcel", "Publisher", "RedisPublisher"]

# A script holds Redis up while it runs, and Lua's unpack() has a bound of some thousands.
MESSAGES_PER_SCRIPT_MAX = 200
BYTES_PER_ROUND_TRIP_MAX = 16 * 1024 * 1024

# KEYS: the queue's list, then one dedupe key a message.  ARGV: time to live in ms, then fire_ref
# and message in turn.  Returns 1 for pushed and 0 for known, a message each.  The keys go again if
# the push is refused (the key is no list): a fire marked as handed over must be in the queue.
PUBLISH_SCRIPT = """
local answer, messages, marked = {}, {}, {}
for i = 2, #KEYS do
  if redis.call('SET', KEYS[i], ARGV[2 * i - 2], 'NX', 'PX', ARGV[1]) then
    messages[#messages + 1] = ARGV[2 * i - 1]
    marked[#marked + 1] = KEYS[i]
    answer[i - 1] = 1
  else
    answer[i - 1] = 0
  end
end
if #messages > 0 then
  local pushed = redis.pcall('LPUSH', KEYS[1], unpack(messages))
  if type(pushed) == 'table' and pushed.err then
    redis.call('DEL', unpack(marked))
    return pushed
  end
end
return answer
"""


class Parcel(NamedTuple):
    """A fire and the envelope it goes in."""

    fire: Fire
    envelope: Envelope


class Publisher(abc.ABC):
    """Puts parcels into the broker's queues."""

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


class RedisPublisher(Publisher):
    """Dedupe and push in one script per at most 200 messages, several scripts a round trip."""

    def __init__(self, app: Any, dedupe_ttl_s: float) -> None:
        self._app = app
        self._ttl_ms = max(1, int(dedupe_ttl_s * 1000))
        options = app.connection_for_write().transport_options
        self._prefix = options.get("global_keyprefix", "")
        self._sep = options.get("sep") or "\x06\x16"
        self._queues_key = f"{self._prefix}z4j:queues"
        self._queues: set[str] = set()
        self._told_queues: set[str] = set()
        self._tag_head = str(uuid4())[:24]
        self._tag_count = 0
        self._connection: Any = None
        self._client: Any = None
        self._script = ""

    def publish(self, parcels: Sequence[Parcel]) -> list[Result]:
        """See Publisher."""
        groups: dict[tuple[str, int], list[Parcel]] = {}
        for parcel in parcels:
            key = (parcel.envelope.queue, parcel.envelope.step)
            groups.setdefault(key, []).append(parcel)
        calls: list[tuple[list[Parcel], list[str], list[Any], int]] = []
        for (queue, step), members in groups.items():
            for start in range(0, len(members), MESSAGES_PER_SCRIPT_MAX):
                calls.append(self._call(queue, step, members[start:][:MESSAGES_PER_SCRIPT_MAX]))
        results: list[Result] = []
        with self._errors():
            client = self._connect()
            self._tell_queues(client, {queue for queue, _ in groups})
            while calls:
                size, count = 0, 0
                while count < len(calls) and (count == 0 or size < BYTES_PER_ROUND_TRIP_MAX):
                    size += calls[count][3]
                    count += 1
                results += self._round_trip(client, calls[:count])
                del calls[:count]
        return results

    def _call(
        self, queue: str, step: int, parcels: list[Parcel]
    ) -> tuple[list[Parcel], list[str], list[Any], int]:
        head = self._dedupe_head(queue)
        key = self._prefix + queue
        keys = [f"{key}{self._sep}{step}" if step else key]
        args: list[Any] = [self._ttl_ms]
        now_s, due_us, due, size = time.time(), -1, "", 0
        for fire, envelope in parcels:
            if fire.due_us != due_us:
                due_us, due = fire.due_us, due_text(fire.due_us)
            self._tag_count += 1
            message = envelope.redis_message(
                fire, f"{self._tag_head}{self._tag_count:012x}", due, now_s
            )
            keys.append(head + fire.id)
            args += (fire.ref, message)
            size += len(message)
        return parcels, keys, args, size

    def _round_trip(self, client: Any, calls: list[Any]) -> list[Result]:
        pipe = client.pipeline(transaction=False)
        for _, keys, args, _ in calls:
            pipe.execute_command("EVALSHA", self._script, len(keys), *keys, *args)
        answers = pipe.execute(raise_on_error=False)
        if any(isinstance(a, redis.exceptions.NoScriptError) for a in answers):
            self._script = client.script_load(PUBLISH_SCRIPT)  # Redis was restarted or flushed.
            raise EngineUnavailable("the broker was restarted; trying again")
        results = []
        for (parcels, _, _, _), answer in zip(calls, answers, strict=True):
            if isinstance(answer, Exception):
                text = f"redis: {answer}"
                codes = [ResultCode.UNAVAILABLE] * len(parcels)
            else:
                text = ""
                codes = [ResultCode.ACCEPTED if a else ResultCode.DUPLICATE for a in answer]
            results += [
                Result(parcel.fire.id, parcel.fire.ref, code, text)
                for parcel, code in zip(parcels, codes, strict=True)
            ]
        return results

    def ping(self) -> None:
        """See Publisher."""
        with self._errors():
            self._connect().ping()

    def refs(self, fire_ids: Sequence[str]) -> dict[str, bytes]:
        """See Publisher."""
        found: dict[str, bytes] = {}
        with self._errors():
            client = self._connect()
            for queue in sorted(self._queues):
                head = self._dedupe_head(queue)
                values = client.mget([head + fire_id for fire_id in fire_ids])
                found.update({i: v for i, v in zip(fire_ids, values, strict=True) if v is not None})
        return found

    def close(self) -> None:
        """See Publisher."""
        self._client = None
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(Exception):
                connection.release()

    def _dedupe_head(self, queue: str) -> str:
        return f"{self._prefix}z4j:{{{self._prefix}{queue}}}:"

    def _tell_queues(self, client: Any, queues: set[str]) -> None:
        """Remember the queues in Redis: an adapter started later must find our dedupe keys."""
        if new := queues - self._told_queues:
            client.sadd(self._queues_key, *new)
            self._told_queues |= new
            self._queues |= new

    def _connect(self) -> Any:
        if self._client is None:
            # kombu's channel knows TLS, Sentinel, sockets and credentials; its pool is all we take.
            self._connection = self._app.connection_for_write(
                transport_options=connect_options(self._app)
            )
            self._connection.connect()
            client: Any = redis.Redis(connection_pool=self._connection.channel().pool)
            client.set_retry(Retry(NoBackoff(), 0))  # We say what is retried.
            self._script = client.script_load(PUBLISH_SCRIPT)
            self._queues |= {q.decode() for q in client.smembers(self._queues_key)}
            self._client = client
        return self._client

    @contextlib.contextmanager
    def _errors(self) -> Any:
        try:
            yield
        except (OSError, redis.RedisError, KombuError) as error:
            self.close()
            raise EngineUnavailable(str(error) or type(error).__name__) from error


class KombuPublisher(Publisher):
    """Any broker that kombu can reach; where it can confirm, each message is confirmed."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self._connection: Any = None
        self._producer: Any = None

    def publish(self, parcels: Sequence[Parcel]) -> list[Result]:
        """See Publisher."""
        results: list[Result] = []
        try:
            producer = self._connect()
            for fire, envelope in parcels:
                arguments = envelope.publish_arguments(fire, due_text(fire.due_us), time.time())
                producer.publish(**arguments)
                results.append(Result(fire.id, fire.ref, ResultCode.ACCEPTED))
        except self._failures() as error:
            self.close()
            if not results:
                raise EngineUnavailable(str(error) or type(error).__name__) from error
            results += [
                Result(parcel.fire.id, parcel.fire.ref, ResultCode.UNAVAILABLE, str(error))
                for parcel in parcels[len(results) :]
            ]
        return results

    def ping(self) -> None:
        """See Publisher."""
        try:
            self._connect()
            with contextlib.suppress(TimeoutError):
                self._connection.drain_events(timeout=0.001)  # Notices a closed socket.
        except self._failures() as error:
            self.close()
            raise EngineUnavailable(str(error) or type(error).__name__) from error

    def refs(self, fire_ids: Sequence[str]) -> dict[str, bytes]:
        """See Publisher; these brokers keep no dedupe keys."""
        return {}

    def close(self) -> None:
        """See Publisher."""
        self._producer = None
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(Exception):
                connection.release()

    def _connect(self) -> Any:
        if self._producer is None:
            self._connection = self._app.connection_for_write(
                transport_options={**connect_options(self._app), "confirm_publish": True}
            )
            self._connection.connect()
            self._producer = self._app.amqp.Producer(self._connection, auto_declare=False)
        return self._producer

    def _failures(self) -> tuple[type[BaseException], ...]:
        connection = self._connection or self._app.connection_for_write()
        return (
            OSError,
            KombuError,
            *connection.connection_errors,
            *connection.channel_errors,
        )
