"""Engines that tell nobody what becomes of a task: their broker is asked, again and again."""

from __future__ import annotations

import abc
import asyncio
import heapq
import logging
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from z4j_adapters._errors import ControlFailed, EngineUnavailable
from z4j_adapters._models import (
    Fire,
    FireRef,
    Outcome,
    Result,
    ResultCode,
)
from z4j_adapters.engines.common.inspector import Desk, InspectedEngine, Inspector
from z4j_adapters.engines.common.outbox import Outbox
from z4j_adapters.engines.common.publisher import Publisher
from z4j_adapters.engines.common.templates import EnvelopeCache
from z4j_adapters.engines.common.tracker import Sighting, Tracker

__all__ = ["Book", "PolledEngine"]

log = logging.getLogger("z4j_adapters.polled")

T = TypeVar("T")

# A fire is asked after soon after it was handed over, and ever more seldom: a long run may be
# reported late by an eighth of its length.
ASK_FIRST_S, ASK_LAST_S, ASK_AFTER_SHARE = 0.05, 5.0, 0.125
ASKED_AT_ONCE_MAX = 1000
ASKED_PER_S_MAX = 5000  # ~20 us each; more that wait are asked after more seldom.
ASKED_MAX = 500_000  # ~150 MB; what is forgotten is found when the scheduler asks after it.


class Book(abc.ABC):
    """What the broker and the result store know of fires.  Blocks; belongs to one thread."""

    def __init__(self) -> None:
        self._forgotten: set[str] = set()

    @abc.abstractmethod
    def read(self, routes: Mapping[str, str]) -> list[Sighting]:
        """Say how far fires have come, by id; leaves out those of which nothing is new.

        Args:
            routes: By fire id, the `route` of its envelope.
        Raises:
            EngineUnavailable: It does not answer.
        """

    def forget(self, fire_id: str) -> None:
        """Said by `read` of a fire of which the engine has nothing any more, and never will.

        How it ended is not known, and nothing is reported: it is only not asked after again,
        unless it is handed over once more.
        """
        self._forgotten.add(fire_id)

    def take_forgotten(self) -> set[str]:
        """Hand over what was forgotten since the last time."""
        taken, self._forgotten = self._forgotten, set()
        return taken

    @abc.abstractmethod
    def routes(self, fire_ids: Sequence[str]) -> dict[str, str]:
        """Find the routes of fires that some adapter handed over, as far as they are kept.

        Raises:
            EngineUnavailable: It does not answer.
        """

    @abc.abstractmethod
    def close(self) -> None:
        """Close connections.  Idempotent."""


class _Asked:
    """One fire whose end is awaited."""

    __slots__ = ("route", "since")

    def __init__(self, route: str, since: float) -> None:
        self.route, self.since = route, since


