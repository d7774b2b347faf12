"""What three consensus nodes on one machine write, beside etcd's in the same run."""

from __future__ import annotations

import json
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from bench.rig import Row, binary
from tests.harness.consensus_server import ConsensusCluster
from tests.harness.ports import free_port
from tests.harness.processes import Program

SECONDS = 8
RATE = 5000
# Enough for the rate, at up to 100 ms a write; whoever waits for a free one has waited.
RATE_CLIENTS = 512
NO_LIMIT = ("--max-requests-per-second", "0")  # One client writes all of it.


class EtcdMember(Program):
    """One of three, as its manual starts it: every write synced, timeouts as they come."""

    def __init__(self, folder: Path, name: str, client: str, peer: str, members: str) -> None:
        self.address = client
        command = ["/usr/bin/etcd", "--name", name, "--data-dir", str(folder / name)]
        command += ["--listen-client-urls", f"http://{client}", "--log-level", "error"]
        command += ["--advertise-client-urls", f"http://{client}"]
        command += ["--listen-peer-urls", f"http://{peer}", "--initial-cluster", members]
        command += ["--initial-advertise-peer-urls", f"http://{peer}"]
        super().__init__(f"etcd-{name}", command, folder)

    def status(self) -> dict[str, Any]:
        """What it says of itself."""
        url = f"http://{self.address}/v3/maintenance/status"
        with urllib.request.urlopen(url, data=b"{}", timeout=2) as answer:
            return dict(json.load(answer))

    def ready(self) -> bool:
        """It knows a leader."""
        return self.status().get("leader", "0") != "0"


def ours(folder: Path, stack: ExitStack) -> str:
    """Three z4j-consensus; where the leader is."""
    return stack.enter_context(ConsensusCluster(folder, args=NO_LIMIT)).leader().address


def etcds(folder: Path, stack: ExitStack) -> str:
    """Three etcd; where the leader is."""
    peers = {name: f"127.0.0.1:{free_port()}" for name in "abc"}
    cluster = ",".join(f"{name}=http://{peer}" for name, peer in peers.items())
    members = [
        EtcdMember(folder, name, f"127.0.0.1:{free_port()}", peer, cluster)
        for name, peer in peers.items()
    ]
    for member in members:
        stack.callback(member.kill)
        member.launch()
    for member in members:
        member.await_ready()
    states = [(member, member.status()) for member in members]
    return next(m.address for m, s in states if s["header"]["member_id"] == s["leader"])


def put(service: str, leader: str, clients: int, rate: int = 0) -> dict[str, float]:
    """Writes for a while; the figures."""
    command = [binary("put_bench"), service, leader, str(clients), str(SECONDS), str(rate)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return dict(json.loads(done.stdout))


def entries(folder: Path, stack: ExitStack) -> Iterator[Row]:
    """As fast as so many clients can, then at a given rate; one service after the other."""
    loads = [(1, 0), (64, 0), (1024, 0), (RATE_CLIENTS, RATE)]
    found = []
    for service, start in (("z4j", ours), ("etcd", etcds)):
        with ExitStack() as alone:
            leader = start(folder, alone)
            put(service, leader, 64)  # Connections, files and caches are warm afterwards.
            found.append([put(service, leader, *load) for load in loads])
    for (clients, rate), z4j, etcd in zip(loads, *found, strict=True):
        if rate:
            for figure in ("p50", "p99"):
                key = f"{figure}_ms"
                name = f"raft_commit_ms.5k_per_s.{figure}"
                yield (name, z4j[key], "ms", z4j["puts"], "etcd", etcd[key])
        else:
            name = f"raft_entries_per_s.{clients}"
            yield (name, z4j["per_s"], "1/s", z4j["puts"], "etcd", etcd["per_s"])
