"""Publishing on RabbitMQ: by Dramatiq's own broker, each message confirmed."""

from __future__ import annotations

import contextlib
import time
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import pika.exceptions
from dramatiq.errors import ConnectionClosed
from dramatiq.middleware import MiddlewareError

from z4j_adapters._errors import EngineUnavailable
from z4j_adapters._models import Fire, Result, ResultCode
from z4j_adapters.engines.common.publisher import Parcel, Publisher
from z4j_adapters.engines.dramatiq.app import Setup
from z4j_adapters.engines.dramatiq.envelope import Envelope, due_text

__all__ = ["DramatiqRabbitPublisher", "connection_failures", "limit_waiting"]

ACCEPTED_MAX = 100_000  # ~20 MB.
BLOCKED_MAX_S, HEARTBEAT_S = 10.0, 10


class DramatiqRabbitPublisher(Publisher):
    """A bounded memory of what was accepted keeps most repeats away, not all."""

    def __init__(self, setup: Setup) -> None:
        self._broker = setup.broker
        self._broker.confirm_delivery = True
        limit_waiting(self._broker.parameters)
        self._accepted: OrderedDict[str, None] = OrderedDict()
        self.queues: frozenset[str] = frozenset()
        """Published to so far; read by other threads."""

    def publish(self, parcels: Sequence[Parcel]) -> list[Result]:
        """See Publisher."""
        results: list[Result] = []
        refused: dict[str, str] = {}
        now_ms = int(time.time() * 1000)
        for fire, envelope in parcels:
            if envelope.queue in refused:
                results.append(_result(fire, ResultCode.UNAVAILABLE, refused[envelope.queue]))
                continue
            try:
                code, text = self._publish(fire, envelope, now_ms)
            except connection_failures() as error:
                self.close()
                text = _words(error)
                if not _is_of_queue(error):
                    if not results:
                        raise EngineUnavailable(text) from error
                    rest = parcels[len(results) :]
                    return results + [_result(p.fire, ResultCode.UNAVAILABLE, text) for p in rest]
                code, refused[envelope.queue] = ResultCode.UNAVAILABLE, text
            results.append(_result(fire, code, text))
        return results

    def _publish(self, fire: Fire, envelope: Envelope, now_ms: int) -> tuple[ResultCode, str]:
        if fire.id in self._accepted:
            return ResultCode.DUPLICATE, ""
        message = envelope.filled(fire, due_text(fire.due_us), now_ms)
        try:
            self._broker.enqueue(message)  # Declares the queue, calls the app's middleware.
        except MiddlewareError as error:
            return (
                ResultCode.REJECTED,
                f"a middleware of the app refuses it: {type(error).__name__}: {error}",
            )
        if envelope.queue not in self.queues:
            self.queues |= {envelope.queue}
        self._accepted[fire.id] = None
        if len(self._accepted) > ACCEPTED_MAX:
            self._accepted.popitem(last=False)
        return ResultCode.ACCEPTED, ""

    def ping(self) -> None:
        """See Publisher."""
        try:
            self._broker.connection.process_data_events(0)  # Notices a closed socket, too.
        except connection_failures() as error:
            self.close()
            raise EngineUnavailable(_words(error)) from error

    def refs(self, fire_ids: Sequence[str]) -> dict[str, bytes]:
        """See Publisher; RabbitMQ keeps no dedupe keys."""
        return {}

    def close(self) -> None:
        """See Publisher."""
        with contextlib.suppress(Exception):
            del self._broker.connection


def connection_failures() -> tuple[type[BaseException], ...]:
    """Name what pika and Dramatiq raise when RabbitMQ does not answer, or not as it should."""
    return (OSError, ConnectionClosed, pika.exceptions.AMQPError)


def limit_waiting(parameters: Any) -> None:
    """Bound how long a RabbitMQ that does not answer holds a thread, where the app does not."""
    for each in parameters if isinstance(parameters, list) else [parameters]:
        if each.blocked_connection_timeout is None:
            each.blocked_connection_timeout = BLOCKED_MAX_S
        if each.heartbeat is None:
            each.heartbeat = HEARTBEAT_S


def _cause(error: BaseException) -> BaseException:
    return error.args[0] if isinstance(error, ConnectionClosed) and error.args else error


def _is_of_queue(error: BaseException) -> bool:
    """Whether only the fire's queue is at fault, such as one declared with other arguments."""
    return isinstance(_cause(error), pika.exceptions.AMQPChannelError)


def _words(error: BaseException) -> str:
    cause = _cause(error)
    return f"{type(cause).__name__}: {cause}" if str(cause) else repr(cause)


def _result(fire: Fire, code: ResultCode, text: str) -> Result:
    return Result(fire.id, fire.ref, code, text)
