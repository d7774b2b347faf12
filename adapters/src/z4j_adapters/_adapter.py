"""The seam between the runtime and an engine."""

from __future__ import annotations

import abc
from collections.abc import AsyncIterator, Sequence

from z4j_adapters._errors import ControlFailed
from z4j_adapters._models import (
    Capabilities,
    Fire,
    FireRef,
    Outcome,
    QueueState,
    Result,
    WorkerState,
)

__all__ = ["EngineAdapter"]


class EngineAdapter(abc.ABC):
    """One engine behind one broker.

    All methods are called from one event loop and must not block it: whatever waits on a socket
    without asyncio belongs into a thread.  The runtime knows nothing else about the engine.
    """

    name: str
    """Of the engine, as schedules say it: "celery"."""

    @property
    @abc.abstractmethod
    def engine_version(self) -> str:
        """Version of the engine's library, for people."""

    @abc.abstractmethod
    async def start(self) -> None:
        """Connect and begin to observe.  A broker that is down is no error: see `health`.

        Raises:
            ConfigurationError: It can never work as configured.
        """

    @abc.abstractmethod
    async def dispatch(self, fires: Sequence[Fire]) -> list[Result]:
        """Hand fires to the engine, in order; handing one over again is harmless.

        Never raises for what can happen to a fire: each fire gets its own result, in any order.

        Args:
            fires: At most 500.  `fire.id` becomes the engine's own task id.
        """

    @abc.abstractmethod
    def observe(self) -> AsyncIterator[list[Outcome]]:
        """Yield what became of fires, in small batches, until `close`.

        Only fires that this engine's adapters dispatched; per fire at most one RUNNING and then
        at most one final state.  Called once, after `start`.
        """

    @abc.abstractmethod
    async def cancel(self, fire_id: str, *, terminate: bool) -> None:
        """Revoke a run that has not begun; with `terminate` also stop it if it runs.

        Raises:
            ControlFailed: It could not be asked for.
        """

    @abc.abstractmethod
    async def list_tasks(self) -> list[str]:
        """Name the tasks that can be run, sorted; empty if the engine cannot tell.

        Raises:
            ControlFailed: Nobody answered.
        """

    async def lookup_outcomes(self, fires: Sequence[FireRef]) -> list[Outcome]:
        """Say what the engine has stored of fires whose end the scheduler did not hear of.

        Called only if `capabilities().lookup`, one call at a time.  A fire of which nothing is
        known is left out; an end is said again even if `observe` has said it.

        Args:
            fires: At most 500, newest due time first.
        Raises:
            ControlFailed: They could not be looked up; they are asked after again later.
        """
        raise ControlFailed(f"{self.name} keeps no results that could be looked up")

    async def list_queues(self) -> list[QueueState]:
        """Tell the queues and what waits in them, sorted by name.

        The work is bounded: no more than the broker's own counters, or a bounded page of messages.

        Raises:
            ControlFailed: The broker does not answer, or cannot tell.
        """
        raise ControlFailed(f"{self.name} cannot tell its queues")

    async def list_workers(self) -> list[WorkerState]:
        """Tell the workers that are alive, sorted by name.

        Raises:
            ControlFailed: The broker does not answer, or cannot tell.
        """
        raise ControlFailed(f"{self.name} cannot tell its workers")

    async def purge_queue(self, name: str) -> int:
        """Remove what waits in a queue as of now; return how many messages that were.

        Messages that are no fires go, too.  What runs goes on, and so does what waits for its
        time.  Fires end CANCELLED, by `observe`, and stay known: handed over again, they do not
        run.  Cancelled itself, it goes on until the part at hand is removed and told.

        Raises:
            ControlFailed: There is no such queue, it cannot be purged, or the broker did not
                answer; the message says how many were removed before that.
        """
        raise ControlFailed(f"{self.name} cannot purge a queue")

    @abc.abstractmethod
    def capabilities(self) -> Capabilities:
        """Say what it can do now; may change while it runs.  Cheap."""

    @abc.abstractmethod
    def health(self) -> str:
        """Say what is wrong and since when, for people; empty if all is well.  Cheap."""

    def queues(self) -> list[str]:
        """Name the queues it may publish to; empty: any."""
        return []

    def tasks(self) -> list[str]:
        """Name the tasks known without asking anyone; empty: it cannot tell."""
        return []

    @abc.abstractmethod
    async def close(self) -> None:
        """Let go of everything; `observe` ends.  Idempotent."""
