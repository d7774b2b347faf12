"""Queues and workers: told as the broker has them now, and queues emptied part by part."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple, TypeVar

from z4j_adapters._adapter import EngineAdapter
from z4j_adapters._errors import ControlFailed, EngineUnavailable
from z4j_adapters._models import FireRef, Outcome, OutcomeState, QueueState, WorkerState
from z4j_adapters.engines.common.threads import Threads
from z4j_adapters.engines.common.tracker import Sighting, Tracker

__all__ = ["Desk", "InspectedEngine", "Inspector", "Removed", "check_queue"]

T = TypeVar("T")

# A part is removed in one step, which holds the broker up while it lasts: some milliseconds.
MESSAGES_PER_PART = 500
OUTCOMES_WAITING_MAX = 20_000  # ~10 MB; a purge waits for the scheduler to take them.
LOOK_EVERY_S = 0.02
LOOKS_AT_ONCE_MAX = 4  # Some take a second; more wait for each other.


class Removed(NamedTuple):
    """What one part of a purge came to."""

    examined: int
    """Messages that were looked at; 0: nothing waits any more."""
    removed: int
    """Of them; a worker was quicker with the others."""
    fires: Sequence[FireRef]
    """Fires among the removed."""


class Inspector:
    """What the broker says of queues and workers; this one says nothing.

    Blocks.  `queues` and `workers` are called from several threads, `depth` and `remove` from one.
    All raise EngineUnavailable if the broker does not answer.
    """

    def queues(self) -> list[QueueState]:
        """See EngineAdapter.list_queues."""
        raise ControlFailed("this broker cannot tell its queues")

    def workers(self) -> list[WorkerState]:
        """See EngineAdapter.list_workers."""
        raise ControlFailed("this broker cannot tell its workers")

    def depth(self, queue: str) -> int:
        """Count the messages that a purge would remove.

        Raises:
            ControlFailed: There is no such queue, or it cannot be purged.
        """
        raise ControlFailed("this broker's queues cannot be purged")

    def remove(self, queue: str, at_most: int) -> Removed:
        """Remove the messages that are next, in one step with the note that they are cancelled."""
        raise NotImplementedError

    def close(self) -> None:
        """Close connections.  Idempotent."""


def check_queue(name: str, known: Iterable[str]) -> None:
    """See that there is such a queue.

    Raises:
        ControlFailed: There is not; names those that are.
    """
    names = sorted(known)
    if name not in names:
        shown = ", ".join(names[:20]) or "none"
        raise ControlFailed(f"there is no queue {name!r}; there are: {shown}")


class Desk:
    """Asks an inspector in threads of its own, and reports the fires that a purge removes.

    The event loop owns it.
    """

    def __init__(
        self, inspector: Inspector, tracker: Tracker, emit: Callable[[Sequence[Outcome]], None]
    ) -> None:
        self._inspector = inspector
        self._tracker = tracker
        self._emit = emit
        self._threads = Threads("inspect", {"look": LOOKS_AT_ONCE_MAX, "purge": 1})
        self._closing = False
        self._purging = asyncio.Lock()

    async def queues(self) -> list[QueueState]:
        """See EngineAdapter.list_queues."""
        states = await self._run("look", self._inspector.queues)
        return sorted(states, key=lambda state: state.name)

    async def workers(self) -> list[WorkerState]:
        """See EngineAdapter.list_workers."""
        states = await self._run("look", self._inspector.workers)
        return sorted(states, key=lambda state: state.name)

    async def purge(self, queue: str, waiting_outcomes: Callable[[], int]) -> int:
        """See EngineAdapter.purge_queue; one after another.

        Args:
            waiting_outcomes: Says how many of the outcomes nobody has taken yet.
        """
        async with self._purging:
            left = await self._run("purge", self._inspector.depth, queue)
            removed = 0
            try:
                while left > 0:
                    at_most = min(left, MESSAGES_PER_PART)
                    part = await self._remove(queue, at_most)
                    removed += part.removed
                    left -= part.examined
                    if not part.examined:
                        break
                    while waiting_outcomes() > OUTCOMES_WAITING_MAX and not self._closing:
                        await asyncio.sleep(LOOK_EVERY_S)
            except ControlFailed as failure:
                if not removed:
                    raise
                raise ControlFailed(f"{failure}; {removed} messages were removed before") from None
            return removed

    async def _remove(self, queue: str, at_most: int) -> Removed:
        """What is removed is told, whoever gives up waiting for it."""
        return await asyncio.shield(self._remove_and_tell(queue, at_most))

    async def _remove_and_tell(self, queue: str, at_most: int) -> Removed:
        part = await self._run("purge", self._inspector.remove, queue, at_most)
        now_s, outcomes = time.time(), []
        for fire in part.fires:
            self._tracker.adopt(fire.id, fire.ref)
            outcome = self._tracker.see(Sighting(fire.id, OutcomeState.CANCELLED, now_s))
            if outcome is not None:
                outcomes.append(outcome)
        self._emit(outcomes)
        return part

    async def close(self) -> None:
        """End after the part at hand.  Idempotent."""
        self._closing = True
        async with self._purging:
            pass
        await asyncio.get_running_loop().run_in_executor(None, self._inspector.close)
        self._threads.close()

    async def _run(self, name: str, work: Callable[..., T], *args: Any) -> T:
        if self._closing:
            raise ControlFailed("the adapter is shutting down")
        try:
            return await self._threads.run(name, work, *args)
        except EngineUnavailable as error:
            raise ControlFailed(f"broker: {error}") from error


class InspectedEngine(EngineAdapter):
    """Queues, workers and purges by a desk."""

    _desk: Desk
    _out: list[Outcome]
    """What `observe` has not given away yet."""

    async def list_queues(self) -> list[QueueState]:
        return await self._desk.queues()

    async def list_workers(self) -> list[WorkerState]:
        return await self._desk.workers()

    async def purge_queue(self, name: str) -> int:
        return await self._desk.purge(name, lambda: len(self._out))
