"""How the processes of a cluster reach each other: plainly, or by a proxy that can cut them off."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.chaos.fault_proxy import FaultProxy
from tests.harness.ports import free_port


def dialer_of(port: int, processes: Mapping[int, str]) -> str:
    """The name, among `processes` (by process id), of the one that holds the loopback socket with
    this local port; "" if none does."""
    sockets = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            fields = line.split()
            if int(fields[1].rsplit(":", 1)[1], 16) == port:
                sockets.add(f"socket:[{fields[9]}]")
    for pid, name in processes.items():
        # A process may end meanwhile, and so may its files.
        with contextlib.suppress(FileNotFoundError):
            for file in os.scandir(f"/proc/{pid}/fd"):
                with contextlib.suppress(FileNotFoundError):
                    if os.readlink(file.path) in sockets:
                        return name
    return ""


class Network:
    """Loopback as it is; nothing can be broken."""

    faulty = False
    args: tuple[str, ...] = ()
    """More arguments for every server."""

    def __init__(self) -> None:
        self._ports: dict[str, int] = {}

    def host(self, name: str) -> str:
        """Which address the process has for itself."""
        return "127.0.0.1"

    def command(self, name: str, command: list[str]) -> list[str]:
        """What to run so that the process is where it belongs."""
        return command

    def listen_address(self, name: str) -> str:
        """Where a consensus node listens for its peers."""
        port = self._ports.get(name) or self._ports.setdefault(name, free_port())
        return f"{self.host(name)}:{port}"

    def peer_address(self, name: str) -> str:
        """Where its peers dial it."""
        return self.listen_address(name)

    def database(self, name: str, port: int) -> str:
        """Where PostgreSQL, which listens on this port, is for the process: libpq's words."""
        return f"host=127.0.0.1 port={port}"

    def know(self, processes: Callable[[], Mapping[int, str]]) -> None:
        """What tells the cluster's processes by their ids."""

    def cut(self, source: str, target: str) -> None:
        """Nothing gets from one to the other ("db": the database) until `heal`."""
        raise NotImplementedError

    def heal(self) -> None:
        """Nothing is cut any more."""

    def close(self) -> None:
        """Takes it down."""


class ProxyNetwork(Network):
    """Every connection between nodes, and from a node to the database, runs through the proxy."""

    faulty = True

    def __init__(self) -> None:
        super().__init__()
        self._proxy = FaultProxy()
        self._addresses: dict[str, str] = {}
        self._processes: Callable[[], Mapping[int, str]] = dict

    def know(self, processes: Callable[[], Mapping[int, str]]) -> None:
        self._processes = processes

    def peer_address(self, name: str) -> str:
        # All nodes are given the same list of peers, so they dial the same port; who it was, the
        # system knows.
        if name not in self._addresses:
            port = int(re.sub(".*:", "", self.listen_address(name)))
            own = self._proxy.listen(name, port, self._dialer)
            self._addresses[name] = f"127.0.0.1:{own}"
        return self._addresses[name]

    def database(self, name: str, port: int) -> str:
        return f"host=127.0.0.1 port={self._proxy.listen('db', port, name)}"

    def cut(self, source: str, target: str) -> None:
        self._proxy.cut(source, target)

    def delay(self, source: str, target: str, delay_s: float) -> None:
        """All that is sent from one to the other takes so long, until `heal`."""
        self._proxy.delay(source, target, delay_s)

    def heal(self) -> None:
        self._proxy.heal()

    def close(self) -> None:
        self._proxy.close()

    def _dialer(self, port: int) -> str:
        return dialer_of(port, self._processes())
