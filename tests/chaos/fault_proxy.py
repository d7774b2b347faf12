"""The network between the processes of a cluster, which a test can break one direction at a time.

Every connection between two of them runs through here.  A cut link keeps its bytes, as TCP does
when packets are lost: neither end learns anything, and what was sent arrives after the link heals.
(What this cannot play is a refused or lost SYN: a connection is always accepted.  It is opened
towards its target when both directions are open.)
"""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import cast

from typing_extensions import Self

# In flight in one direction of a connection before its sender has to wait.
BUFFER_BYTES = 256 * 1024


class _Link:
    """One direction between two processes: all that goes from one to the other."""

    def __init__(self) -> None:
        self.open = True
        self.delay_s = 0.0
        self.lanes: set[_Lane] = set()
        self.dials: set[_Dial] = set()

    def change(self, *, is_open: bool, delay_s: float) -> None:
        self.open, self.delay_s = is_open, delay_s
        for dial in list(self.dials):
            dial.go()
        for lane in list(self.lanes):
            lane.pump()


class _Lane:
    """One direction of one connection."""

    def __init__(self, link: _Link, loop: asyncio.AbstractEventLoop) -> None:
        self._link = link
        self._loop = loop
        self._parts: deque[tuple[float, bytes | None]] = deque()
        self._size = 0
        self._timer: asyncio.TimerHandle | None = None
        self.source: asyncio.Transport | None = None
        self.target: asyncio.Transport | None = None
        self.target_takes = True
        link.lanes.add(self)

    def put(self, data: bytes | None) -> None:
        """What the source has sent; None: its end."""
        self._parts.append((self._loop.time() + self._link.delay_s, data))
        self._size += len(data or b"")
        self.pump()
        if self._size > BUFFER_BYTES and self.source is not None:
            self.source.pause_reading()

    def pump(self) -> None:
        """Hands on what may arrive by now."""
        if self.target is None:
            return
        while self._parts and self._link.open and self.target_takes:
            at, data = self._parts[0]
            if at > self._loop.time():
                if self._timer is not None:
                    self._timer.cancel()
                self._timer = self._loop.call_at(at, self.pump)
                return
            self._parts.popleft()
            if data is None:
                self._link.lanes.discard(self)
                self.target.close()
                return
            self._size -= len(data)
            self.target.write(data)
        if self._size <= BUFFER_BYTES and self.source is not None:
            self.source.resume_reading()

    def reset(self) -> None:
        """Breaks the connection for its target."""
        self._link.lanes.discard(self)
        self._parts.clear()
        if self.target is not None:
            _reset(self.target)


class _Side(asyncio.Protocol):
    """One of the two ends of a connection: `out` takes what it sends, `back` brings the rest."""

    def __init__(self, out: _Lane, back: _Lane) -> None:
        self._out = out
        self._back = back

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        ours = cast(asyncio.Transport, transport)
        self._out.source = self._back.target = ours
        self._back.pump()

    def data_received(self, data: bytes) -> None:
        self._out.put(data)

    def connection_lost(self, error: Exception | None) -> None:
        self._out.put(None)
        self._out.source = None
        # Nobody is left to take what is on its way here.
        self._back.reset()

    def pause_writing(self) -> None:
        self._back.target_takes = False

    def resume_writing(self) -> None:
        self._back.target_takes = True
        self._back.pump()


class _Dial:
    """A connection that was accepted, and is opened towards its target once that can be reached."""

    def __init__(self, proxy: FaultProxy, source: str, target: str, port: int) -> None:
        self._proxy = proxy
        self._port = port
        self._links = (proxy._link(source, target), proxy._link(target, source))
        self._there = _Lane(self._links[0], proxy._loop)
        self._back = _Lane(self._links[1], proxy._loop)
        self._task: asyncio.Task[None] | None = None

    def accepted(self) -> asyncio.Protocol:
        """The end of whoever dialed."""
        for link in self._links:
            link.dials.add(self)
        self._proxy._loop.call_soon(self.go)
        return _Side(self._there, self._back)

    def go(self) -> None:
        """Dials, if both directions are open and it has not yet."""
        if self._task is None and all(link.open for link in self._links):
            for link in self._links:
                link.dials.discard(self)
            self._task = self._proxy._loop.create_task(self._dial())

    async def _dial(self) -> None:
        try:
            if self._there.source is None:
                raise ConnectionAbortedError("whoever dialed has given up")
            await self._proxy._loop.create_connection(
                lambda: _Side(self._back, self._there), "127.0.0.1", self._port
            )
        except OSError:
            self._there.reset()
            self._back.reset()


