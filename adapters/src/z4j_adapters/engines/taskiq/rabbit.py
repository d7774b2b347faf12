"""Publishing to RabbitMQ as taskiq-aio-pika does, each message confirmed and routed."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import aio_pika
import aiormq
import aiormq.abc

from z4j_adapters._errors import EngineUnavailable
from z4j_adapters._models import Result, ResultCode
from z4j_adapters.engines.common.publisher import Parcel, Publisher
from z4j_adapters.engines.taskiq.dispatch import Sealer
from z4j_adapters.engines.taskiq.loop import LoopThread

__all__ = ["RabbitPublisher"]

log = logging.getLogger("z4j_adapters.taskiq")

PERSISTENT = 2  # AMQP's delivery mode.
ACCEPTED_MAX = 200_000  # ~30 MB: fires handed over again soon after are known.
CONNECT_TIMEOUT_S, CONFIRM_TIMEOUT_S, PUBLISH_TIMEOUT_S = 5.0, 10.0, 15.0


class RabbitPublisher(Publisher):
    """At least once: what was not confirmed is published again.

    With the user's broker exchange and queues are declared as its own `startup` does; without,
    a worker must have declared them.
    """

    def __init__(self, broker: Any, sealer: Sealer, *, declare: bool) -> None:
        self._broker = broker
        self._sealer = sealer
        self._declare = declare
        self._loop = LoopThread("taskiq-rabbit")
        self._connection: Any = None
        self._channel: Any = None
        self._accepted: OrderedDict[str, None] = OrderedDict()

    def publish(self, parcels: Sequence[Parcel]) -> list[Result]:
        """See Publisher."""
        fresh: dict[str, Parcel] = {}
        known: list[Parcel] = []
        for parcel in parcels:
            if parcel.fire.id in self._accepted or parcel.fire.id in fresh:
                known.append(parcel)
            else:
                fresh[parcel.fire.id] = parcel
        sealed, results = self._sealer.seal(list(fresh.values()))
        results += [Result(p.fire.id, p.fire.ref, ResultCode.DUPLICATE) for p in known]
        published = self._publish(sealed)
        for result in published:
            if result.code is ResultCode.ACCEPTED:
                self._accepted[result.fire_id] = None
        while len(self._accepted) > ACCEPTED_MAX:
            self._accepted.popitem(last=False)
        self._sealer.sent(published)
        return results + published

    def ping(self) -> None:
        """See Publisher."""
        self._run(self._connect(), CONNECT_TIMEOUT_S)

    def refs(self, fire_ids: Sequence[str]) -> dict[str, bytes]:
        """See Publisher; RabbitMQ keeps no dedupe keys."""
        return {}

    def close(self) -> None:
        """See Publisher."""
        connection, self._connection, self._channel = self._connection, None, None
        if connection is not None:
            try:
                self._loop.run(connection.close(), CONNECT_TIMEOUT_S)
            except Exception:
                log.debug("closing the connection", exc_info=True)  # It was gone already.
        self._loop.stop()

    def _publish(self, parcels: Sequence[Parcel]) -> list[Result]:
        if not parcels:
            return []
        self._run(self._connect(), CONNECT_TIMEOUT_S)
        answers: list[Any] = self._run(self._send(parcels), PUBLISH_TIMEOUT_S)
        results = []
        for (fire, envelope), answer in zip(parcels, answers, strict=True):
            if isinstance(answer, BaseException):
                text = f"rabbitmq: {str(answer) or type(answer).__name__}"
                results.append(Result(fire.id, fire.ref, ResultCode.UNAVAILABLE, text))
            elif isinstance(answer, aiormq.abc.DeliveredMessage):
                text = f"no queue takes routing key {envelope.queue!r} yet: start a worker"
                results.append(Result(fire.id, fire.ref, ResultCode.UNAVAILABLE, text))
            else:
                results.append(Result(fire.id, fire.ref, ResultCode.ACCEPTED))
        if all(isinstance(answer, BaseException) for answer in answers):
            self.close()
            raise EngineUnavailable(results[0].message)
        return results

    async def _send(self, parcels: Sequence[Parcel]) -> list[Any]:
        """Return what each send returned or raised; the time is up for all at once."""
        sending = [asyncio.ensure_future(self._send_one(parcel)) for parcel in parcels]
        _, unanswered = await asyncio.wait(sending, timeout=CONFIRM_TIMEOUT_S)
        for task in unanswered:
            task.cancel()
        answers = await asyncio.gather(*sending, return_exceptions=True)
        late = asyncio.TimeoutError(f"not confirmed within {CONFIRM_TIMEOUT_S:g} s")
        return [late if isinstance(a, asyncio.CancelledError) else a for a in answers]

    async def _send_one(self, parcel: Parcel) -> Any:
        fire, envelope = parcel
        headers = {"task_id": fire.id, "task_name": envelope.task, **envelope.labels}
        properties = aiormq.spec.Basic.Properties(
            headers=headers, delivery_mode=PERSISTENT, priority=envelope.priority
        )
        return await self._channel.basic_publish(
            envelope.message(fire.id),
            exchange=self._broker._exchange.name,
            routing_key=envelope.queue,
            properties=properties,
            mandatory=True,
            wait=False,  # For the socket; the confirm is waited for.
        )

    async def _connect(self) -> None:
        if self._connection is not None and not self._connection.is_closed:
            return
        broker = self._broker
        self._connection = await aio_pika.connect(broker.url, **broker._conn_kwargs)
        channel = await self._connection.channel(publisher_confirms=True)
        if self._declare:
            broker.write_channel = channel
            await broker._declare_exchanges()
            await broker._declare_queues(channel)
        await channel.get_exchange(broker._exchange.name, ensure=not self._declare)
        self._channel = await channel.get_underlay_channel()

    def _run(self, work: Any, timeout_s: float) -> Any:
        try:
            return self._loop.run(work, timeout_s)
        except Exception as error:  # Of three libraries, each with a tree of its own.
            self.close()
            raise EngineUnavailable(str(error) or type(error).__name__) from error
