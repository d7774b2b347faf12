"""Publishing: on Redis atomically with the dedupe, elsewhere with confirms.

Both publishers block and belong to one thread.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from typing import Any
from uuid import uuid4

from kombu.exceptions import KombuError

from z4j_adapters._errors import EngineUnavailable
from z4j_adapters._models import Result, ResultCode
from z4j_adapters.engines.celery.app import connect_options, open_redis
from z4j_adapters.engines.celery.envelope import due_text
from z4j_adapters.engines.celery.marks import Mark
from z4j_adapters.engines.common.publisher import (
    Parcel,
    Publisher,
    RedisPublisher,
    ScriptCall,
    push_script,
)

__all__ = ["CeleryRedisPublisher", "KombuPublisher", "RedisNames"]


class RedisNames:
    """Names of the keys in Redis, Celery's and ours."""

    def __init__(self, app: Any) -> None:
        options = app.connection_for_write().transport_options
        self._prefix = options.get("global_keyprefix", "")
        self._sep = options.get("sep") or "\x06\x16"
        self.steps: tuple[int, ...] = tuple(options.get("priority_steps") or (0, 3, 6, 9))
        """Of priorities, what workers take first at the front."""
        self.queues = f"{self._prefix}z4j:queues"
        """Set of the queues that were published to."""

    def list(self, queue: str, step: int) -> str:
        """Where messages of a priority step are."""
        key = self._prefix + queue
        return f"{key}{self._sep}{step}" if step else key

    def lists(self, queue: str) -> Sequence[str]:
        """All lists of a queue."""
        return [self.list(queue, step) for step in self.steps]

    def dedupe(self, queue: str, fire_id: str) -> str:
        """What says that a fire was handed over, and holds its Mark."""
        return f"{self._prefix}z4j:{{{self._prefix}{queue}}}:{fire_id}"


class CeleryRedisPublisher(RedisPublisher):
    """Pushes on the lists that Celery's workers pop."""

    SCRIPT = push_script()  # What a dedupe key holds is the fire_ref.

    def __init__(self, app: Any, dedupe_ttl_s: float) -> None:
        super().__init__()
        self._app = app
        self._ttl_ms = max(1, int(dedupe_ttl_s * 1000))
        self._names = RedisNames(app)
        self._queues: set[str] = set()
        self._told_queues: set[str] = set()
        self._tag_head = str(uuid4())[:24]
        self._tag_count = 0
        self._connection: Any = None

    def _group(self, parcel: Parcel) -> tuple[str, int]:
        return parcel.envelope.queue, parcel.envelope.step

    def _call(self, group: tuple[str, int], parcels: Sequence[Parcel]) -> ScriptCall:
        queue, step = group
        head = self._names.dedupe(queue, "")
        keys = [self._names.list(queue, step)]
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
        return ScriptCall(parcels, keys, args, size)

    def refs(self, fire_ids: Sequence[str]) -> dict[str, bytes]:
        """See Publisher."""
        return {fire_id: mark.ref for fire_id, mark in self.marks(fire_ids).items()}

    def marks(self, fire_ids: Sequence[str]) -> dict[str, Mark]:
        """Read what is known of those ids that an adapter handed over.

        Raises:
            EngineUnavailable: Redis does not answer.
        """
        found: dict[str, Mark] = {}
        with self._errors():
            client = self._connect()
            for queue in sorted(self._queues) if fire_ids else ():
                head = self._names.dedupe(queue, "")
                values = client.mget([head + fire_id for fire_id in fire_ids])
                known = ((i, v) for i, v in zip(fire_ids, values, strict=True) if v is not None)
                found.update((fire_id, Mark.read(value)) for fire_id, value in known)
        return found

    def close(self) -> None:
        """See Publisher."""
        self._client = None  # Its pool is the connection's.
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(Exception):
                connection.release()

    def _before(self, client: Any, groups: Sequence[tuple[str, int]]) -> None:
        """Remember the queues in Redis: an adapter started later must find our dedupe keys."""
        if new := {queue for queue, _ in groups} - self._told_queues:
            client.sadd(self._names.queues, *new)
            self._told_queues |= new
            self._queues |= new

    def _open(self) -> Any:
        self._connection, client = open_redis(self._app)
        return client

    def _opened(self, client: Any) -> None:
        self._queues |= {q.decode() for q in client.smembers(self._names.queues)}

    def _failures(self) -> tuple[type[BaseException], ...]:
        return (*super()._failures(), KombuError)


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

    def marks(self, fire_ids: Sequence[str]) -> dict[str, Mark]:
        """Read nothing."""
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
