"""Consensus nodes under test, driven through their own command line and their key service."""

from __future__ import annotations

import contextlib
import json
import random
import signal
import socket
import subprocess
import sys
import tempfile
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import grpc

from tests.harness.ports import free_port
from tests.harness.processes import ROOT, Program, build_dir, wait_for
from tests.harness.scheduler_server import CliError


@cache
def stubs(name: str) -> Any:
    """The generated module `name` of z4j.consensus.v1, such as "kv_pb2"."""
    folder = tempfile.mkdtemp(prefix="z4j-protos-")
    protos = sorted((ROOT / "proto" / "z4j" / "consensus" / "v1").glob("*.proto"))
    command = [sys.executable, "-m", "grpc_tools.protoc", "-I", str(ROOT / "proto")]
    command += [f"--python_out={folder}", f"--grpc_python_out={folder}", *map(str, protos)]
    subprocess.run(command, check=True, capture_output=True)
    sys.path.insert(0, folder)
    return import_module(f"z4j.consensus.v1.{name}")


class ConsensusServer(Program):
    """`z4j-consensus serve`, of one node."""

    def __init__(
        self, folder: Path, number: int, address: str, *, args: tuple[str, ...] = ()
    ) -> None:
        self.number = number
        self.address = address
        self.http_port = free_port()
        self.data_dir = folder / f"data-{number}"
        self.binary = build_dir() / "services" / "consensus" / "z4j-consensus"
        command = [str(self.binary), "serve", "--node-id", str(number), "--listen", address]
        command += [
            "--data-dir",
            str(self.data_dir),
            "--http-listen",
            f"127.0.0.1:{self.http_port}",
        ]
        super().__init__(f"consensus-{number}", [*command, *args], folder)

    def ready(self) -> bool:
        """It listens; whether anybody leads is for the cluster to say."""
        host, port = self.address.rsplit(":", 1)
        with contextlib.closing(socket.create_connection((host, int(port)), timeout=1)):
            return True

    def run(self, *args: str) -> str:
        """Runs a verb as it is and returns what it printed.

        Raises:
            CliError: The exit code was not 0.
        """
        command = [str(self.binary), *args]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        if done.returncode != 0:
            raise CliError(done.returncode, done.stderr)
        return done.stdout

    def cli(self, *args: str) -> Any:
        """Runs a verb that asks this node, with `-o json`."""
        out = self.run(*args, "--server", self.address, "-o", "json")
        return json.loads(out) if out.strip() else None


class ConsensusCluster:
    """Nodes 1, 2, … that were founded together; `nodes` also has those added later."""

    def __init__(self, folder: Path, size: int = 3, *, args: tuple[str, ...] = ()) -> None:
        self.folder = folder
        addresses = {number: f"127.0.0.1:{free_port()}" for number in range(1, size + 1)}
        self.members = ",".join(f"{number}={address}" for number, address in addresses.items())
        found = ("--initial-cluster", self.members, *args)
        self.nodes = {
            number: ConsensusServer(folder, number, address, args=found)
            for number, address in addresses.items()
        }
        # Nobody else's, so that requests of several runs are told apart.
        self._client = random.getrandbits(63) | 1
        self._sequence = 0

    def __enter__(self) -> ConsensusCluster:
        for node in self.nodes.values():
            node.start()
        self.leader()
        return self

    def __exit__(self, *_: object) -> None:
        for node in self.nodes.values():
            node.signal(signal.SIGCONT)
            node.kill()

    def running(self) -> list[ConsensusServer]:
        """Those whose process is there."""
        return [node for node in self.nodes.values() if node.running()]

    def leader(self, besides: int = 0) -> ConsensusServer:
        """Waits for one who says that it leads, other than `besides`."""

        def found() -> ConsensusServer | None:
            for node in self.running():
                with contextlib.suppress(CliError):
                    health = node.cli("health")
                    if health.get("role") == "NODE_ROLE_LEADER" and node.number != besides:
                        return node
            return None

        leader = wait_for("a leader", found)
        assert isinstance(leader, ConsensusServer)
        return leader

    def put(self, key: str, value: str) -> None:
        """Writes a key at whoever leads, under one request id until it is done."""
        kv, kv_grpc = stubs("kv_pb2"), stubs("kv_pb2_grpc")
        common = stubs("common_pb2")
        self._sequence += 1
        request = kv.PutRequest(
            request_id=common.RequestId(
                client_id=self._client,
                sequence=self._sequence,
                first_outstanding=self._sequence,
            ),
            key=key,
            value=value.encode(),
        )

        def done() -> bool:
            for node in self.running():
                with contextlib.suppress(grpc.RpcError), grpc.insecure_channel(node.address) as to:
                    kv_grpc.KvServiceStub(to).Put(request, timeout=2)
                    return True
            return False

        wait_for(f"{key} to be written", done)

    def get(self, number: int, key: str) -> str:
        """Reads a key at one node, linearizable."""
        kv, kv_grpc = stubs("kv_pb2"), stubs("kv_pb2_grpc")

        def read() -> list[str]:
            with grpc.insecure_channel(self.nodes[number].address) as to:
                answer = kv_grpc.KvServiceStub(to).Get(kv.GetRequest(key=key), timeout=2)
                return [answer.kv.value.decode()]

        values = wait_for(f"{key} at node {number}", read)
        assert isinstance(values, list)
        return str(values[0])
