"""Runs one engine against all scheduler nodes until told to stop."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from z4j_adapters._adapter import EngineAdapter
from z4j_adapters._link import Link, LinkOptions, TlsOptions
from z4j_adapters._outcomes import OutcomeBuffer
from z4j_adapters._tasks import end_tasks

__all__ = ["Runtime", "RuntimeOptions", "TlsOptions"]

log = logging.getLogger("z4j_adapters.runtime")


@dataclass(frozen=True, slots=True)
class RuntimeOptions:
    """How to reach the scheduler."""

    schedulers: tuple[str, ...]
    """host:port of every scheduler node."""
    instance: str
    """Unique among the engine's adapters."""
    max_in_flight: int = 1000
    tls: TlsOptions | None = None
    drain_timeout_s: float = 20.0
    """How long leaving may take: to finish hand-overs and have outcomes acknowledged."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """By which schedules choose among the engine's adapters."""


class Runtime:
    """The adapter process without its command line.

    `run` returns after `stop`: it takes no new fires, finishes those at hand, has the outcomes
    acknowledged, and leaves.
    """

    def __init__(
        self,
        engine: EngineAdapter,
        options: RuntimeOptions,
        on_connected: Callable[[], None] = lambda: None,
    ) -> None:
        self._engine = engine
        self._options = options
        self._outcomes = OutcomeBuffer()
        link_options = LinkOptions(
            options.instance, options.max_in_flight, options.tls, options.labels
        )
        self._links = [
            Link(address, engine, self._outcomes, link_options, on_connected)
            for address in options.schedulers
        ]
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Begin to leave.  Idempotent; call it from the event loop."""
        self._stopping.set()

    async def run(self) -> None:
        """Serve until `stop`.

        Raises:
            ConfigurationError: The engine can never work as configured.
        """
        await self._engine.start()
        observing = asyncio.create_task(self._observe())
        links = [asyncio.create_task(link.run()) for link in self._links]
        stopping = asyncio.create_task(self._stopping.wait())
        try:
            done, _ = await asyncio.wait(
                [stopping, observing, *links], return_when=asyncio.FIRST_COMPLETED
            )
            for task in done - {stopping}:
                task.result()  # Only a bug ends these; let it be seen.
            await self._drain()
        finally:
            await end_tasks([stopping, observing, *links])
            await self._engine.close()

    async def _observe(self) -> None:
        async for outcomes in self._engine.observe():
            await self._outcomes.add(outcomes)

    async def _drain(self) -> None:
        log.info("leaving: finishing what is in flight")
        for link in self._links:
            link.drain()
        try:
            await asyncio.wait_for(self._finish(), self._options.drain_timeout_s)
        except asyncio.TimeoutError:
            log.warning(
                "leaving with %d outcomes unacknowledged: no leader took them", len(self._outcomes)
            )
        else:
            log.info("left with nothing in flight")
        await asyncio.gather(*(link.leave() for link in self._links))

    async def _finish(self) -> None:
        await asyncio.gather(*(link.traffic.wait_idle() for link in self._links))
        await self._outcomes.wait_empty()