class FaultProxy:
    """All connections of a cluster, in an event loop in a thread of its own.

    Processes are known by name.  Every method may be called from the test's thread, and has
    happened when it returns.
    """

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._links: dict[tuple[str, str], _Link] = {}
        self._servers: list[asyncio.Server] = []
        self._thread = threading.Thread(target=self._loop.run_forever, name="fault proxy")
        self._thread.start()

    def listen(
        self,
        target: str,
        port: int,
        source: str | Callable[[int], str],
        *,
        host: str = "127.0.0.1",
        own_port: int = 0,
    ) -> int:
        """Returns a port at which `source` reaches `target`, whose own port on loopback is `port`.

        Args:
            source: The name of whoever dials; or what tells it by the dialing end's port, where
                several processes have to share an address.  It answers "" for one it does not know,
                which is then reset.
        """

        def accept() -> asyncio.Protocol:
            return _Accepted(self, target, port, source)

        async def serve() -> asyncio.Server:
            return await self._loop.create_server(accept, host, own_port)

        server = asyncio.run_coroutine_threadsafe(serve(), self._loop).result()
        self._servers.append(server)
        return int(server.sockets[0].getsockname()[1])

    def cut(self, source: str, target: str) -> None:
        """Nothing gets from `source` to `target`, and neither is told."""
        self._do(lambda: self._link(source, target).change(is_open=False, delay_s=0))

    def delay(self, source: str, target: str, delay_s: float) -> None:
        """All that `source` sends to `target` from now on takes so long."""
        self._do(lambda: self._link(source, target).change(is_open=True, delay_s=delay_s))

    def reset(self, source: str, target: str) -> None:
        """Breaks all connections between the two; they may dial again."""

        def both() -> None:
            for link in (self._link(source, target), self._link(target, source)):
                for lane in list(link.lanes):
                    lane.reset()

        self._do(both)

    def heal(self) -> None:
        """All links are open, and without delay."""

        def every() -> None:
            for link in self._links.values():
                link.change(is_open=True, delay_s=0)

        self._do(every)

    def close(self) -> None:
        """Breaks all connections and ends the thread."""

        async def end() -> None:
            for server in self._servers:
                server.close()
            for link in self._links.values():
                for lane in list(link.lanes):
                    lane.reset()
            others = asyncio.all_tasks() - {asyncio.current_task()}
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)

        asyncio.run_coroutine_threadsafe(end(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _link(self, source: str, target: str) -> _Link:
        return self._links.setdefault((source, target), _Link())

    def _do(self, what: Callable[[], None]) -> None:
        async def run() -> None:
            what()

        asyncio.run_coroutine_threadsafe(run(), self._loop).result()


class _Accepted(asyncio.Protocol):
    """A connection of which it is not known yet who dialed it."""

    def __init__(
        self, proxy: FaultProxy, target: str, port: int, source: str | Callable[[int], str]
    ) -> None:
        self._proxy = proxy
        self._target = target
        self._port = port
        self._source = source

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        ours = cast(asyncio.Transport, transport)
        name = self._source
        if not isinstance(name, str):
            peer = ours.get_extra_info("peername")
            name = name(peer[1]) if peer else ""
        if not name:
            _reset(ours)
            return
        side = _Dial(self._proxy, name, self._target, self._port).accepted()
        ours.set_protocol(side)
        side.connection_made(ours)


def _reset(transport: asyncio.Transport) -> None:
    """Ends a connection by RST."""
    sock = transport.get_extra_info("socket")
    if sock is not None and not transport.is_closing():
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
