"""The life of one stream to a scheduler node."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping
from typing import Any

import grpc.aio

from z4j_adapters import _convert
from z4j_adapters._adapter import EngineAdapter
from z4j_adapters._controls import Controls
from z4j_adapters._models import Capabilities, Fire, Result, ResultCode, TaskTemplate
from z4j_adapters._outcomes import OutcomeBuffer, OutcomeStream
from z4j_adapters._traffic import Traffic
from z4j_adapters._version import __version__

__all__ = ["Session", "StreamEnded"]

log = logging.getLogger("z4j_adapters.link")

WELCOME_TIMEOUT_S = 10.0
RESULTS_PER_MESSAGE_MAX = 1000


class StreamEnded(Exception):
    """The stream cannot be used any more; the text says why."""


class Session:
    """The life of one stream."""

    def __init__(
        self,
        call: Any,
        engine: EngineAdapter,
        outcomes: OutcomeBuffer,
        traffic: Traffic,
        *,
        instance: str,
        labels: Mapping[str, str],
        on_welcome: Callable[[str], None],
    ) -> None:
        """`on_welcome` is told the node's name once it has taken us."""
        self._call = call
        self._engine = engine
        self._outcomes = outcomes
        self._traffic = traffic
        self._instance = instance
        self._labels = labels
        self._on_welcome = on_welcome
        self._templates: dict[int, TaskTemplate] = {}
        self._batches: asyncio.Queue[tuple[list[Fire], list[Result]]] = asyncio.Queue()
        self._controls = Controls(engine, outcomes, traffic, self._write)
        self._write_lock = asyncio.Lock()  # grpc.aio allows one write at a time.
        self._outcome_stream: OutcomeStream | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._told: Capabilities | None = None
        self._left = False
        self._beat = asyncio.Event()
        self._node = ""

    async def run(self) -> None:
        """Serve until the stream ends; raises what ended it."""
        try:
            heartbeat_s = await self._greet()
            self._spawn(self._dispatch_loop())
            self._spawn(self._heartbeat_loop(heartbeat_s))
            reader = asyncio.ensure_future(self._read_loop())
            self._tasks.add(reader)
            # Whichever fails first ends the session; only reading ends it without an error.
            while not reader.done():
                done, _ = await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    self._tasks.discard(task)
                    task.result()
        finally:
            if self._outcome_stream is not None:
                self._outcome_stream.close()
            self._call.cancel()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def leave(self, timeout_s: float) -> None:
        """End the stream from our side, so that nothing written is thrown away."""
        with contextlib.suppress(asyncio.TimeoutError, asyncio.InvalidStateError):
            await asyncio.wait_for(self._half_close(), timeout_s)

    async def _half_close(self) -> None:
        async with self._write_lock:  # A node that stands still may hold the last write for ever.
            self._left = True
            await self._call.done_writing()
        await self._call.code()

    def beat_now(self) -> None:
        """Send a heartbeat without waiting for its time."""
        self._beat.set()

    def _spawn(self, work: Any) -> None:
        self._tasks.add(asyncio.ensure_future(work))

    async def _write(self, message: Any) -> None:
        async with self._write_lock:
            if self._left:
                return
            try:
                await self._call.write(message)
            except asyncio.InvalidStateError:
                # The stream ended before the reader was told: grpc.aio says so in this way alone.
                code, details = await self._call.code(), await self._call.details()
                raise StreamEnded(f"{code.name}: {details}") from None

    async def _greet(self) -> float:
        engine = self._engine
        self._told = engine.capabilities()
        await self._write(
            _convert.hello(
                engine=engine.name,
                instance=self._instance,
                version=__version__,
                engine_version=engine.engine_version,
                capabilities=self._told,
                queues=engine.queues(),
                tasks=engine.tasks(),
                labels=self._labels,
                max_in_flight=self._traffic.max_in_flight,
            )
        )
        try:
            answer = await asyncio.wait_for(self._call.read(), WELCOME_TIMEOUT_S)
        except asyncio.TimeoutError:
            raise StreamEnded(f"no Welcome within {WELCOME_TIMEOUT_S} s") from None
        if answer is grpc.aio.EOF or answer.WhichOneof("message") != "welcome":
            raise StreamEnded("the server's first message is no Welcome")
        heartbeat_s = float(answer.welcome.heartbeat_interval.ToTimedelta().total_seconds()) or 5.0
        self._node = answer.welcome.node
        self._on_welcome(self._node)
        return heartbeat_s

    async def _read_loop(self) -> None:
        # read() raises the stream's status unless that is OK.
        while (message := await self._call.read()) is not grpc.aio.EOF:
            kind = message.WhichOneof("message")
            if kind == "dispatch":
                self._accept(message.dispatch)
            elif kind == "outcomes_ack":
                if self._outcome_stream is not None:
                    self._outcome_stream.ack(message.outcomes_ack.sequence)
            elif kind == "role":
                self._follow(message.role.leader)
            elif kind == "control":
                self._spawn(self._controls.serve(message.control))
            elif kind == "drain":
                log.info("scheduler node %s is going away", self._node)

    def _accept(self, batch: Any) -> None:
        if batch.reset_templates:
            self._templates.clear()
        for message in batch.templates:
            self._templates[message.id] = _convert.template_of(message)
        fires, results = _convert.fires_of(batch, self._templates)
        if self._traffic.draining:
            text = "the adapter is being stopped"
            results += [Result(f.id, f.ref, ResultCode.RETURNED, text) for f in fires]
            fires = []
        self._traffic.count(len(fires) + len(results))
        self._batches.put_nowait((fires, results))

    def _follow(self, leader: bool) -> None:
        if not leader and self._outcome_stream is not None:
            self._outcome_stream.close()
            self._outcome_stream = None
        elif leader and self._outcome_stream is None:
            self._outcome_stream = self._outcomes.open_stream()
            self._spawn(self._outcome_loop(self._outcome_stream))

    async def _dispatch_loop(self) -> None:
        while True:
            fires, results = await self._batches.get()
            if fires:
                # Shielded: the engine finishes what it began even if the stream ends meanwhile.
                results += await asyncio.shield(self._engine.dispatch(fires))
            for start in range(0, len(results), RESULTS_PER_MESSAGE_MAX):
                part = results[start : start + RESULTS_PER_MESSAGE_MAX]
                await self._write(_convert.results_message(part))
            self._traffic.count(-len(results))

    async def _outcome_loop(self, stream: OutcomeStream) -> None:
        while (item := await stream.next()) is not None:
            await self._write(_convert.outcomes_message(*item))

    async def _heartbeat_loop(self, interval_s: float) -> None:
        while True:
            now = self._engine.capabilities()
            changed = now if now != self._told else None
            self._told = now
            traffic = self._traffic
            self._beat.clear()
            await self._write(
                _convert.heartbeat(
                    traffic.load,
                    traffic.in_flight,
                    self._engine.health(),
                    changed,
                    leaving=traffic.draining,
                )
            )
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._beat.wait(), interval_s / 2)
