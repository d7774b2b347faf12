from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict, deque
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone

from z4j_adapters._adapter import EngineAdapter
from z4j_adapters._errors import ControlFailed
from z4j_adapters._models import (
    Capabilities,
    Delivery,
    Fire,
    FireRef,
    Outcome,
    OutcomeState,
    QueueState,
    Result,
    ResultCode,
    WorkerState,
)
from z4j_adapters._version import __version__
from z4j_adapters.engines.common.inspector import check_queue

REMEMBERED_MAX = 1_000_000  # Ids known for deduplication; the oldest go first.
ENDS_KEPT_MAX = 100_000  # As a result backend would; the oldest go first.
DEFAULT_QUEUE = "stub"


@dataclass(frozen=True, slots=True)
class StubOptions:
    """What the engine plays."""

    outcomes: str = "all"
    """all: RUNNING and the end; final: only the end; stored: nothing, but the end can be looked
    up; none: it cannot tell."""
    run_s: float = 0.0
    """How long a run takes."""
    workers: int | None = None
    """How many runs there are at once; more wait, 0: all do.  None: any number."""
    queues: tuple[str, ...] = ()
    """It publishes to these alone, by default to the first; empty: to any."""


class StubEngine(EngineAdapter):
    """Runs nothing, and reports every fire as run.

    A task named "fail" ends FAILED; with `tasks` given, a task not among them ends FAILED like
    an unknown one.
    """

    name = "stub"

    def __init__(
        self,
        options: StubOptions | None = None,
        *,
        run: Callable[[Fire], None] | None = None,
        tasks: Sequence[str] = (),
    ) -> None:
        self._options = options or StubOptions()
        self._run = run
        self._tasks = sorted(tasks)
        self._seen: OrderedDict[str, None] = OrderedDict()
        self._timers: dict[str, tuple[Fire, asyncio.TimerHandle]] = {}
        queues = self._options.queues or (DEFAULT_QUEUE,)
        self._default_queue = queues[0]
        self._waiting: dict[str, deque[Fire]] = {queue: deque() for queue in queues}
        self._out: list[Outcome] = []
        self._ends: OrderedDict[str, Outcome] = OrderedDict()
        self._wake = asyncio.Event()
        self._closed = False

    @property
    def engine_version(self) -> str:
        return __version__

    async def start(self) -> None:
        pass

    async def dispatch(self, fires: Sequence[Fire]) -> list[Result]:
        results = []
        for fire in fires:
            if options := fire.template.engine_options:
                text = f"the stub has no engine options, and got {', '.join(options)}"
                results.append(Result(fire.id, fire.ref, ResultCode.REJECTED, text))
                continue
            code = ResultCode.DUPLICATE
            if fire.id not in self._seen:
                code = ResultCode.ACCEPTED
                self._seen[fire.id] = None
                waiting = self._waiting.setdefault(self._queue_of(fire), deque())
                if self._options.workers is None:
                    self._begin(fire)
                else:
                    waiting.append(fire)
                    self._begin_next()
            results.append(Result(fire.id, fire.ref, code))
        while len(self._seen) > REMEMBERED_MAX:
            self._seen.popitem(last=False)
        return results

    async def observe(self) -> AsyncIterator[list[Outcome]]:
        while not self._closed:
            await self._wake.wait()
            self._wake.clear()
            if self._out:
                batch, self._out = self._out, []
                yield batch

    async def cancel(self, fire_id: str, *, terminate: bool) -> None:
        if (timer := self._timers.pop(fire_id, None)) is not None:
            timer[1].cancel()
            self._report(timer[0], OutcomeState.CANCELLED)
            self._begin_next()
            return
        for waiting in self._waiting.values():
            for fire in waiting:
                if fire.id == fire_id:
                    waiting.remove(fire)
                    self._report(fire, OutcomeState.CANCELLED)
                    return
        raise ControlFailed("the run is unknown or has ended")

    async def list_queues(self) -> list[QueueState]:
        running = Counter(self._queue_of(fire) for fire, _ in self._timers.values())
        workers = 0 if self._options.workers == 0 else 1
        return [
            QueueState(name, len(waiting), running[name], workers)
            for name, waiting in sorted(self._waiting.items())
        ]

    async def list_workers(self) -> list[WorkerState]:
        if self._options.workers == 0:
            return []
        now = datetime.now(timezone.utc)
        queues = tuple(sorted(self._waiting))
        return [WorkerState("stub@here", queues, len(self._timers), self._options.workers, now)]

    async def purge_queue(self, name: str) -> int:
        check_queue(name, self._waiting)
        waiting = self._waiting[name]
        count = len(waiting)
        while waiting:
            self._report(waiting.popleft(), OutcomeState.CANCELLED)
        return count

    async def lookup_outcomes(self, fires: Sequence[FireRef]) -> list[Outcome]:
        if not self.capabilities().lookup:
            return await super().lookup_outcomes(fires)
        known = ((fire.ref, self._ends.get(fire.id)) for fire in fires)
        return [replace(end, fire_ref=ref) for ref, end in known if end is not None]

    async def list_tasks(self) -> list[str]:
        return self._tasks

    def queues(self) -> list[str]:
        return list(self._options.queues)

    def tasks(self) -> list[str]:
        return self._tasks

    def capabilities(self) -> Capabilities:
        told = self._options.outcomes != "none"
        return Capabilities(
            delivery=Delivery.EFFECTIVELY_ONCE,
            outcomes=told,
            outcomes_hint="" if told else "the stub was started with --outcomes none",
            cancel=True,
            terminate=True,
            expires=True,
            lookup=told,
            list_queues=True,
            list_workers=True,
            purge=True,
        )

    def health(self) -> str:
        return ""

    async def close(self) -> None:
        self._closed = True
        for _, timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        self._wake.set()

    def _begin_next(self) -> None:
        workers = self._options.workers or 0
        for waiting in self._waiting.values():
            while waiting and len(self._timers) < workers:
                self._begin(waiting.popleft())

    def _begin(self, fire: Fire) -> None:
        expires_s = fire.template.expires_s
        now = datetime.now(timezone.utc)
        if expires_s is not None and now.timestamp() > fire.due_us / 1e6 + expires_s:
            self._report(fire, OutcomeState.EXPIRED, at=now)
            return
        if self._options.outcomes == "all":
            self._report(fire, OutcomeState.RUNNING, at=now)
        if self._options.run_s <= 0:
            self._end(fire, now)
        else:
            loop = asyncio.get_running_loop()
            self._timers[fire.id] = (fire, loop.call_later(self._options.run_s, self._end, fire))

    def _end(self, fire: Fire, at: datetime | None = None) -> None:
        if self._timers.pop(fire.id, None) is not None and self._options.workers:
            asyncio.get_running_loop().call_soon(self._begin_next)
        template = fire.template
        if self._tasks and template.task not in self._tasks:
            self._report(fire, OutcomeState.FAILED, f"no task is named {template.task!r}")
            return
        try:
            if self._run is not None:
                self._run(fire)
            elif template.task == "fail":
                raise RuntimeError("this task always fails")
        except Exception as error:
            self._report(fire, OutcomeState.FAILED, f"{type(error).__name__}: {error}")
        else:
            self._report(fire, OutcomeState.SUCCEEDED, at=at)

    def _report(
        self, fire: Fire, state: OutcomeState, error: str = "", at: datetime | None = None
    ) -> None:
        outcome = Outcome(fire.id, fire.ref, state, at or datetime.now(timezone.utc), error)
        if state.is_final:
            self._ends[fire.id] = outcome
            if len(self._ends) > ENDS_KEPT_MAX:
                self._ends.popitem(last=False)
        if self._options.outcomes in ("all", "final"):
            self._out.append(outcome)
            self._wake.set()

    def _queue_of(self, fire: Fire) -> str:
        return fire.template.queue or self._default_queue
