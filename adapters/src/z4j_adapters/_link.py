"""One stream to one scheduler node, opened again and again."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import grpc
import grpc.aio

from z4j_adapters import _convert
from z4j_adapters._adapter import EngineAdapter
from z4j_adapters._errors import ControlFailed
from z4j_adapters._models import Capabilities, Fire, Result, ResultCode, TaskTemplate
from z4j_adapters._outcomes import OutcomeBuffer, OutcomeStream
from z4j_adapters._version import __version__

__all__ = ["Link", "LinkOptions", "TlsOptions"]

log = logging.getLogger("z4j_adapters.link")

T = TypeVar("T")

RECONNECT_MIN_S, RECONNECT_MAX_S = 0.02, 0.2  # A new leader should find us before its first tick.
WELCOME_TIMEOUT_S = 10.0
LEAVE_TIMEOUT_S = 1.0
RESULTS_PER_MESSAGE_MAX = 1000
CONTROLS_AT_ONCE_MAX = 256  # Many fires may be cancelled at once; more is a loop somewhere.
ANSWER_WITHIN_S = 9.0  # For lists; whoever asks the scheduler waits 10.
LISTED_MAX = 5000  # ~1 MB; the server takes 4.
# gRPC's own back-off would hold a fresh channel back for a second after a refused connection, and
# shared subchannels would inherit it; we pace ourselves.
CHANNEL_OPTIONS = [
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.initial_reconnect_backoff_ms", 20),
    ("grpc.min_reconnect_backoff_ms", 1000),  # Also the time one connection attempt may take.
    ("grpc.max_reconnect_backoff_ms", 1000),
    ("grpc.max_receive_message_length", 128 * 1024 * 1024),  # 500 fires with 500 new templates.
    ("grpc.max_send_message_length", 128 * 1024 * 1024),
]


@dataclass(frozen=True, slots=True)
class TlsOptions:
    """Certificates as PEM files; `cert` and `key` only for mutual TLS."""

    ca: Path | None = None
    cert: Path | None = None
    key: Path | None = None
    server_name: str = ""
    """Name expected in the server's certificate, if it is not the host's."""


@dataclass(frozen=True, slots=True)
class LinkOptions:
    """What all links of a process share."""

    instance: str
    max_in_flight: int
    tls: TlsOptions | None = None
    labels: Mapping[str, str] = field(default_factory=dict)


class Link:
    """Keeps one stream to `address` open until `run` is cancelled.

    Dispatches are handed to the engine in the order they came; their results go back on the same
    stream.  While the node is the leader, outcomes go to it.
    """

    def __init__(
        self,
        address: str,
        engine: EngineAdapter,
        outcomes: OutcomeBuffer,
        options: LinkOptions,
        on_connected: Callable[[], None] = lambda: None,
    ) -> None:
        self.address = address
        self.connected = False
        self.in_flight = 0
        self.draining = False
        self._engine = engine
        self._outcomes = outcomes
        self._options = options
        self._on_connected = on_connected
        self._session: _Session | None = None
        self._idle = asyncio.Event()
        self._idle.set()
        self._last_error = ""

    async def run(self) -> None:
        """Connect, serve, and do it again 20 to 200 ms after it ended."""
        while True:
            try:
                await self._serve_once()
                reason = "the server closed the stream"
            except grpc.aio.AioRpcError as error:
                reason = f"{error.code().name}: {error.details()}"
            except (OSError, _StreamEnded) as error:
                reason = str(error)
            if self.connected or reason != self._last_error:
                log.warning("scheduler %s: %s; reconnecting", self.address, reason)
            self._last_error = reason
            self.connected = False
            await asyncio.sleep(random.uniform(RECONNECT_MIN_S, RECONNECT_MAX_S))

    def drain(self) -> None:
        """Take no more fires, and tell the node so at once; idempotent."""
        self.draining = True
        if self._session is not None:
            self._session.beat_now()

    async def wait_idle(self) -> None:
        """Return once no fire is being handed over and its results are written."""
        await self._idle.wait()

    async def leave(self) -> None:
        """Half-close the stream and wait a moment for the server to read all that was written."""
        if self._session is not None:
            await self._session.leave(LEAVE_TIMEOUT_S)

    def _channel(self) -> grpc.aio.Channel:
        tls = self._options.tls
        if tls is None:
            return grpc.aio.insecure_channel(self.address, options=CHANNEL_OPTIONS)
        credentials = grpc.ssl_channel_credentials(
            tls.ca.read_bytes() if tls.ca else None,
            tls.key.read_bytes() if tls.key else None,
            tls.cert.read_bytes() if tls.cert else None,
        )
        options = list(CHANNEL_OPTIONS)
        if tls.server_name:
            options.append(("grpc.ssl_target_name_override", tls.server_name))  # type: ignore[arg-type]
        return grpc.aio.secure_channel(self.address, credentials, options=options)

    async def _serve_once(self) -> None:
        async with self._channel() as channel:
            stub: Any = _convert.AdapterServiceStub(channel)  # type: ignore[no-untyped-call]
            self._session = _Session(self, stub.Connect())
            try:
                await self._session.run()
            finally:
                self._session = None
                self.in_flight = 0
                self._idle.set()

    def _counted(self, change: int) -> None:
        self.in_flight += change
        if self.in_flight:
            self._idle.clear()
        else:
            self._idle.set()


class _StreamEnded(Exception):
    """The stream cannot be used any more; the text says why."""


class _Session:
    """The life of one stream."""

    def __init__(self, link: Link, call: Any) -> None:
        self._link = link
        self._engine = link._engine
        self._call = call
        self._templates: dict[int, TaskTemplate] = {}
        self._batches: asyncio.Queue[tuple[list[Fire], list[Result]]] = asyncio.Queue()
        self._write_lock = asyncio.Lock()  # grpc.aio allows one write at a time.
        self._outcome_stream: OutcomeStream | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._told: Capabilities | None = None
        self._left = False
        self._beat = asyncio.Event()
        self._controls = 0

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
            async with self._write_lock:
                self._left = True
                await self._call.done_writing()
            await asyncio.wait_for(self._call.code(), timeout_s)

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
                raise _StreamEnded(f"{code.name}: {details}") from None

    async def _greet(self) -> float:
        engine, options = self._engine, self._link._options
        self._told = engine.capabilities()
        await self._write(
            _convert.hello(
                engine=engine.name,
                instance=options.instance,
                version=__version__,
                engine_version=engine.engine_version,
                capabilities=self._told,
                queues=engine.queues(),
                tasks=engine.tasks(),
                labels=options.labels,
                max_in_flight=options.max_in_flight,
            )
        )
        try:
            answer = await asyncio.wait_for(self._call.read(), WELCOME_TIMEOUT_S)
        except asyncio.TimeoutError:
            raise _StreamEnded(f"no Welcome within {WELCOME_TIMEOUT_S} s") from None
        if answer is grpc.aio.EOF or answer.WhichOneof("message") != "welcome":
            raise _StreamEnded("the server's first message is no Welcome")
        heartbeat_s = float(answer.welcome.heartbeat_interval.ToTimedelta().total_seconds()) or 5.0
        self._link.connected = True
        self._link._last_error = ""
        self._link._on_connected()
        log.info("connected to scheduler %s (node %s)", self._link.address, answer.welcome.node)
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
                self._begin_control(message.control)
            elif kind == "drain":
                log.info("scheduler %s is going away", self._link.address)

    def _accept(self, batch: Any) -> None:
        if batch.reset_templates:
            self._templates.clear()
        for message in batch.templates:
            self._templates[message.id] = _convert.template_of(message)
        fires, results = _convert.fires_of(batch, self._templates)
        if self._link.draining:
            text = "the adapter is being stopped"
            results += [Result(f.id, f.ref, ResultCode.RETURNED, text) for f in fires]
            fires = []
        self._link._counted(len(fires) + len(results))
        self._batches.put_nowait((fires, results))

    def _follow(self, leader: bool) -> None:
        if not leader and self._outcome_stream is not None:
            self._outcome_stream.close()
            self._outcome_stream = None
        elif leader and self._outcome_stream is None:
            self._outcome_stream = self._link._outcomes.open_stream()
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
            self._link._counted(-len(results))

    async def _outcome_loop(self, stream: OutcomeStream) -> None:
        while (item := await stream.next()) is not None:
            await self._write(_convert.outcomes_message(*item))

    async def _heartbeat_loop(self, interval_s: float) -> None:
        while True:
            now = self._engine.capabilities()
            changed = now if now != self._told else None
            self._told = now
            link = self._link
            load = 1.0 if link.draining else min(1.0, link.in_flight / link._options.max_in_flight)
            self._beat.clear()
            await self._write(
                _convert.heartbeat(
                    load, link.in_flight, self._engine.health(), changed, leaving=link.draining
                )
            )
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._beat.wait(), interval_s / 2)

    def _begin_control(self, request: Any) -> None:
        """Each has a task of its own: one that takes its time delays no other."""
        if self._controls >= CONTROLS_AT_ONCE_MAX:
            text = f"{self._controls} control requests are being carried out; ask again later"
            self._spawn(self._write(_convert.control_reply(request.id, error=text)))
        else:
            self._controls += 1
            self._spawn(self._control(request))

    async def _control(self, request: Any) -> None:
        try:
            answer = await self._answer(request)
        except ControlFailed as failure:
            answer = {"error": str(failure)}
        except Exception as bug:
            log.exception("a bug: control request %s failed", request.WhichOneof("request"))
            answer = {"error": f"a bug in the adapter, see its log: {type(bug).__name__}: {bug}"}
        finally:
            self._controls -= 1
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
            await self._link._outcomes.add(await engine.lookup_outcomes(asked))
        elif kind == "list_queues":
            return {"queues": _bounded("queues", await self._in_time(engine.list_queues()))}
        elif kind == "list_workers":
            return {"workers": _bounded("workers", await self._in_time(engine.list_workers()))}
        elif kind == "purge_queue":
            if self._link.draining:
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
