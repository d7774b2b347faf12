"""The Dramatiq engine on RabbitMQ: joins publishing and listening behind EngineAdapter."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Sequence
from functools import partial

import dramatiq

from z4j_adapters._errors import ControlFailed, EngineUnavailable
from z4j_adapters._models import Capabilities, Delivery, FireRef, Outcome
from z4j_adapters.engines.common.polled import PolledEngine
from z4j_adapters.engines.common.templates import EnvelopeCache
from z4j_adapters.engines.dramatiq.app import Setup
from z4j_adapters.engines.dramatiq.ends import End
from z4j_adapters.engines.dramatiq.factory import DEFAULT_QUEUE, EnvelopeFactory
from z4j_adapters.engines.dramatiq.options import RABBIT_OPTIONS
from z4j_adapters.engines.dramatiq.rabbit_letters import Heard
from z4j_adapters.engines.dramatiq.rabbit_publish import DramatiqRabbitPublisher
from z4j_adapters.engines.dramatiq.rabbit_queues import RabbitQueues
from z4j_adapters.engines.dramatiq.rabbit_watch import RabbitWatch

__all__ = ["DramatiqRabbitEngine"]

log = logging.getLogger("z4j_adapters.dramatiq")
logging.getLogger("pika").setLevel(logging.CRITICAL)  # A lost connection is ours to report, once.

ENDS_MAX = 100_000  # ~40 MB.


class DramatiqRabbitEngine(PolledEngine):
    """See EngineAdapter.  There is no book to ask: RabbitMQ knows no message by its id."""

    name = "dramatiq"

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self._rabbit = DramatiqRabbitPublisher(setup)
        self._watch = RabbitWatch(setup)
        self._ends: OrderedDict[str, End] = OrderedDict()
        self._leaving, self._deaf = False, ""
        self._listening: asyncio.Task[None] | None = None
        envelopes = EnvelopeCache(EnvelopeFactory(setup).build)
        inspector = RabbitQueues(setup, lambda: self._rabbit.queues)
        super().__init__(self._rabbit, None, envelopes, _address(setup), inspector)

    @property
    def engine_version(self) -> str:
        return str(dramatiq.__version__)

    async def start(self) -> None:
        await super().start()
        if not self._setup.outcomes_hint:
            self._listening = asyncio.create_task(self._listen())

    async def _listen(self) -> None:
        """Hears of ends; notes also of fires that another adapter, or we before, handed over."""
        while not self._leaving:
            published, others = self._rabbit.queues, set(self.queues() or [DEFAULT_QUEUE])
            try:
                listen = partial(self._watch.listen, published, others, may_confirm=not self._out)
                heard = await self._in_thread("ask", listen)
                self._deaf = ""
            except EngineUnavailable as error:
                if self._deaf != (deaf := f"outcomes cannot be heard: {error}"):
                    log.warning("%s", deaf)
                self._deaf = deaf
                await asyncio.sleep(self._outbox.ping_after_s)
                continue
            for each in heard:
                self._hear(each)

    def _hear(self, heard: Heard) -> None:
        self._ends[heard.fire_id] = heard.end
        if len(self._ends) > ENDS_MAX:
            self._ends.popitem(last=False)
        if not heard.is_letter:  # Nobody else will tell.
            self._tracker.adopt(heard.fire_id, heard.ref)
        seen = (self._tracker.see(sighting) for sighting in heard.end.sightings(heard.fire_id))
        self._emit([outcome for outcome in seen if outcome is not None])

    async def lookup_outcomes(self, fires: Sequence[FireRef]) -> list[Outcome]:
        """Find what was heard since the start, and dead letters."""
        told: list[Outcome] = []
        for fire in fires:
            self._tracker.adopt(fire.id, fire.ref)
            if (end := self._ends.get(fire.id)) is not None:
                found = (self._tracker.tell(sighting) for sighting in end.sightings(fire.id))
                told += [outcome for outcome in found if outcome is not None]
        return told

    async def cancel(self, fire_id: str, *, terminate: bool) -> None:
        raise ControlFailed(
            "RabbitMQ has no way to take one message out of a queue, and Dramatiq none to stop a "
            "run"
        )

    async def list_tasks(self) -> list[str]:
        return self.tasks()

    def tasks(self) -> list[str]:
        return sorted(self._setup.broker.get_declared_actors())

    def queues(self) -> list[str]:
        return self._setup.named_queues()

    def capabilities(self) -> Capabilities:
        hint = self._setup.outcomes_hint
        return Capabilities(
            delivery=Delivery.AT_LEAST_ONCE,
            outcomes=not hint,
            outcomes_hint=hint,
            cancel=False,
            terminate=False,
            priority=bool(self._setup.broker.max_priority),
            expires=True,
            lookup=not hint,
            list_queues=True,
            purge=True,
            options=RABBIT_OPTIONS,
        )

    def health(self) -> str:
        return super().health() or self._deaf

    async def close(self) -> None:
        if self._closed:
            return
        if self._listening is not None:
            self._leaving = True  # Cancelled, it would drop what its thread is just hearing.
            await asyncio.wait([self._listening])
        # What the runtime has not taken yet is left for the next adapter.
        await self._in_thread("ask", self._watch.close if self._out else self._watch.leave)
        await super().close()


def _address(setup: Setup) -> str:
    """Name the broker for people, without a password."""
    parameters = setup.broker.parameters
    each = parameters if isinstance(parameters, list) else [parameters]
    return ", ".join(f"amqp://{p.host}:{p.port}/{p.virtual_host.lstrip('/')}" for p in each)
