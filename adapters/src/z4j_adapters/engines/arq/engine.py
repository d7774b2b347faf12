"""The arq engine: polls what arq's workers write, cancels through arq's own keys."""

from __future__ import annotations

import asyncio
from typing import Any

from arq.version import VERSION

from z4j_adapters._errors import ControlFailed, EngineUnavailable
from z4j_adapters._models import Capabilities, Delivery
from z4j_adapters.engines.arq.app import ArqOptions, load_app
from z4j_adapters.engines.arq.book import ArqBook
from z4j_adapters.engines.arq.control import Control
from z4j_adapters.engines.arq.envelope import Envelope, EnvelopeFactory
from z4j_adapters.engines.arq.options import ENGINE_OPTIONS
from z4j_adapters.engines.arq.publisher import ArqPublisher
from z4j_adapters.engines.arq.queues import ArqInspector
from z4j_adapters.engines.common.polled import PolledEngine
from z4j_adapters.engines.common.templates import EnvelopeCache

__all__ = ["ArqEngine"]

ABORT_TAKEN_S = 3.0  # A worker looks every poll_delay, half a second by default.
ABORT_LOOK_S = 0.05
HINT_TASKS_MAX = 3


class ArqEngine(PolledEngine):
    """See EngineAdapter."""

    name = "arq"

    def __init__(self, options: ArqOptions) -> None:
        self._options = options
        self._app = load_app(options)
        self._arq_book = ArqBook(self._app)
        self._control = Control(self._app)
        publisher = ArqPublisher(self._app, options.dedupe_ttl_s)
        envelopes: EnvelopeCache[Envelope] = EnvelopeCache(
            EnvelopeFactory(self._app, options.queues).build
        )
        inspector = ArqInspector(self._app, options.queues)
        super().__init__(publisher, self._arq_book, envelopes, self._app.broker, inspector)

    @property
    def engine_version(self) -> str:
        return str(VERSION)

    async def cancel(self, fire_id: str, *, terminate: bool) -> None:
        try:
            found = await self._in_thread("ask", self._arq_book.handed_over, [fire_id])
        except EngineUnavailable as error:
            raise ControlFailed(str(error)) from error
        if fire_id not in found:
            raise ControlFailed("Redis does not know this fire (any more)")
        route, ref = found[fire_id]
        queue = route.partition("\0")[0]
        said = await self._in_thread("control", self._control.remove, fire_id, queue)
        if said == "running":
            await self._abort(fire_id, terminate)
        elif said == "ended":
            raise ControlFailed("it has ended already")
        elif said == "gone":
            raise ControlFailed("arq does not have it any more: it has ended, or was removed")
        self._tracker.adopt(fire_id, ref)
        self._await_ends({fire_id: route})  # As any other result.

    async def _abort(self, fire_id: str, terminate: bool) -> None:
        if not terminate:
            raise ControlFailed("it has begun; ask for its termination to stop it")
        if self._app.allow_abort_jobs is False:
            raise ControlFailed("the workers' settings do not say allow_abort_jobs = True")
        self._arq_book.note_abort(fire_id, True)
        await self._in_thread("control", self._control.ask_abort, fire_id)
        for _ in range(round(ABORT_TAKEN_S / ABORT_LOOK_S)):
            await asyncio.sleep(ABORT_LOOK_S)
            if not await self._in_thread("control", self._control.is_asked, fire_id):
                return
        if await self._in_thread("control", self._control.withdraw, fire_id):
            self._arq_book.note_abort(fire_id, False)
            raise ControlFailed(
                f"no worker took the request within {ABORT_TAKEN_S:.0f} s, so it was withdrawn: "
                "workers need allow_abort_jobs = True, and tasks that do not block their event loop"
            )

    async def list_tasks(self) -> list[str]:
        return self.tasks()

    def tasks(self) -> list[str]:
        return list(self._app.functions or ())

    def queues(self) -> list[str]:
        return list(self._options.queues)

    def capabilities(self) -> Capabilities:
        hint = self._outcomes_hint()
        return Capabilities(
            delivery=Delivery.EFFECTIVELY_ONCE,
            outcomes=not hint,
            outcomes_hint=hint,
            cancel=True,
            terminate=self._app.allow_abort_jobs is not False,
            priority=False,
            expires=True,
            lookup=True,
            list_queues=True,
            purge=True,
            options=ENGINE_OPTIONS,
        )

    def _outcomes_hint(self) -> str:
        if unreadable := self._arq_book.unreadable:
            return (
                f"results of {_named(unreadable)} cannot be read: they are larger than 32 MiB, or "
                "the workers use a job_serializer of their own: give --app MODULE.WorkerSettings"
            )
        if unkept := self._arq_book.unkept:
            return (
                f"jobs of {_named(unkept)} ended and left no result, so nobody knows how: set "
                "keep_result to 60 seconds or more, of the worker or of the function (0 keeps none)"
            )
        return ""

    async def close(self) -> None:
        if not self._closed:
            await self._in_thread("control", self._control.close)
        await super().close()


def _named(tasks: frozenset[str]) -> str:
    names: list[Any] = sorted(name[:80] for name in tasks)
    more = len(names) - HINT_TASKS_MAX
    return ", ".join(names[:HINT_TASKS_MAX]) + (f" and {more} more" if more > 0 else "")
