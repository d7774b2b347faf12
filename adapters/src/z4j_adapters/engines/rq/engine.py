"""The RQ engine: joins publishing, asking and control behind EngineAdapter."""

from __future__ import annotations

import rq

from z4j_adapters._models import Capabilities, Delivery
from z4j_adapters.engines.common.polled import PolledEngine
from z4j_adapters.engines.common.templates import EnvelopeCache
from z4j_adapters.engines.rq.app import RqApp, RqOptions
from z4j_adapters.engines.rq.book import RqBook
from z4j_adapters.engines.rq.control import Control
from z4j_adapters.engines.rq.dispatch import RqPublisher
from z4j_adapters.engines.rq.envelope import EnvelopeFactory
from z4j_adapters.engines.rq.options import ENGINE_OPTIONS
from z4j_adapters.engines.rq.queues import RqInspector

__all__ = ["RqEngine"]


class RqEngine(PolledEngine):
    """See EngineAdapter."""

    name = "rq"

    def __init__(self, options: RqOptions) -> None:
        self._app = app = RqApp(options)
        factory = EnvelopeFactory(app, options.result_ttl_s, check_imports=options.check_imports)
        super().__init__(
            RqPublisher(app, options.dedupe_ttl_s),
            RqBook(app, options.result_ttl_s, options.worker_lost_after_s),
            EnvelopeCache(factory.build),
            app.broker,
            RqInspector(app),
        )
        self._control = Control(app)

    @property
    def engine_version(self) -> str:
        return str(rq.__version__)

    async def cancel(self, fire_id: str, *, terminate: bool) -> None:
        await self._in_thread("control", self._control.cancel, fire_id, terminate)

    async def list_tasks(self) -> list[str]:
        return self.tasks()  # RQ's workers import what they are told to; they know no list.

    def tasks(self) -> list[str]:
        return list(self._app.tasks)

    def queues(self) -> list[str]:
        return list(self._app.queues)

    def capabilities(self) -> Capabilities:
        return Capabilities(
            delivery=Delivery.EFFECTIVELY_ONCE,
            outcomes=True,
            cancel=True,
            terminate=True,
            priority=False,
            expires=True,
            lookup=True,
            list_queues=True,
            list_workers=True,
            purge=True,
            options=ENGINE_OPTIONS,
        )

    async def close(self) -> None:
        if not self._closed:
            await self._in_thread("control", self._control.close)
        await super().close()
