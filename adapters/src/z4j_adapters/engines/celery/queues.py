"""What the broker tells of Celery's queues; purges."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kombu import Queue
from kombu.exceptions import KombuError

from z4j_adapters._errors import EngineUnavailable
from z4j_adapters._models import FireRef, QueueState, WorkerState
from z4j_adapters.engines.celery.app import CeleryOptions, connect_options, open_redis
from z4j_adapters.engines.celery.crew import Crew
from z4j_adapters.engines.celery.dispatch import RedisNames
from z4j_adapters.engines.celery.marks import Mark, cancelled
from z4j_adapters.engines.common.inspector import Inspector, Removed, check_queue
from z4j_adapters.engines.common.redis_inspector import (
    Note,
    RedisInspector,
    oldest,
    pop_oldest,
)

__all__ = ["AmqpQueues", "CeleryQueues", "RedisQueues"]

NOT_FOUND = 404


class CeleryQueues(Inspector):
    """Names of queues and who works on them, whatever the broker is."""

    def __init__(self, app: Any, options: CeleryOptions) -> None:
        super().__init__()  # Of what is mixed in.
        self._app = app
        self._options = options

    def queues(self) -> list[QueueState]:
        """See Inspector; blocks for a second, for that is how long workers are listened to."""
        crew = Crew.ask(self._app, with_queues=True)
        depths = self._depths(sorted(self._names(crew)))
        return [
            QueueState(name, depth, crew.in_progress(name), crew.serving(name))
            for name, depth in depths.items()
        ]

    def workers(self) -> list[WorkerState]:
        """See Inspector: those that answer within a second."""
        return Crew.ask(self._app, with_queues=False).states()

    def depth(self, queue: str) -> int:
        """See Inspector."""
        if queue not in (names := self._names(None)):
            names = self._names(Crew.ask(self._app, with_queues=True))
        check_queue(queue, names)
        return self._depths([queue]).get(queue, 0)

    def _depths(self, names: Sequence[str]) -> dict[str, int]:
        """Count what waits, without queues that do not exist yet."""
        raise NotImplementedError

    def _names(self, crew: Crew | None) -> set[str]:
        """The adapter's own; else those of the app, of this broker, and of workers."""
        if self._options.queues:
            return set(self._options.queues)
        names = set(self._app.amqp.queues) | self._published()
        return names if crew is None else names | crew.queues

    def _published(self) -> set[str]:
        return set()


class RedisQueues(CeleryQueues, RedisInspector):
    """Each queue is a list for each priority step."""

    def __init__(self, app: Any, options: CeleryOptions) -> None:
        super().__init__(app, options)
        self._keys = RedisNames(app)
        self._connection: Any = None

    def _depths(self, names: Sequence[str]) -> dict[str, int]:
        with self._connected() as client:
            pipe = client.pipeline(transaction=False)
            for name in names:
                for key in self._keys.lists(name):
                    pipe.llen(key)
            counts, steps = pipe.execute(), len(self._keys.steps)
        return {name: sum(counts[at * steps : at * steps + steps]) for at, name in enumerate(names)}

    def remove(self, queue: str, at_most: int) -> Removed:
        """See Inspector; what workers take first goes first.  The dedupe keys say it, too."""
        with self._connected() as client:
            for key in self._keys.lists(queue):
                if not (messages := oldest(client, key, at_most)):
                    continue
                ids = [_fire_id_of(message) for message in messages]
                keys = [self._keys.dedupe(queue, i or "") for i in ids]
                refs = [None if v is None else Mark.read(v).ref for v in client.mget(keys)]
                now_s = time.time()
                notes = [
                    None if ref is None else Note(dedupe, cancelled(ref, now_s))
                    for dedupe, ref in zip(keys, refs, strict=True)
                ]
                popped = pop_oldest(client, key, messages, notes)
                found = zip(ids, refs, popped, strict=True)
                fires = [FireRef(i, ref or b"") for i, ref, gone in found if i and gone]
                return Removed(len(messages), sum(popped), fires)
        return Removed(0, 0, ())

    def close(self) -> None:
        """See Inspector."""
        with self._lock:
            self._client = None  # Its pool is the connection's.
            connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(Exception):
                connection.release()

    def _published(self) -> set[str]:
        with self._connected() as client:
            return {name.decode() for name in client.smembers(self._keys.queues)}

    def _open(self) -> Any:
        self._connection, client = open_redis(self._app)
        return client

    def _failures(self) -> tuple[type[BaseException], ...]:
        return (*super()._failures(), KombuError)


class AmqpQueues(CeleryQueues):
    """RabbitMQ's.  Each thread has a connection of its own, for the time of its work."""

    def _depths(self, names: Sequence[str]) -> dict[str, int]:
        depths: dict[str, int] = {}
        with self._connected() as connection:
            for name in names:
                channel = connection.channel()
                try:
                    depths[name] = channel.queue_declare(queue=name, passive=True).message_count
                except connection.channel_errors as error:
                    if getattr(error, "code", 0) != NOT_FOUND:
                        raise
                    continue  # Not declared yet; RabbitMQ has closed the channel.
                channel.close()
        return depths

    def remove(self, queue: str, at_most: int) -> Removed:
        """See Inspector.  RabbitMQ's own purge would not say whose messages they were; messages
        that were fetched go back if the connection breaks before they are confirmed."""
        fires: list[FireRef] = []
        count = 0
        with self._connected() as connection:
            channel = connection.channel()
            bound, last = Queue(queue)(channel), None
            while count < at_most and (message := bound.get(no_ack=False)) is not None:
                last, count = message.delivery_tag, count + 1
                if fire_id := _fire_id(message.headers):
                    fires.append(FireRef(fire_id, b""))
            if last is not None:
                channel.basic_ack(last, multiple=True)
            channel.close()  # Waits until RabbitMQ has read what was sent before.
        return Removed(count, count, fires)

    @contextlib.contextmanager
    def _connected(self) -> Iterator[Any]:
        connection = self._app.connection_for_write(transport_options=connect_options(self._app))
        failures = (OSError, KombuError, *connection.connection_errors, *connection.channel_errors)
        try:
            with connection:
                connection.connect()
                yield connection
        except failures as error:
            raise EngineUnavailable(str(error) or type(error).__name__) from error


def _fire_id_of(message: bytes) -> str | None:
    """Read the id of a fire from the JSON that Redis holds; None: it is another's."""
    try:
        return _fire_id(json.loads(message)["headers"])
    except (ValueError, KeyError, TypeError):
        return None


def _fire_id(headers: Mapping[str, Any] | None) -> str | None:
    if not headers or "z4j_schedule" not in headers:
        return None
    return str(headers.get("id") or "") or None
