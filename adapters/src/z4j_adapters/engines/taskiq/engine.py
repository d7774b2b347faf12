"""The TaskIQ engine: joins publishing, asking and control behind EngineAdapter."""

from __future__ import annotations

import asyncio
import importlib.metadata
import time
from typing import Any

from taskiq.result_backends.dummy import DummyResultBackend

from z4j_adapters._errors import ControlFailed
from z4j_adapters._models import Capabilities, Delivery, OutcomeState
from z4j_adapters.engines.common.inspector import Inspector
from z4j_adapters.engines.common.polled import Book, PolledEngine
from z4j_adapters.engines.common.publisher import Publisher
from z4j_adapters.engines.common.templates import EnvelopeCache
from z4j_adapters.engines.common.tracker import Sighting
from z4j_adapters.engines.taskiq.book import RedisBook, ResultBook, looks_every_s
from z4j_adapters.engines.taskiq.broker import TaskiqOptions, is_stream, load_broker
from z4j_adapters.engines.taskiq.connect import redis_client, where_is
from z4j_adapters.engines.taskiq.control import Control
from z4j_adapters.engines.taskiq.dispatch import ListPublisher, Sealer, StreamPublisher
from z4j_adapters.engines.taskiq.envelope import EnvelopeFactory
from z4j_adapters.engines.taskiq.hooks import Hooks
from z4j_adapters.engines.taskiq.options import ENGINE_OPTIONS
from z4j_adapters.engines.taskiq.queues import ListInspector, StreamInspector
from z4j_adapters.engines.taskiq.results import ResultStore, kept_s, readable_backend
from z4j_adapters.engines.taskiq.route import Router
from z4j_adapters.engines.taskiq.where import ListWhereabouts, StreamWhereabouts, Whereabouts

__all__ = ["TaskiqEngine"]

RESULTS_KEPT_MIN_S = 60.0  # A long run's result is looked for every 5 s.


class TaskiqEngine(PolledEngine):
    """See EngineAdapter.  One broker object."""

    name = "taskiq"

    def __init__(self, options: TaskiqOptions) -> None:
        self._options = options
        self._broker: Any = load_broker(options)
        self._router = Router(self._broker, options.queues)
        self._stream = is_stream(self._broker)
        hooks = Hooks(self._broker)
        factory = EnvelopeFactory(
            self._broker, self._router, hooks, knows_tasks=options.app is not None
        )
        self._shows_ids = factory.shows_ids()
        self._control: Control | None = None
        if self._router.redis:
            self._control = Control(self._broker, stream=self._stream, shows_ids=self._shows_ids)
        self._sealer = Sealer(hooks)
        super().__init__(
            self._new_publisher(),
            self._new_book(),
            EnvelopeCache(factory.build),
            where_is(self._broker),
            self._new_inspector(),
        )

    @property
    def engine_version(self) -> str:
        return importlib.metadata.version("taskiq")

    def _new_publisher(self) -> Publisher:
        if not self._router.redis:
            from z4j_adapters.engines.taskiq.rabbit import RabbitPublisher

            return RabbitPublisher(
                self._broker, self._sealer, declare=self._options.app is not None
            )
        kind = StreamPublisher if self._stream else ListPublisher
        return kind(self._broker, self._sealer, self._options.dedupe_ttl_s)

    def _new_inspector(self) -> Inspector:
        if not self._router.redis:
            from z4j_adapters.engines.taskiq.rabbit_queues import RabbitQueues

            return RabbitQueues(self._broker, self._options.queues)
        kind = StreamInspector if self._stream else ListInspector
        return kind(self._broker, self._options.queues)

    def _new_book(self) -> Book | None:
        if not readable_backend(self._broker.result_backend):
            return None
        results = ResultStore(self._broker.result_backend)
        if not self._router.redis:
            return ResultBook(results)
        client = redis_client(self._broker)
        where: Whereabouts | None = None
        if self._stream:
            where = StreamWhereabouts(client, self._broker.consumer_group_name)
        elif self._shows_ids:
            where = ListWhereabouts(client, looks_every_s(self._options.lost_after_s))
        return RedisBook(results, client, where, self._options.lost_after_s)

    async def cancel(self, fire_id: str, *, terminate: bool) -> None:
        if self._control is None:
            raise ControlFailed("RabbitMQ gives no message back from the middle of a queue")
        await self._in_thread("control", self._control.cancel, fire_id)
        outcome = self._tracker.see(Sighting(fire_id, OutcomeState.CANCELLED, time.time()))
        if outcome is not None:
            self._emit([outcome])

    async def list_tasks(self) -> list[str]:
        return self.tasks()

    def tasks(self) -> list[str]:
        return [] if self._options.app is None else sorted(self._broker.get_all_tasks())

    def queues(self) -> list[str]:
        return list(self._options.queues)

    def capabilities(self) -> Capabilities:
        once = Delivery.EFFECTIVELY_ONCE if self._router.redis else Delivery.AT_LEAST_ONCE
        return Capabilities(
            delivery=once,
            outcomes=self._book is not None,
            outcomes_hint=self._outcomes_hint(),
            cancel=self._control is not None,
            terminate=False,
            priority=self._router.highest_priority > 0,
            expires=False,
            lookup=self._book is not None,
            list_queues=True,
            purge=True,
            options=ENGINE_OPTIONS,
        )

    def _outcomes_hint(self) -> str:
        backend = self._broker.result_backend
        if self._book is not None:
            if kept_s(backend) >= RESULTS_KEPT_MIN_S:
                return ""
            return (
                f"results are kept for {kept_s(backend):g} s only: what ends while nobody looks "
                f"will count as lost; set result_ex_time to {RESULTS_KEPT_MIN_S:g} or more"
            )
        if isinstance(backend, DummyResultBackend):
            said = "TaskIQ stores no results by default, and tells nothing else"
        else:
            said = f"results in {type(backend).__name__} cannot be read"
        return (
            f"{said}: give the workers' broker with_result_backend(RedisAsyncResultBackend(…)) of "
            "taskiq-redis, and name it to the adapter (--app, or --result-backend)"
        )

    async def close(self) -> None:
        if self._closed:
            return
        await super().close()
        await asyncio.to_thread(self._sealer.close)
        if self._control is not None:
            self._control.close()
