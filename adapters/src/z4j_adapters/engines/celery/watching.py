"""Watching: what workers tell and result backends keep becomes outcomes."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from itertools import islice
from typing import Any

from z4j_adapters._errors import ControlFailed, EngineUnavailable
from z4j_adapters._models import FireRef, Outcome, OutcomeState
from z4j_adapters._tasks import end_tasks
from z4j_adapters.engines.celery.app import connect_options
from z4j_adapters.engines.celery.control import Control
from z4j_adapters.engines.celery.dispatch import CeleryRedisPublisher, KombuPublisher
from z4j_adapters.engines.celery.observe import EventWatch, ResultWatch, WorkerNote
from z4j_adapters.engines.celery.results import ResultReader, readable_backend
from z4j_adapters.engines.celery.workers import Workers
from z4j_adapters.engines.common.threads import Threads
from z4j_adapters.engines.common.tracker import Sighting, Tracker

__all__ = ["Watching"]

log = logging.getLogger("z4j_adapters.celery")

DIGEST_DELAY_S = 0.01  # Gathers what is seen.
CHECK_EVERY_S = 1.0  # Whether workers are gone.
SIGHTINGS_WAITING_MAX = 1_000_000  # ~200 MB; over it the backend's stored states have to do.
SWEEP_EVERY_S = 5.0
LOOK_UP_IDS_MAX = 1000
WATCH_WITHIN_S = 3.0  # At the start; a broker that takes longer is watched when it comes.


class Watching:
    """The event loop owns it; the watches report from threads of their own."""

    def __init__(
        self,
        app: Any,
        tracker: Tracker,
        finder: CeleryRedisPublisher | KombuPublisher,
        control: Control,
        threads: Threads,
        emit: Callable[[Sequence[Outcome]], None],
        lost_after_s: float,
    ) -> None:
        """`finder` says whose fires are whose.  Uses the threads find, results and control."""
        self._app = app
        self._tracker = tracker
        self._finder = finder
        self._control = control
        self._threads = threads
        self._emit = emit
        self._seen: deque[Sighting | WorkerNote] = deque()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._news = asyncio.Event()
        self.dropped = 0
        """Of what was seen: more came than could be read."""
        self.workers = Workers(lost_after_s)
        self.events: EventWatch | None = None
        """None: this broker carries none."""
        self._results: ResultWatch | None = None
        self.reader: ResultReader | None = None
        """None: there is no result backend that others than the caller can read."""
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Begin to watch.

        Raises:
            ConfigurationError: The result backend cannot be loaded.
        """
        self._loop = asyncio.get_running_loop()
        transport = self._app.connection_for_read().transport
        if "fanout" in transport.implements.exchange_type:
            self.events = EventWatch(self._app, self._report, connect_options(self._app))
            self.events.start()
        if backend := await self._threads.run("results", readable_backend, self._app):
            self.reader = ResultReader(backend)
            if self.reader.is_redis:
                self._results = ResultWatch(backend, self._report)
                self._results.start()
            self._tasks.append(asyncio.create_task(self._sweep(self.reader)))
        self._tasks.append(asyncio.create_task(self._digest()))

    async def wait_until_watching(self) -> None:
        """What runs before we watch is not heard of, so take no fires before."""
        deadline = time.monotonic() + WATCH_WITHIN_S
        while time.monotonic() < deadline and any(w.connected_at is None for w in self._watches):
            await asyncio.sleep(0.01)
        if self.events is not None:
            await self._enable_events()

    def ask_for_events(self, broker_is_down: Callable[[], bool]) -> None:
        """Turn task events on at workers that run without -E, and at new ones, from now on."""
        if self.events is not None:
            self._tasks.append(asyncio.create_task(self._keep_asking(broker_is_down)))

    async def look_up(self, fires: Sequence[FireRef]) -> list[Outcome]:
        """See EngineAdapter.lookup_outcomes; only with a `reader`."""
        assert self.reader is not None
        ids = [fire.id for fire in fires]
        try:
            seen = await self._threads.run("results", self.reader.look_up, ids)
        except Exception as error:
            raise ControlFailed(f"result backend: {type(error).__name__}: {error}") from error
        known = {sighting.id for sighting in seen}
        seen += await self._purged([fire_id for fire_id in ids if fire_id not in known])
        for fire in fires:
            self._tracker.adopt(fire.id, fire.ref)  # What is heard of it from now on counts, too.
        told = (self._tracker.tell(sighting) for sighting in seen)
        return [outcome for outcome in told if outcome is not None]

    async def _purged(self, fire_ids: Sequence[str]) -> list[Sighting]:
        """Find those that a purge took out of their queue: no backend hears of that."""
        try:
            marks = await self._threads.run("find", self._finder.marks, fire_ids)
        except EngineUnavailable as error:
            raise ControlFailed(f"broker: {error}") from error
        return [
            Sighting(fire_id, OutcomeState.CANCELLED, mark.cancelled_at_s)
            for fire_id, mark in marks.items()
            if mark.cancelled_at_s is not None
        ]

    async def stop(self) -> None:
        """Watch no more."""
        await end_tasks(self._tasks)
        for watch in self._watches:
            watch.stop()

    async def close(self) -> None:
        """Let go of everything, after `stop`."""
        await self._threads.run("find", self._finder.close)
        for watch in self._watches:
            await asyncio.to_thread(watch.join, 2.0)

    @property
    def _watches(self) -> list[EventWatch | ResultWatch]:
        return [watch for watch in (self.events, self._results) if watch is not None]

    def _report(self, notes: Sequence[Sighting | WorkerNote]) -> None:
        """Called from the watching threads."""
        if len(self._seen) + len(notes) > SIGHTINGS_WAITING_MAX:
            self.dropped += len(notes)
            return
        self._seen.extend(notes)
        if self._loop is not None and not self._news.is_set():
            with contextlib.suppress(RuntimeError):  # The loop is closed already.
                self._loop.call_soon_threadsafe(self._news.set)

    async def _wait_for_news(self) -> None:
        """Return a moment after something was seen, and now and then without."""
        self._news.clear()
        if self._seen:
            await asyncio.sleep(0)  # Others have work, too.
            return
        # What comes from here on sets it again.
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._news.wait(), CHECK_EVERY_S)
        await asyncio.sleep(DIGEST_DELAY_S)

    async def _digest(self) -> None:
        """Turns what the threads saw into outcomes."""
        last_check = time.monotonic()
        while True:
            strangers: list[Sighting] = []
            for _ in range(min(len(self._seen), 5000)):
                note = self._seen.popleft()
                if isinstance(note, WorkerNote):
                    self.workers.note(note, time.monotonic())
                    continue
                if note.worker:
                    self.workers.any_task_event = True
                if self._tracker.knows(note.id):
                    self._see(note)
                elif _may_be_fire(note.id):
                    strangers.append(note)
            if strangers:
                await self._adopt(strangers)
            now = time.monotonic()
            if now - last_check >= CHECK_EVERY_S:
                last_check = now
                since = self.events.connected_at if self.events else None
                for worker, reason in self.workers.gone(now, since):
                    self._emit(self._tracker.lost_with(worker, reason, time.time()))
            await self._wait_for_news()

    def _see(self, sighting: Sighting) -> None:
        if (outcome := self._tracker.see(sighting)) is not None:
            self._emit([outcome])

    async def _adopt(self, strangers: list[Sighting]) -> None:
        """Look for fires of another adapter, or of us before a restart."""
        for start in range(0, len(strangers), LOOK_UP_IDS_MAX):
            part = strangers[start : start + LOOK_UP_IDS_MAX]
            ids = list(dict.fromkeys(s.id for s in part))
            try:
                refs = await self._threads.run("find", self._finder.refs, ids)
            except EngineUnavailable as error:
                log.warning("cannot look up %d fires: %s", len(ids), error)
                continue
            for fire_id, ref in refs.items():
                self._tracker.adopt(fire_id, ref)
            for sighting in part:
                self._see(sighting)

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
                    self._report(await self._threads.run("results", reader.look_up, ids))
                except Exception as error:
                    log.warning("result backend: %s", error)

    async def _keep_asking(self, broker_is_down: Callable[[], bool]) -> None:
        while True:
            if not broker_is_down() and self.workers.should_ask(time.monotonic()):
                await self._enable_events()
            await asyncio.sleep(0.2)

    async def _enable_events(self) -> None:
        try:
            names = await self._threads.run("control", self._control.enable_events)
            self.workers.answered(names, time.monotonic())
        except ControlFailed as error:
            log.debug("enable_events: %s", error)


def _may_be_fire(task_id: str) -> bool:
    """Fire ids are version 5 UUIDs; Celery's own are version 4, and need no look-up."""
    return len(task_id) == 36 and task_id[14] == "5"
