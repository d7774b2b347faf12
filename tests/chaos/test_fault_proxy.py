"""The network that the chaos tests break must itself be right."""

from __future__ import annotations

import contextlib
import socket
import socketserver
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.chaos.fault_proxy import FaultProxy
from tests.chaos.network import dialer_of
from tests.harness.processes import wait_for


class _Echo(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        with contextlib.suppress(OSError):
            while data := self.request.recv(65536):
                self.server.seen.append(data)  # type: ignore[attr-defined]
                self.request.sendall(data)


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Echo)
        self.seen: list[bytes] = []
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()


@dataclass
class Net:
    """An echo server "b", which "a" reaches through the proxy."""

    proxy: FaultProxy
    server: _Server
    port: int

    def dial(self) -> socket.socket:
        """A connection of "a"."""
        return socket.create_connection(("127.0.0.1", self.port), 5)


@pytest.fixture
def net() -> Iterator[Net]:
    with FaultProxy() as proxy, _Server() as server:
        yield Net(proxy, server, proxy.listen("b", server.server_address[1], "a"))
        server.shutdown()


def receive(sock: socket.socket, size: int) -> bytes:
    """Exactly so many bytes."""
    data = b""
    while len(data) < size:
        part = sock.recv(size - len(data))
        assert part, f"the connection ended after {len(data)} bytes"
        data += part
    return data


def is_silent(sock: socket.socket) -> bool:
    """Whether nothing comes for a while: neither bytes nor an end."""
    sock.settimeout(0.2)
    try:
        return sock.recv(1) is None
    except TimeoutError:
        return True
    finally:
        sock.settimeout(5)


def test_a_healthy_link_passes_everything_in_order(net: Net) -> None:
    sent = bytes(i % 251 for i in range(3_000_000))
    with net.dial() as sock:
        threading.Thread(target=sock.sendall, args=(sent,)).start()
        assert receive(sock, len(sent)) == sent


def test_what_is_sent_on_a_cut_link_arrives_after_it_heals(net: Net) -> None:
    with net.dial() as sock:
        sock.sendall(b"one")
        assert receive(sock, 3) == b"one"
        net.proxy.cut("a", "b")
        sock.sendall(b"two")
        assert is_silent(sock)
        assert b"two" not in net.server.seen
        net.proxy.heal()
        assert receive(sock, 3) == b"two"


def test_a_link_cut_one_way_passes_the_other_way(net: Net) -> None:
    with net.dial() as sock:
        sock.sendall(b"one")
        assert receive(sock, 3) == b"one"
        net.proxy.cut("b", "a")
        sock.sendall(b"two")
        wait_for("the bytes at b", lambda: b"two" in net.server.seen)
        assert is_silent(sock)
        net.proxy.heal()
        assert receive(sock, 3) == b"two"


def test_a_connection_dialed_over_a_cut_link_is_opened_when_it_heals(net: Net) -> None:
    net.proxy.cut("b", "a")
    with net.dial() as sock:
        sock.sendall(b"one")
        assert is_silent(sock)
        assert not net.server.seen
        net.proxy.heal()
        assert receive(sock, 3) == b"one"


def test_a_dialer_that_gave_up_is_not_heard_of_after_the_link_heals(net: Net) -> None:
    net.proxy.cut("a", "b")
    with net.dial() as sock:
        sock.sendall(b"given up")
        assert is_silent(sock)
    with net.dial() as second:
        assert is_silent(second)
        net.proxy.heal()
        second.sendall(b"here")
        assert receive(second, 4) == b"here"
    assert b"given up" not in net.server.seen


def test_neither_end_learns_over_a_cut_link_that_the_other_is_gone(net: Net) -> None:
    sock = net.dial()
    sock.sendall(b"one")
    assert receive(sock, 3) == b"one"
    net.proxy.cut("a", "b")
    net.proxy.cut("b", "a")
    threads = threading.active_count()
    sock.close()
    with net.dial() as other:
        assert is_silent(other)
    assert threading.active_count() == threads, "the server's thread for the first still waits"
    net.proxy.heal()
    wait_for("the server to learn", lambda: threading.active_count() < threads)


def test_a_delayed_link_keeps_the_order(net: Net) -> None:
    with net.dial() as sock:
        sock.sendall(b"a")
        assert receive(sock, 1) == b"a"
        net.proxy.delay("a", "b", 0.15)
        begin = time.monotonic()
        for part in (b"b", b"c", b"d"):
            sock.sendall(part)
        assert receive(sock, 3) == b"bcd"
        assert 0.15 <= time.monotonic() - begin < 2


def test_a_reset_breaks_connections_and_lets_new_ones_be_made(net: Net) -> None:
    with net.dial() as sock:
        sock.sendall(b"one")
        assert receive(sock, 3) == b"one"
        net.proxy.reset("a", "b")
        with pytest.raises(ConnectionResetError):
            receive(sock, 1)
    with net.dial() as sock:
        sock.sendall(b"two")
        assert receive(sock, 3) == b"two"


def test_a_target_that_is_not_there_is_a_reset(net: Net) -> None:
    gone = net.proxy.listen("c", 1, "a")
    with (
        pytest.raises(ConnectionResetError),  # While connecting already, or then.
        socket.create_connection(("127.0.0.1", gone), 5) as sock,
    ):
        receive(sock, 1)


def test_who_dialed_is_found_by_the_process_that_holds_the_socket(net: Net) -> None:
    import os

    seen = []

    def who(port: int) -> str:
        seen.append(dialer_of(port, {os.getppid(): "parent", os.getpid(): "us"}))
        return "" if len(seen) > 1 else seen[-1]

    port = net.proxy.listen("b", net.server.server_address[1], who)
    net.proxy.cut("us", "b")
    with socket.create_connection(("127.0.0.1", port), 5) as sock:
        sock.sendall(b"one")
        assert is_silent(sock)
        net.proxy.heal()
        assert receive(sock, 3) == b"one"
    assert seen == ["us"]
    with (
        socket.create_connection(("127.0.0.1", port), 5) as sock,
        pytest.raises(ConnectionResetError),
    ):
        receive(sock, 1)
