"""Engines that tell nobody what becomes of a task: their broker is asked, again and again."""

from __future__ import annotations

import abc
import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from z4j_adapters._errors import ControlFailed, EngineUnavailable
from z4j_adapters._models import (
    Fire,
    FireRef,
    Outcome,
    Result,
    ResultCode,
)
from z4j_adapters._tasks import end_tasks
from z4j_adapters.engines.common.inspector import Desk, InspectedEngine, Inspector
from z4j_adapters.engines.common.oldest import oldest_over
from z4j_adapters.engines.common.outbox import Outbox
from z4j_adapters.engines.common.publisher import Publisher
from z4j_adapters.engines.common.templates import EnvelopeCache
from z4j_adapters.engines.common.threads import Threads
from z4j_adapters.engines.common.timetable import Timetable
from z4j_adapters.engines.common.tracker import Sighting, Tracker

__all__ = ["Book", "PolledEngine"]

log = logging.getLogger("z4j_adapters.polled")

T = TypeVar("T")

# A fire is asked after soon after it was handed over, and ever more seldom: a long run may be
# reported late by an eighth of its length.
ASK_FIRST_S, ASK_LAST_S, ASK_AFTER_SHARE = 0.05, 5.0, 0.125
ASKED_AT_ONCE_MAX = 1000
ASKED_PER_S_MAX = 5000  # ~20 us each; more that wait are asked after more seldom.
ASKED_MAX = 500_000  # ~40 MB; what is forgotten is found when the scheduler asks after it.


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


class _Asked(NamedTuple):
    """A fire whose end is awaited; fires that were handed over together share theirs."""

    route: str
    since_s: float


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
        self._threads = Threads(self.name, dict.fromkeys(("publish", "ask", "control"), 1))
        self._desk = Desk(inspector or Inspector(), self._tracker, self._emit)
        self._asked: dict[str, _Asked] = {}
        self._next = Timetable()
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
        if self._overtaking is not None:
            self._overtaking.update(routes)
        self._await_ends(routes)
        return results

    def _publish(self, fires: Sequence[Fire]) -> tuple[list[Result], dict[str, str]]:
        results = self._outbox.publish(fires)
        refused = {r.fire_id for r in results if r.code is ResultCode.REJECTED}
        taken = (fire for fire in fires if fire.id not in refused)
        return results, {fire.id: self._envelopes.get(fire.template).route for fire in taken}

    def _await_ends(self, routes: Mapping[str, str]) -> None:
        """Ask after these from now on, if they are not asked after yet."""
        if self._book is None:
            return
        now = time.monotonic()
        shared = {route: _Asked(route, now) for route in set(routes.values())}
        new = {i: shared[route] for i, route in routes.items() if i not in self._asked}
        self._asked |= new
        self._next.add(now + ASK_FIRST_S, new)
        for fire_id in oldest_over(self._asked, ASKED_MAX):
            del self._asked[fire_id]

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
                    waited_s = now - asked.since_s
                    pause_s = max(least_s, min(waited_s * ASK_AFTER_SHARE, ASK_LAST_S))
                    self._next.add(now + pause_s, [fire_id])

    def _due(self, now: float) -> list[str]:
        return [i for i in self._next.take(now, ASKED_AT_ONCE_MAX) if i in self._asked]

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
        for fire in fires:
            if fire.id in routes:
                self._tracker.adopt(fire.id, fire.ref)
        told = [outcome for s in seen if (outcome := self._tracker.tell(s)) is not None]
        settled = forgotten | {outcome.fire_id for outcome in told if outcome.state.is_final}
        self._await_ends({i: route for i, route in routes.items() if i not in settled})
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
        await end_tasks(self._tasks)
        await self._desk.close()
        await self._in_thread("publish", self._outbox.close)
        if self._book is not None:
            await self._in_thread("ask", self._book.close)
        self._threads.close()
        self._wake.set()

    def _in_thread(self, name: str, work: Callable[..., T], *args: Any) -> asyncio.Future[T]:
        return self._threads.run(name, work, *args)
