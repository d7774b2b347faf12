"""A network of namespaces: each node has addresses of its own, and packets are really lost.

A link is cut by giving its source a wrong hardware address for its target, so that the packets go
to nobody: no reset, no error, in one direction alone if it has to be.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable

from tests.chaos.fault_proxy import FaultProxy
from tests.chaos.network import Network

# One of the nets for measurements between networks (RFC 2544), which nobody routes.
NET = "198.18.37"
NOBODY = "02:00:00:00:00:fe"
PORT = 7803


def _ip(*args: str) -> None:
    subprocess.run(["ip", *args], check=True, capture_output=True, text=True)


def why_not() -> str:
    """Why this machine cannot have such a network; "" if it can."""
    probe = f"z4jp{os.getpid()}"
    try:
        _ip("netns", "add", probe)
        try:
            _ip("link", "add", probe, "type", "veth", "peer", "name", "eth0", "netns", probe)
            _ip("link", "del", probe)
            _ip("link", "add", probe, "type", "bridge")
            _ip("link", "del", probe)
        finally:
            _ip("netns", "del", probe)
    except FileNotFoundError:
        return "there is no program `ip`"
    except subprocess.CalledProcessError as error:
        return f"`ip` says: {error.stderr.strip()}"
    return ""


class NamespaceNetwork(Network):
    """A namespace for each node, all on one bridge; the test itself is beside it.

    The database is reached by a proxy, which can be cut as in ProxyNetwork.
    """

    faulty = True
    # Only namespaces of this machine are on the bridge.
    args = ("--insecure",)

    def __init__(self, names: Iterable[str]) -> None:
        super().__init__()
        self._proxy = FaultProxy()
        self._bridge = f"z4j{os.getpid()}"
        self._numbers = {name: i for i, name in enumerate(names, start=1)}
        self._cuts: list[tuple[str, str]] = []
        _ip("link", "add", self._bridge, "type", "bridge")
        _ip("addr", "add", f"{NET}.254/24", "dev", self._bridge)
        _ip("link", "set", self._bridge, "up")
        for name in self._numbers:
            self._add(name)

    def host(self, name: str) -> str:
        return f"{NET}.{self._numbers[name]}"

    def command(self, name: str, command: list[str]) -> list[str]:
        return ["ip", "netns", "exec", self._namespace(name), *command]

    def listen_address(self, name: str) -> str:
        return f"{self.host(name)}:{PORT}"

    def database(self, name: str, port: int) -> str:
        own = self._proxy.listen("db", port, name, host=f"{NET}.254")
        return f"host={NET}.254 port={own}"

    def cut(self, source: str, target: str) -> None:
        if "db" in (source, target):
            self._proxy.cut(source, target)
            return
        wrong = ("replace", self.host(target), "lladdr", NOBODY, "dev", "eth0", "nud", "permanent")
        _ip("-n", self._namespace(source), "neigh", *wrong)
        self._cuts.append((source, target))

    def heal(self) -> None:
        self._proxy.heal()
        while self._cuts:
            source, target = self._cuts.pop()
            _ip("-n", self._namespace(source), "neigh", "del", self.host(target), "dev", "eth0")

    def close(self) -> None:
        self._proxy.close()
        for name in self._numbers:
            _ip("netns", "del", self._namespace(name))
        _ip("link", "del", self._bridge)

    def _namespace(self, name: str) -> str:
        return f"{self._bridge}-{name}"

    def _add(self, name: str) -> None:
        space, port = self._namespace(name), f"{self._bridge}{self._numbers[name]}"
        _ip("netns", "add", space)
        _ip("link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", space)
        _ip("link", "set", port, "master", self._bridge, "up")
        _ip("-n", space, "addr", "add", f"{self.host(name)}/24", "dev", "eth0")
        _ip("-n", space, "link", "set", "eth0", "up")
        _ip("-n", space, "link", "set", "lo", "up")
