"""What people ask of an engine over a stream: each request has its answer, and delays no other."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from z4j_adapters import _convert
from z4j_adapters._adapter import EngineAdapter
from z4j_adapters._errors import ControlFailed
from z4j_adapters._outcomes import OutcomeBuffer
from z4j_adapters._traffic import Traffic

__all__ = ["Controls"]

log = logging.getLogger("z4j_adapters.link")

T = TypeVar("T")

CONTROLS_AT_ONCE_MAX = 256  # Many fires may be cancelled at once; more is a loop somewhere.
ANSWER_WITHIN_S = 9.0  # For lists; whoever asks the scheduler waits 10.
LISTED_MAX = 5000  # ~1 MB; the server takes 4.


class Controls:
    """Carries out the control requests of one stream."""

    def __init__(
        self,
        engine: EngineAdapter,
        outcomes: OutcomeBuffer,
        traffic: Traffic,
        write: Callable[[Any], Awaitable[None]],
    ) -> None:
        self._engine = engine
        self._outcomes = outcomes
        self._traffic = traffic
        self._write = write
        self._running = 0

    async def serve(self, request: Any) -> None:
        """Do what is asked and write the reply; in a task of its own, as it may take its time."""
        if self._running >= CONTROLS_AT_ONCE_MAX:
            text = f"{self._running} control requests are being carried out; ask again later"
            await self._write(_convert.control_reply(request.id, error=text))
            return
        self._running += 1
        try:
            answer = await self._answer(request)
        except ControlFailed as failure:
            answer = {"error": str(failure)}
        except Exception as bug:
            log.exception("a bug: control request %s failed", request.WhichOneof("request"))
            answer = {"error": f"a bug in the adapter, see its log: {type(bug).__name__}: {bug}"}
        finally:
            self._running -= 1
        await self._write(_convert.control_reply(request.id, **answer))

    async def _answer(self, request: Any) -> dict[str, Any]:
        """Do what is asked; return what the reply says."""
        engine, kind = self._engine, request.WhichOneof("request")
        if kind == "cancel":
            fire_id = _convert.uuid_text(request.cancel.fire_id)
            await engine.cancel(fire_id, terminate=request.cancel.terminate)
        elif kind == "list_tasks":
            return {"tasks": await engine.list_tasks()}
        elif kind == "look_up":
            asked = _convert.fire_refs_of(request.look_up)
            await self._outcomes.add(await engine.lookup_outcomes(asked))
        elif kind == "list_queues":
            return {"queues": _bounded("queues", await self._in_time(engine.list_queues()))}
        elif kind == "list_workers":
            return {"workers": _bounded("workers", await self._in_time(engine.list_workers()))}
        elif kind == "purge_queue":
            if self._traffic.draining:
                raise ControlFailed("the adapter is being stopped")
            # Shielded: whose message is removed must be told, even if the stream ends meanwhile.
            purged = await asyncio.shield(engine.purge_queue(request.purge_queue.queue))
            return {"purged": purged}
        else:
            raise ControlFailed("this adapter does not know the request; update z4j-adapters")
        return {}

    async def _in_time(self, work: Coroutine[Any, Any, T]) -> T:
        try:
            return await asyncio.wait_for(work, ANSWER_WITHIN_S)
        except asyncio.TimeoutError:
            text = f"{self._engine.name} did not answer within {ANSWER_WITHIN_S:g} s"
            raise ControlFailed(text) from None


def _bounded(what: str, listed: list[T]) -> list[T]:
    # Part of them would look like all.
    if len(listed) > LISTED_MAX:
        raise ControlFailed(f"{len(listed)} {what} are more than the {LISTED_MAX} one reply holds")
    return listed
