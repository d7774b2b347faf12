"""The Celery engine: joins publishing, watching and control behind EngineAdapter."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any, TypeVar

import celery

from z4j_adapters._errors import ConfigurationError, ControlFailed, EngineUnavailable
from z4j_adapters._models import (
    Capabilities,
    Delivery,
    Fire,
    FireRef,
    Outcome,
    Result,
    ResultCode,
)
from z4j_adapters.engines.celery.app import (
    CeleryOptions,
    connect_options,
    has_priority_queues,
    is_redis,
    load_app,
)
from z4j_adapters.engines.celery.control import Control
from z4j_adapters.engines.celery.dispatch import CeleryRedisPublisher, KombuPublisher
from z4j_adapters.engines.celery.factory import EnvelopeFactory
from z4j_adapters.engines.celery.observe import EventWatch, ResultWatch, WorkerNote
from z4j_adapters.engines.celery.options import ENGINE_OPTIONS
from z4j_adapters.engines.celery.queues import AmqpQueues, RedisQueues
from z4j_adapters.engines.celery.results import ResultReader, readable_backend
from z4j_adapters.engines.celery.workers import Workers
from z4j_adapters.engines.common.inspector import Desk, InspectedEngine, Inspector
from z4j_adapters.engines.common.outbox import Outbox
from z4j_adapters.engines.common.publisher import Publisher
from z4j_adapters.engines.common.templates import EnvelopeCache
from z4j_adapters.engines.common.tracker import Sighting, Tracker

__all__ = ["CeleryEngine"]

log = logging.getLogger("z4j_adapters.celery")

T = TypeVar("T")

OUTCOME_DELAY_S = 0.01  # Gathers outcomes into batches; a run takes longer than this to notice.
SIGHTINGS_WAITING_MAX = 1_000_000  # ~200 MB; over it the backend's stored states have to do.
SWEEP_EVERY_S = 5.0
LOOK_UP_IDS_MAX = 1000
WATCH_WITHIN_S = 3.0  # At the start; a broker that takes longer is watched when it comes.


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
        envelopes = EnvelopeCache(factory.build)
        self._outbox = Outbox(self._new_publisher(), envelopes, self._broker)
        self._finder: Publisher = self._new_publisher()
        self._control = Control(self._app)
        self._tracker = Tracker()
        self._inspector = self._new_inspector()
        self._desk = Desk(self._inspector or Inspector(), self._tracker, self._emit)
        self._workers = Workers(options.worker_lost_after_s)
        self._threads = {
            name: ThreadPoolExecutor(1, thread_name_prefix=f"celery-{name}")
            for name in ("publish", "find", "results", "control")
        }
        self._seen: deque[Sighting | WorkerNote] = deque()
        self._seen_dropped = 0
        self._out: list[Outcome] = []
        self._wake = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._events: EventWatch | None = None
        self._results: ResultWatch | None = None
        self._reader: ResultReader | None = None
        self._closed = False

    @property
    def engine_version(self) -> str:
        return str(celery.__version__)

    async def start(self) -> None:
        transport = self._app.connection_for_read().transport
        if "fanout" in transport.implements.exchange_type:
            self._events = EventWatch(self._app, self._report, connect_options(self._app))
            self._events.start()
        if backend := await self._in_thread("results", readable_backend, self._app):
            self._reader = ResultReader(backend)
            if self._reader.is_redis:
                self._results = ResultWatch(backend, self._report)
                self._results.start()
            self._tasks.append(asyncio.create_task(self._sweep(self._reader)))
        self._tasks.append(asyncio.create_task(self._digest()))
        await self._in_thread("publish", self._outbox.ping)
        self._tasks.append(asyncio.create_task(self._watch_broker()))
        if not self._outbox.is_down:
            await self._wait_until_watching()
        if self._events is not None:
            self._tasks.append(asyncio.create_task(self._ask_for_events()))

    async def _wait_until_watching(self) -> None:
        """What runs before we watch is not heard of, so take no fires before."""
        watches = [watch for watch in (self._events, self._results) if watch is not None]
        deadline = time.monotonic() + WATCH_WITHIN_S
        while time.monotonic() < deadline and any(w.connected_at is None for w in watches):
            await asyncio.sleep(0.01)
        if self._events is not None:
            await self._enable_events()

    # --- Publishing ---------------------------------------------------------------------------

    async def dispatch(self, fires: Sequence[Fire]) -> list[Result]:
        self._tracker.begin(fires)
        try:
            results = await self._in_thread("publish", self._outbox.publish, fires)
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
            await self._in_thread("publish", self._outbox.ping)
            await asyncio.sleep(self._outbox.ping_after_s)

    def _new_publisher(self) -> Publisher:
        if self._redis:
            return CeleryRedisPublisher(self._app, self._options.dedupe_ttl_s)
        return KombuPublisher(self._app)

    def _new_inspector(self) -> Inspector | None:
        if self._redis:
            return RedisQueues(self._app, self._options)
        kind = self._app.connection_for_write().transport.driver_type
        return AmqpQueues(self._app, self._options) if kind == "amqp" else None

    # --- Watching -----------------------------------------------------------------------------

    async def observe(self) -> AsyncIterator[list[Outcome]]:
        while not self._closed:
            await self._wake.wait()
            self._wake.clear()
            await asyncio.sleep(OUTCOME_DELAY_S)
            if self._out:
                batch, self._out = self._out, []
                yield batch

    def _report(self, notes: Sequence[Sighting | WorkerNote]) -> None:
        """Called from the watching threads."""
        if len(self._seen) + len(notes) > SIGHTINGS_WAITING_MAX:
            self._seen_dropped += len(notes)
            return
        self._seen.extend(notes)

    async def _digest(self) -> None:
        """Turns what the threads saw into outcomes."""
        last_check = time.monotonic()
        while True:
            strangers: list[Sighting] = []
            for _ in range(min(len(self._seen), 5000)):
                note = self._seen.popleft()
                if isinstance(note, WorkerNote):
                    self._workers.note(note, time.monotonic())
                    continue
                if note.worker:
                    self._workers.any_task_event = True
                if self._tracker.knows(note.id):
                    self._emit_one(self._tracker.see(note))
                elif _may_be_fire(note.id):
                    strangers.append(note)
            if strangers:
                await self._adopt(strangers)
            now = time.monotonic()
            if now - last_check > 1.0:
                last_check = now
                since = self._events.connected_at if self._events else None
                for worker, reason in self._workers.gone(now, since):
                    self._emit(self._tracker.lost_with(worker, reason, time.time()))
            if not self._seen:
                await asyncio.sleep(OUTCOME_DELAY_S)

    async def _adopt(self, strangers: list[Sighting]) -> None:
        """Look for fires of another adapter, or of us before a restart."""
        for start in range(0, len(strangers), LOOK_UP_IDS_MAX):
            part = strangers[start : start + LOOK_UP_IDS_MAX]
            ids = list(dict.fromkeys(s.id for s in part))
            try:
                refs = await self._in_thread("find", self._finder.refs, ids)
            except EngineUnavailable as error:
                log.warning("cannot look up %d fires: %s", len(ids), error)
                continue
            for fire_id, ref in refs.items():
                self._tracker.adopt(fire_id, ref)
            for sighting in part:
                self._emit_one(self._tracker.see(sighting))

    async def _sweep(self, reader: ResultReader) -> None:
        """Reads stored states of fires whose end was not heard: pub/sub forgets what it missed."""
        asked: set[str] = set()
        while True:
            await asyncio.sleep(SWEEP_EVERY_S)
            fresh = (i for i in self._tracker.unfinished() if i not in asked)
            ids = list(islice(fresh, reader.sweep_ids_max))
            asked = asked | set(ids) if len(ids) == reader.sweep_ids_max else set()
            if ids:
                try:
                    self._report(await self._in_thread("results", reader.look_up, ids))
                except Exception as error:
                    log.warning("result backend: %s", error)

    async def lookup_outcomes(self, fires: Sequence[FireRef]) -> list[Outcome]:
        if self._reader is None:
            return await super().lookup_outcomes(fires)
        ids = [fire.id for fire in fires]
        try:
            seen = await self._in_thread("results", self._reader.look_up, ids)
        except Exception as error:
            raise ControlFailed(f"result backend: {type(error).__name__}: {error}") from error
        for fire in fires:
            self._tracker.adopt(fire.id, fire.ref)  # What is heard of it from now on counts, too.
        told = (self._tracker.tell(sighting) for sighting in seen)
        return [outcome for outcome in told if outcome is not None]

    async def _ask_for_events(self) -> None:
        """Turns task events on at workers that run without -E, and at new ones."""
        while True:
            if not self._outbox.is_down and self._workers.should_ask(time.monotonic()):
                await self._enable_events()
            await asyncio.sleep(0.2)

    async def _enable_events(self) -> None:
        try:
            names = await self._in_thread("control", self._control.enable_events)
            self._workers.answered(names, time.monotonic())
        except ControlFailed as error:
            log.debug("enable_events: %s", error)

    def _emit(self, outcomes: Sequence[Outcome]) -> None:
        if outcomes:
            self._out += outcomes
            self._wake.set()

    def _emit_one(self, outcome: Outcome | None) -> None:
        if outcome is not None:
            self._out.append(outcome)
            self._wake.set()

    # --- Control and state ----------------------------------------------------------------------

    async def cancel(self, fire_id: str, *, terminate: bool) -> None:
        await self._in_thread("control", self._control.revoke, fire_id, terminate)

    async def list_tasks(self) -> list[str]:
        return await self._in_thread("control", self._control.registered)

    def tasks(self) -> list[str]:
        if self._options.app is None:
            return []
        return sorted(name for name in self._app.tasks if not name.startswith("celery."))

    def queues(self) -> list[str]:
        return list(self._options.queues)

    def capabilities(self) -> Capabilities:
        hint = self._outcomes_hint()
        return Capabilities(
            delivery=Delivery.EFFECTIVELY_ONCE if self._redis else Delivery.AT_LEAST_ONCE,
            outcomes=not hint,
            outcomes_hint=hint,
            cancel=self._events is not None,  # Both need fanout.
            terminate=self._events is not None,
            priority=self._redis or has_priority_queues(self._app),
            expires=True,
            lookup=self._reader is not None,
            list_queues=self._inspector is not None,
            list_workers=self._inspector is not None,
            purge=self._inspector is not None,
            options=ENGINE_OPTIONS,
        )

    def _outcomes_hint(self) -> str:
        if self._reader is not None:
            return ""
        if self._events is None:
            return (
                "this broker carries no worker events: configure a result backend "
                "(result_backend in the app, or --result-backend)"
            )
        mute = self._workers.mute(time.monotonic())
        if mute and not self._workers.any_task_event:
            return (
                f"worker {mute[0]} sends no task events and does not answer remote control: start "
                "workers with -E, or configure a result backend (result_backend in the app, or "
                "--result-backend)"
            )
        return ""

    @property
    def worker_beats(self) -> int:
        """Heartbeats of workers heard so far."""
        return self._workers.beats

    @property
    def workers_telling(self) -> list[str]:
        """Workers known to send task events."""
        return self._workers.telling()

    def health(self) -> str:
        if sick := self._outbox.health():
            return sick
        if self._seen_dropped:
            return f"{self._seen_dropped} worker events were dropped: more came than can be read"
        return ""

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        watches = [watch for watch in (self._events, self._results) if watch is not None]
        for watch in watches:
            watch.stop()
        await self._desk.close()
        await self._in_thread("publish", self._outbox.close)
        await self._in_thread("find", self._finder.close)
        for watch in watches:
            await asyncio.to_thread(watch.join, 2.0)
        for executor in self._threads.values():
            executor.shutdown(wait=False, cancel_futures=True)
        self._wake.set()

    def _in_thread(self, name: str, work: Callable[..., T], *args: Any) -> asyncio.Future[T]:
        return asyncio.get_running_loop().run_in_executor(self._threads[name], work, *args)


def _may_be_fire(task_id: str) -> bool:
    """Fire ids are version 5 UUIDs; Celery's own are version 4, and need no look-up."""
    return len(task_id) == 36 and task_id[14] == "5"
