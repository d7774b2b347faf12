"""One stream to one scheduler node, opened again and again."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import grpc.aio

from z4j_adapters import _convert
from z4j_adapters._adapter import EngineAdapter
from z4j_adapters._outcomes import OutcomeBuffer
from z4j_adapters._session import Session, StreamEnded
from z4j_adapters._traffic import Traffic

__all__ = ["Link", "LinkOptions", "TlsOptions"]

log = logging.getLogger("z4j_adapters.link")

RECONNECT_MIN_S, RECONNECT_MAX_S = 0.02, 0.2  # A new leader should find us before its first tick.
LEAVE_TIMEOUT_S = 1.0
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
        self.traffic = Traffic(options.max_in_flight)
        self._engine = engine
        self._outcomes = outcomes
        self._options = options
        self._on_connected = on_connected
        self._session: Session | None = None
        self._last_error = ""

    async def run(self) -> None:
        """Connect, serve, and do it again 20 to 200 ms after it ended."""
        while True:
            try:
                await self._serve_once()
                reason = "the server closed the stream"
            except grpc.aio.AioRpcError as error:
                reason = f"{error.code().name}: {error.details()}"
            except (OSError, StreamEnded) as error:
                reason = str(error)
            if self.connected or reason != self._last_error:
                log.warning("scheduler %s: %s; reconnecting", self.address, reason)
            self._last_error = reason
            self.connected = False
            await asyncio.sleep(random.uniform(RECONNECT_MIN_S, RECONNECT_MAX_S))

    def drain(self) -> None:
        """Take no more fires, and tell the node so at once; idempotent."""
        self.traffic.draining = True
        if self._session is not None:
            self._session.beat_now()

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
            self._session = Session(
                stub.Connect(),
                self._engine,
                self._outcomes,
                self.traffic,
                instance=self._options.instance,
                labels=self._options.labels,
                on_welcome=self._welcomed,
            )
            try:
                await self._session.run()
            finally:
                self._session = None
                self.traffic.stream_ended()

    def _welcomed(self, node: str) -> None:
        self.connected = True
        self._last_error = ""
        self._on_connected()
        log.info("connected to scheduler %s (node %s)", self.address, node)
