"""What RabbitMQ tells of Dramatiq's queues; purges, message by message."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Set
from typing import Any

import pika
from pika.exceptions import ChannelClosedByBroker

from z4j_adapters._errors import ControlFailed, EngineUnavailable
from z4j_adapters._models import FireRef, QueueState, WorkerState
from z4j_adapters.engines.common.inspector import Inspector, Removed, check_queue
from z4j_adapters.engines.dramatiq.app import Setup
from z4j_adapters.engines.dramatiq.ends import decode
from z4j_adapters.engines.dramatiq.factory import DEFAULT_QUEUE
from z4j_adapters.engines.dramatiq.rabbit_letters import ref_of
from z4j_adapters.engines.dramatiq.rabbit_publish import connection_failures

__all__ = ["RabbitQueues"]

NOT_FOUND = 404


class RabbitQueues(Inspector):
    """See Inspector.  Each thread has a connection of its own, for the time of its work."""

    def __init__(self, setup: Setup, published: Callable[[], Set[str]]) -> None:
        """`published` names the queues that this adapter published to."""
        self._setup = setup
        self._published = published

    def queues(self) -> list[QueueState]:
        """See Inspector; a worker process is one consumer of a queue."""
        with self._connected() as connection:
            states = (self._state(connection, name) for name in sorted(self._known()))
            return [state for state in states if state is not None]

    def workers(self) -> list[WorkerState]:
        """See Inspector."""
        raise ControlFailed("RabbitMQ tells how many workers a queue has, not which")

    def depth(self, queue: str) -> int:
        """See Inspector."""
        check_queue(queue, self._known())
        with self._connected() as connection:
            state = self._state(connection, queue)
        return 0 if state is None else state.depth

    def remove(self, queue: str, at_most: int) -> Removed:
        """See Inspector.  RabbitMQ's own purge would not say whose messages they were; messages
        that were fetched go back if the connection breaks before they are confirmed."""
        fires: list[FireRef] = []
        count = 0
        with self._connected() as connection:
            channel, last = connection.channel(), None
            while count < at_most:
                method, _, body = channel.basic_get(queue)
                if method is None:
                    break
                last, count = method.delivery_tag, count + 1
                message = decode(body)
                if message is not None and (ref := ref_of(message)) is not None:
                    fires.append(FireRef(message.message_id, ref))
            if last is not None:
                channel.basic_ack(last, multiple=True)
            channel.close()  # Waits until RabbitMQ has read what was sent before.
        return Removed(count, count, fires)

    def _known(self) -> set[str]:
        """The adapter's own, or its app's; else those that it published to."""
        return set(self._setup.named_queues() or (self._published() | {DEFAULT_QUEUE}))

    def _state(self, connection: Any, name: str) -> QueueState | None:
        """Ask for a queue; None: it has not been declared yet."""
        channel = connection.channel()
        try:
            method = channel.queue_declare(name, passive=True).method
        except ChannelClosedByBroker as error:
            if error.reply_code == NOT_FOUND:
                return None
            raise
        channel.close()
        return QueueState(name, method.message_count, None, method.consumer_count)

    @contextlib.contextmanager
    def _connected(self) -> Iterator[Any]:
        connection = None
        try:
            connection = pika.BlockingConnection(self._setup.broker.parameters)
            yield connection
        except connection_failures() as error:
            raise EngineUnavailable(str(error) or type(error).__name__) from error
        finally:
            if connection is not None:
                with contextlib.suppress(Exception):
                    connection.close()
