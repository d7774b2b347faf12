"""The Celery engine: joins publishing, watching and control behind EngineAdapter."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from typing import Any

import celery

from z4j_adapters._errors import ConfigurationError
from z4j_adapters._models import (
    Capabilities,
    Delivery,
    Fire,
    FireRef,
    Outcome,
    Result,
    ResultCode,
)
from z4j_adapters._tasks import end_tasks
from z4j_adapters.engines.celery.app import (
    CeleryOptions,
    has_priority_queues,
    is_redis,
    load_app,
)
from z4j_adapters.engines.celery.control import Control
from z4j_adapters.engines.celery.dispatch import CeleryRedisPublisher, KombuPublisher
from z4j_adapters.engines.celery.factory import EnvelopeFactory
from z4j_adapters.engines.celery.options import ENGINE_OPTIONS
from z4j_adapters.engines.celery.queues import AmqpQueues, RedisQueues
from z4j_adapters.engines.celery.watching import Watching
from z4j_adapters.engines.common.inspector import Desk, InspectedEngine, Inspector
from z4j_adapters.engines.common.outbox import Outbox
from z4j_adapters.engines.common.templates import EnvelopeCache
from z4j_adapters.engines.common.threads import Threads
from z4j_adapters.engines.common.tracker import Tracker

__all__ = ["CeleryEngine"]

OUTCOME_DELAY_S = 0.01  # Gathers outcomes into batches; a run takes longer than this to notice.


class CeleryEngine(InspectedEngine):
    """See EngineAdapter.  Publishing, both kinds of look-up and control each have one thread."""

    name = "celery"

    def __init__(self, options: CeleryOptions) -> None:
        self._options = options
        self._app: Any = load_app(options)
        try:
            self._redis = is_redis(self._app)
            self._broker = self._app.connection_for_write().as_uri()  # Without the password.
        except Exception as error:
            raise ConfigurationError(f"broker: {type(error).__name__}: {error}") from error
        factory = EnvelopeFactory(self._app, redis=self._redis, allowed_queues=options.queues)
        self._outbox = Outbox(self._new_publisher(), EnvelopeCache(factory.build), self._broker)
        self._threads = Threads(
            "celery", dict.fromkeys(("publish", "find", "results", "control"), 1)
        )
        self._control = Control(self._app)
        self._tracker = Tracker()
        self._inspector = self._new_inspector()
        self._desk = Desk(self._inspector or Inspector(), self._tracker, self._emit)
        self._watching = Watching(
            self._app,
            self._tracker,
            self._new_publisher(),
            self._control,
            self._threads,
            self._emit,
            options.worker_lost_after_s,
        )
        self._out: list[Outcome] = []
        self._wake = asyncio.Event()
        self._watching_broker: asyncio.Task[None] | None = None
        self._closed = False

    @property
    def engine_version(self) -> str:
        return str(celery.__version__)

    async def start(self) -> None:
        await self._watching.start()
        await self._threads.run("publish", self._outbox.ping)
        self._watching_broker = asyncio.create_task(self._watch_broker())
        if not self._outbox.is_down:
            await self._watching.wait_until_watching()
        self._watching.ask_for_events(lambda: self._outbox.is_down)

    async def dispatch(self, fires: Sequence[Fire]) -> list[Result]:
        self._tracker.begin(fires)
        try:
            results = await self._threads.run("publish", self._outbox.publish, fires)
        except BaseException:
            # What becomes of them is unknown; what is seen of them counts from here on.
            unknown = [Result(fire.id, fire.ref, ResultCode.UNAVAILABLE) for fire in fires]
            self._emit(self._tracker.settle(unknown))
            raise
        self._emit(self._tracker.settle(results))
        return results

    async def _watch_broker(self) -> None:
        """Notices a broker that goes while idle, and tries a lost one until it is back."""
        while True:
            await self._threads.run("publish", self._outbox.ping)
            await asyncio.sleep(self._outbox.ping_after_s)

    def _new_publisher(self) -> CeleryRedisPublisher | KombuPublisher:
        if self._redis:
            return CeleryRedisPublisher(self._app, self._options.dedupe_ttl_s)
        return KombuPublisher(self._app)

    def _new_inspector(self) -> Inspector | None:
        if self._redis:
            return RedisQueues(self._app, self._options)
        kind = self._app.connection_for_write().transport.driver_type
        return AmqpQueues(self._app, self._options) if kind == "amqp" else None

    async def observe(self) -> AsyncIterator[list[Outcome]]:
        while not self._closed:
            await self._wake.wait()
            self._wake.clear()
            await asyncio.sleep(OUTCOME_DELAY_S)
            if self._out:
                batch, self._out = self._out, []
                yield batch

    def _emit(self, outcomes: Sequence[Outcome]) -> None:
        if outcomes:
            self._out += outcomes
            self._wake.set()

    async def lookup_outcomes(self, fires: Sequence[FireRef]) -> list[Outcome]:
        if self._watching.reader is None:
            return await super().lookup_outcomes(fires)
        return await self._watching.look_up(fires)

    async def cancel(self, fire_id: str, *, terminate: bool) -> None:
        await self._threads.run("control", self._control.revoke, fire_id, terminate)

    async def list_tasks(self) -> list[str]:
        return await self._threads.run("control", self._control.registered)

    def tasks(self) -> list[str]:
        if self._options.app is None:
            return []
        return sorted(name for name in self._app.tasks if not name.startswith("celery."))

    def queues(self) -> list[str]:
        return list(self._options.queues)

    def capabilities(self) -> Capabilities:
        hint = self._outcomes_hint()
        reaches_workers = self._watching.events is not None  # Events and control need fanout.
        return Capabilities(
            delivery=Delivery.EFFECTIVELY_ONCE if self._redis else Delivery.AT_LEAST_ONCE,
            outcomes=not hint,
            outcomes_hint=hint,
            cancel=reaches_workers,
            terminate=reaches_workers,
            priority=self._redis or has_priority_queues(self._app),
            expires=True,
            lookup=self._watching.reader is not None,
            list_queues=self._inspector is not None,
            list_workers=self._inspector is not None,
            purge=self._inspector is not None,
            options=ENGINE_OPTIONS,
        )

    def _outcomes_hint(self) -> str:
        if self._watching.reader is not None:
            return ""
        if self._watching.events is None:
            return (
                "this broker carries no worker events: configure a result backend "
                "(result_backend in the app, or --result-backend)"
            )
        mute = self._watching.workers.mute(time.monotonic())
        if mute and not self._watching.workers.any_task_event:
            return (
                f"worker {mute[0]} sends no task events and does not answer remote control: start "
                "workers with -E, or configure a result backend (result_backend in the app, or "
                "--result-backend)"
            )
        return ""

    @property
    def worker_beats(self) -> int:
        """Heartbeats of workers heard so far."""
        return self._watching.workers.beats

    @property
    def workers_telling(self) -> list[str]:
        """Workers known to send task events."""
        return self._watching.workers.telling()

    def health(self) -> str:
        if sick := self._outbox.health():
            return sick
        if dropped := self._watching.dropped:
            return f"{dropped} worker events were dropped: more came than can be read"
        return ""

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        if self._watching_broker is not None:
            await end_tasks([self._watching_broker])
        await self._watching.stop()
        await self._desk.close()
        await self._threads.run("publish", self._outbox.close)
        await self._watching.close()
        self._threads.close()
        self._wake.set()
