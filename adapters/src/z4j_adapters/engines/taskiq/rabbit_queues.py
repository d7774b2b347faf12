"""What RabbitMQ tells of TaskIQ's queues; purges, message by message."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import aio_pika
from aio_pika.exceptions import ChannelNotFoundEntity

from z4j_adapters._errors import ControlFailed, EngineUnavailable
from z4j_adapters._models import FireRef, QueueState, WorkerState
from z4j_adapters.engines.common.inspector import Inspector, Removed, check_queue
from z4j_adapters.engines.taskiq.where import FIRE_ID

__all__ = ["RabbitQueues"]

T = TypeVar("T")

ANSWER_WITHIN_S = 15.0


class RabbitQueues(Inspector):
    """See Inspector.  Each call has a connection and an event loop of its own."""

    def __init__(self, broker: Any, queues: tuple[str, ...]) -> None:
        self._broker = broker
        self._queues = queues

    def queues(self) -> list[QueueState]:
        """See Inspector; a worker process is one consumer of a queue."""

        async def ask(connection: Any) -> list[QueueState]:
            states = [await self._state(connection, name) for name in sorted(self._known())]
            return [state for state in states if state is not None]

        return self._run(ask)

    def workers(self) -> list[WorkerState]:
        """See Inspector."""
        raise ControlFailed("RabbitMQ tells how many workers a queue has, not which")

    def depth(self, queue: str) -> int:
        """See Inspector."""
        check_queue(queue, self._known())
        state = self._run(lambda connection: self._state(connection, queue))
        return 0 if state is None else state.depth

    def remove(self, queue: str, at_most: int) -> Removed:
        """See Inspector.  RabbitMQ's own purge would not say whose messages they were; messages
        that were fetched go back if the connection breaks before they are confirmed."""

        async def fetch(connection: Any) -> Removed:
            fires: list[FireRef] = []
            count, last = 0, None
            channel = await connection.channel()
            source = await channel.get_queue(queue, ensure=False)
            while count < at_most:
                message = await source.get(no_ack=False, fail=False)
                if message is None:
                    break
                last, count = message, count + 1
                fire_id = str(message.headers.get("task_id", ""))
                if FIRE_ID.fullmatch(fire_id.encode()):
                    fires.append(FireRef(fire_id, b""))
            if last is not None:
                await last.ack(multiple=True)
            await channel.close()  # Waits until RabbitMQ has read what was sent before.
            return Removed(count, count, fires)

        return self._run(fetch)

    def _known(self) -> set[str]:
        return set(self._queues) or {str(queue.name) for queue in self._broker._task_queues}

    async def _state(self, connection: Any, name: str) -> QueueState | None:
        """Ask for a queue; None: it has not been declared yet."""
        channel = await connection.channel()
        try:
            found = (await channel.declare_queue(name, passive=True)).declaration_result
        except ChannelNotFoundEntity:
            return None  # RabbitMQ has closed the channel.
        await channel.close()
        return QueueState(name, found.message_count, None, found.consumer_count)

    def _run(self, work: Callable[[Any], Awaitable[T]]) -> T:
        async def connected() -> T:
            connection = await aio_pika.connect(self._broker.url, **self._broker._conn_kwargs)
            async with connection:
                return await work(connection)

        try:
            return asyncio.run(asyncio.wait_for(connected(), ANSWER_WITHIN_S))
        except Exception as error:  # Of three libraries, each with a tree of its own.
            raise EngineUnavailable(str(error) or type(error).__name__) from error