class PolledEngine(InspectedEngine):
    """Publishing, asking, control and purges each have one thread, and looks have some.

    Envelopes have a `route`: text that leads from a fire to its state, such as its queue.
    """

    def __init__(
        self,
        publisher: Publisher,
        book: Book | None,
        envelopes: EnvelopeCache[Any],
        broker: str,
        inspector: Inspector | None = None,
    ) -> None:
        self._outbox = Outbox(publisher, envelopes, broker)
        self._envelopes = envelopes
        self._book = book
        self._tracker = Tracker()
        self._threads = {
            name: ThreadPoolExecutor(1, thread_name_prefix=f"{self.name}-{name}")
            for name in ("publish", "ask", "control")
        }
        self._desk = Desk(inspector or Inspector(), self._tracker, self._emit)
        self._asked: dict[str, _Asked] = {}
        self._next: list[tuple[float, str]] = []
        self._overtaking: set[str] | None = None
        """Handed over while the book looks; None: it does not."""
        self._out: list[Outcome] = []
        self._wake = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._closed = False

    async def start(self) -> None:
        await self._in_thread("publish", self._outbox.ping)
        self._tasks.append(asyncio.create_task(self._watch_broker()))
        if self._book is not None:
            self._tasks.append(asyncio.create_task(self._ask()))

    async def dispatch(self, fires: Sequence[Fire]) -> list[Result]:
        self._tracker.begin(fires)
        try:
            results, routes = await self._in_thread("publish", self._publish, fires)
        except BaseException:
            # What becomes of them is unknown; the scheduler hands them over again, or asks.
            unknown = [Result(fire.id, fire.ref, ResultCode.UNAVAILABLE) for fire in fires]
            self._emit(self._tracker.settle(unknown))
            raise
        self._emit(self._tracker.settle(results))
        now = time.monotonic()
        if self._overtaking is not None:
            self._overtaking.update(routes)
        for fire_id, route in routes.items():
            self._await_end(fire_id, route, now)
        return results

    def _publish(self, fires: Sequence[Fire]) -> tuple[list[Result], dict[str, str]]:
        results = self._outbox.publish(fires)
        refused = {r.fire_id for r in results if r.code is ResultCode.REJECTED}
        taken = (fire for fire in fires if fire.id not in refused)
        return results, {fire.id: self._envelopes.get(fire.template).route for fire in taken}

    def _await_end(self, fire_id: str, route: str, now: float) -> None:
        if self._book is None or fire_id in self._asked:
            return
        if len(self._asked) >= ASKED_MAX:
            self._asked.pop(next(iter(self._asked)))
        self._asked[fire_id] = _Asked(route, now)
        heapq.heappush(self._next, (now + ASK_FIRST_S, fire_id))

    async def _watch_broker(self) -> None:
        """Notices a broker that goes while idle, and tries a lost one until it is back."""
        while True:
            await asyncio.sleep(self._outbox.ping_after_s)
            await self._in_thread("publish", self._outbox.ping)

    async def _ask(self) -> None:
        """Asks after fires until they have ended."""
        while True:
            due = self._due(time.monotonic())
            if not due:
                await asyncio.sleep(ASK_FIRST_S)
                continue
            try:
                await self._read({fire_id: self._asked[fire_id].route for fire_id in due})
            except EngineUnavailable as error:
                log.warning("cannot ask what became of %d fires: %s", len(due), error)
                await asyncio.sleep(self._outbox.ping_after_s)
            except Exception:
                # Another's data where ours should be, say; without outcomes all fires would hang.
                log.exception("a bug: cannot read what became of %d fires", len(due))
                await asyncio.sleep(ASK_LAST_S)
            now = time.monotonic()
            least_s = max(ASK_FIRST_S, len(self._asked) / ASKED_PER_S_MAX)
            for fire_id in due:
                if (asked := self._asked.get(fire_id)) is not None:
                    pause_s = max(least_s, min((now - asked.since) * ASK_AFTER_SHARE, ASK_LAST_S))
                    heapq.heappush(self._next, (now + pause_s, fire_id))

    def _due(self, now: float) -> list[str]:
        due: list[str] = []
        while self._next and self._next[0][0] <= now and len(due) < ASKED_AT_ONCE_MAX:
            fire_id = heapq.heappop(self._next)[1]
            if fire_id in self._asked:
                due.append(fire_id)
        return due

    async def _read(self, routes: Mapping[str, str]) -> None:
        self._overtaking = handed_over = set[str]()
        try:
            seen, forgotten = await self._in_thread("ask", self._ask_book, routes)
        finally:
            self._overtaking = None
        # What was handed over meanwhile was not there yet when the book looked.
        for fire_id in forgotten - handed_over:
            self._asked.pop(fire_id, None)
        for sighting in seen:
            outcome = self._tracker.see(sighting)
            if outcome is not None:
                self._emit([outcome])
            if self._tracker.has_ended(sighting.id):
                self._asked.pop(sighting.id, None)

    def _ask_book(self, routes: Mapping[str, str]) -> tuple[list[Sighting], set[str]]:
        assert self._book is not None
        return self._book.read(routes), self._book.take_forgotten()

    async def lookup_outcomes(self, fires: Sequence[FireRef]) -> list[Outcome]:
        if self._book is None or not self.capabilities().lookup:
            return await super().lookup_outcomes(fires)
        ids = [fire.id for fire in fires]
        try:
            routes = await self._in_thread("ask", self._book.routes, ids)
            seen, forgotten = await self._in_thread("ask", self._ask_book, routes)
        except EngineUnavailable as error:
            raise ControlFailed(str(error)) from error
        now = time.monotonic()
        for fire in fires:
            if fire.id in routes:
                self._tracker.adopt(fire.id, fire.ref)
        told = [outcome for s in seen if (outcome := self._tracker.tell(s)) is not None]
        ended = {outcome.fire_id for outcome in told if outcome.state.is_final}
        for fire_id, route in routes.items():
            if fire_id not in ended and fire_id not in forgotten:
                self._await_end(fire_id, route, now)
        return told

    async def observe(self) -> AsyncIterator[list[Outcome]]:
        while not self._closed:
            await self._wake.wait()
            self._wake.clear()
            if self._out:
                batch, self._out = self._out, []
                yield batch

    def _emit(self, outcomes: Sequence[Outcome]) -> None:
        if outcomes:
            self._out += outcomes
            self._wake.set()

    def health(self) -> str:
        return self._outbox.health()

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._desk.close()
        await self._in_thread("publish", self._outbox.close)
        if self._book is not None:
            await self._in_thread("ask", self._book.close)
        for executor in self._threads.values():
            executor.shutdown(wait=False, cancel_futures=True)
        self._wake.set()

    def _in_thread(self, name: str, work: Callable[..., T], *args: Any) -> asyncio.Future[T]:
        return asyncio.get_running_loop().run_in_executor(self._threads[name], work, *args)
