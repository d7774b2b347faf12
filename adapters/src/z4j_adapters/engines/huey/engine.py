"""The Huey engine: publishing, reading and control behind EngineAdapter."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.metadata

from z4j_adapters._errors import ControlFailed, EngineUnavailable
from z4j_adapters._models import Capabilities, Delivery
from z4j_adapters.engines.common.polled import PolledEngine
from z4j_adapters.engines.common.templates import EnvelopeCache
from z4j_adapters.engines.huey.book import Consumers, Control, HueyBook
from z4j_adapters.engines.huey.factory import EnvelopeFactory
from z4j_adapters.engines.huey.instance import HueyOptions, load_huey, where
from z4j_adapters.engines.huey.options import ENGINE_OPTIONS
from z4j_adapters.engines.huey.publish import new_publisher
from z4j_adapters.engines.huey.queues import new_inspector

__all__ = ["HueyEngine"]

LOOK_EVERY_S = 1.0

ATTACH = "call z4j_adapters.engines.huey.signals.attach(huey) where your app makes its instance"


class HueyEngine(PolledEngine):
    """See EngineAdapter.  One Huey instance, which has one queue."""

    name = "huey"

    def __init__(self, options: HueyOptions) -> None:
        self._options = options
        self._huey = load_huey(options)
        factory = EnvelopeFactory(self._huey, registered_only=options.app is not None)
        super().__init__(
            new_publisher(self._huey.storage, options.dedupe_ttl_s),
            HueyBook(self._huey, options),
            EnvelopeCache(factory.build),
            where(self._huey.storage),
            new_inspector(self._huey),
        )
        self._control = Control(self._huey)
        self._consumers = Consumers()

    @property
    def engine_version(self) -> str:
        return importlib.metadata.version("huey")

    async def start(self) -> None:
        await super().start()
        await self._look()
        self._tasks.append(asyncio.create_task(self._look_on()))

    async def _look(self) -> None:
        with contextlib.suppress(EngineUnavailable):
            self._consumers = await self._in_thread("control", self._control.consumers)

    async def _look_on(self) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            await self._look()

    async def cancel(self, fire_id: str, *, terminate: bool) -> None:
        await self._in_thread("control", self._control.cancel, fire_id)

    async def list_tasks(self) -> list[str]:
        if self._options.app is None:
            try:
                self._consumers = await self._in_thread("control", self._control.consumers)
            except EngineUnavailable as error:
                raise ControlFailed(str(error)) from error
        return self.tasks()

    def tasks(self) -> list[str]:
        if self._options.app is None:
            return list(self._consumers.tasks)
        return sorted(self._huey._registry._registry)

    def queues(self) -> list[str]:
        return [self._huey.name]

    def capabilities(self) -> Capabilities:
        tells_returns = bool(self._huey.results and self._huey.store_none)
        return Capabilities(
            delivery=Delivery.EFFECTIVELY_ONCE,
            outcomes=self._consumers.attached or tells_returns,
            outcomes_hint=self._outcomes_hint(),
            cancel=True,
            terminate=False,
            priority=bool(self._huey.storage.priority),
            expires=True,
            lookup=self._consumers.attached or bool(self._huey.results),
            list_queues=True,
            purge=True,
            options=ENGINE_OPTIONS,
        )

    def _outcomes_hint(self) -> str:
        if self._consumers.attached:
            return ""
        if not self._huey.results:
            return f"this Huey instance stores no results: {ATTACH}"
        if not self._huey.store_none:
            return (
                "Huey keeps nothing of a task that returns None, so only errors and other values "
                f"are seen: {ATTACH} (tells every outcome), or give it store_none=True"
            )
        return (
            "only returns and errors are seen, not starts, expiry, unknown tasks and killed "
            f"consumers: for those {ATTACH}"
        )

    async def close(self) -> None:
        if not self._closed:
            await super().close()
            # Its thread ends with the rest; a connection that hangs is not waited for.
            await asyncio.to_thread(self._control.close)
