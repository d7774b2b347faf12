"""Three schedulers on one PostgreSQL, with whatever elects the one that ticks, and two adapters."""

from __future__ import annotations

import contextlib
import os
import random
import re
import signal
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from tests.chaos.checker import Schedule, Violation, check
from tests.chaos.evidence import (
    AFTER,
    BETWEEN,
    WITNESS,
    read_fires,
    read_runs,
    read_writes,
    table,
)
from tests.chaos.network import Network
from tests.harness.ports import free_port
from tests.harness.postgres_server import PostgresServer
from tests.harness.processes import ROOT, Program, build_dir, wait_for
from tests.harness.scheduler_server import SchedulerServer

NODES = ("n1", "n2", "n3")
CONSENSUS = ("c1", "c2", "c3")
PERIOD_US = 1_000_000
CONSENSUS_BINARY = build_dir() / "services" / "consensus" / "z4j-consensus"
# How long a cluster may take to be whole again after everything is repaired, on a busy machine.
RECOVERY_S = 60.0


@dataclass(frozen=True)
class Verdict:
    """What became of all due times between two instants."""

    fires: int
    handovers: int
    """More than `fires`: some were handed over again, by the same id."""
    pause_ms: float
    """The longest time in which nothing was decided."""
    tokens: int
    """How many terms wrote something."""
    violations: list[Violation]

    def __str__(self) -> str:
        text = (
            f"{self.fires} fires, {self.handovers - self.fires} handed over again, "
            f"{self.tokens} terms, longest pause {self.pause_ms:.0f} ms, "
            f"{len(self.violations)} violations"
        )
        shown = [f"\n  {found.kind}: {found.text}" for found in self.violations[:20]]
        return text + "".join(shown)


def now_us() -> int:
    """The wall clock, as the database on this machine reads it."""
    return time.time_ns() // 1000


class ConsensusServer(Program):
    """`z4j-consensus serve`."""

    def __init__(self, folder: Path, name: str, network: Network, members: str) -> None:
        self.http = f"{network.host(name)}:{free_port()}"
        command = [
            str(CONSENSUS_BINARY),
            "serve",
            "--node-id",
            name[1:],
            "--initial-cluster",
            members,
        ]
        command += ["--listen", network.listen_address(name), "--data-dir", str(folder / "data")]
        command += ["--http-listen", self.http, *network.args]
        super().__init__(name, network.command(name, command), folder)

    def get(self, path: str) -> str:
        """One HTTP GET."""
        with urllib.request.urlopen(f"http://{self.http}{path}", timeout=5) as page:
            return str(page.read().decode())

    def ready(self) -> bool:
        """/readyz answers."""
        return bool(self.get("/readyz") or True)


class Cluster:
    """Starts in its constructor; `stack` stops it.

    Args:
        election: "postgres", "raft" (a consensus node in each scheduler) or "remote" (three
            consensus nodes of their own).
        consensus_folders: Where a node's consensus log is to be instead of in its own folder.
    """

    def __init__(
        self,
        folder: Path,
        election: str,
        network: Network,
        stack: ExitStack,
        consensus_folders: Mapping[str, Path] | None = None,
    ) -> None:
        self.election = election
        self.network = network
        self.folder = folder
        stack.callback(network.close)
        self.postgres = stack.enter_context(PostgresServer(folder))
        self._keys = folder / "audit.keys"
        self._keys.write_text("k1:" + "ab" * 32 + "\n")
        self._keys.chmod(0o600)
        self.consensus: dict[str, ConsensusServer] = {}
        if election == "remote":
            members = ",".join(f"{name[1:]}={network.peer_address(name)}" for name in CONSENSUS)
            self.consensus = {
                name: ConsensusServer(folder / name, name, network, members) for name in CONSENSUS
            }
        folders = consensus_folders or {}
        self.nodes = {name: self._scheduler(name, folders.get(name)) for name in NODES}
        self._record = folder / "runs.sqlite"
        self.adapters = {name: self._adapter(name) for name in ("a1", "a2")}
        self._anchors_us: dict[str, int] = {}
        network.know(self._processes)
        self._start(stack)

    # --- What can be done to it ---------------------------------------------------------------

    def servers(self) -> dict[str, Program]:
        """All that can be killed and cut off, by name."""
        return {**self.nodes, **self.consensus}

    def voters(self) -> list[str]:
        """Whose majority elects, by name; with "postgres", nobody's: the nodes."""
        return [*self.consensus] or [*self.nodes]

    def leader(self, besides: str = "", timeout_s: float = RECOVERY_S) -> str:
        """Waits for a node that ticks, and names it."""
        return self._one_that_leads(self.nodes, "z4j_scheduler_leader", besides, timeout_s)

    def voters_leader(self, besides: str = "", timeout_s: float = RECOVERY_S) -> str:
        """The leader among `voters`."""
        if not self.consensus:
            return self.leader(besides, timeout_s)
        return self._one_that_leads(self.consensus, "z4j_consensus_leader", besides, timeout_s)

    def repair(self) -> None:
        """Heals the network, thaws and starts everything, and waits until every schedule fires."""
        self.network.heal()
        for name, program in self.servers().items():
            program.signal(signal.SIGCONT)
            code = program.exit_code
            if code is not None:
                asked_for = code in (0, -signal.SIGKILL)
                assert asked_for, f"{name} ended by itself with {code}: {program.log()[-3000:]}"
                program.launch()
        for program in self.servers().values():
            program.await_ready(RECOVERY_S)
        self.leader()
        owing = f"WHERE NOT ({AFTER % now_us()})"
        wait_for(
            "fires after the repair",
            lambda: int(self.postgres.sql(f"SELECT count(*) FROM cursors {owing}")) == 0,
            RECOVERY_S,
        )

    def create_schedules(self, count: int) -> None:
        """Each fires once a second; they are spread evenly over it."""
        self._anchors_us = {f"s{i}": PERIOD_US * i // count for i in range(count)}

        def create(name: str) -> None:
            self.nodes["n1"].cli(
                "schedule", "create", name, "-e", "stub", "-t", "t", "--interval", "1s",
                "--anchor", f"2026-01-01T00:00:00.{self._anchors_us[name]:06}Z",
                "--catch-up", "fire-all",
            )  # fmt: skip

        with ThreadPoolExecutor(2) as pool:
            list(pool.map(create, self._anchors_us))

    # --- What is asked of it ------------------------------------------------------------------

    def verify(self, begin_us: int) -> Verdict:
        """Waits until all that came due since then, and before now, is settled, and judges it."""
        end_us = now_us()
        owed = f"""
            SELECT (SELECT count(*) FROM cursors WHERE NOT ({AFTER % (end_us - PERIOD_US)}))
                 + (SELECT count(*) FROM fires WHERE state = 1 AND {BETWEEN % (begin_us, end_us)})
        """
        # What is still owed after that, the checker names.
        with contextlib.suppress(TimeoutError):
            wait_for("all to be settled", lambda: int(self.postgres.sql(owed)) == 0, RECOVERY_S)
        fires = read_fires(self.postgres, begin_us, end_us)
        runs, handovers = read_runs(self._record, begin_us, end_us)
        writes = read_writes(self.postgres)
        violations = check(self._schedules(), fires, runs, writes, begin_us, end_us)
        return Verdict(
            fires=len(fires),
            handovers=handovers,
            pause_ms=self.longest_pause_ms(begin_us, end_us),
            tokens=len({write.token for write in writes}),
            violations=violations,
        )

    def longest_pause_ms(self, begin_us: int, end_us: int) -> float:
        """In which nothing was decided."""
        text = self.postgres.sql(f"""
            SELECT coalesce(1000 * extract(epoch FROM max(at - before)), 0) FROM (
              SELECT decided_at AS at, lag(decided_at) OVER (ORDER BY decided_at) AS before
              FROM fires WHERE {BETWEEN % (begin_us - 2 * PERIOD_US, end_us)}) AS f
        """)
        return float(text)

    def logs(self) -> Iterator[tuple[str, str]]:
        """By name, the newest part of each."""
        for name, program in {**self.servers(), **self.adapters}.items():
            yield name, program.log()[-3000:]

    # --- Parts --------------------------------------------------------------------------------

    def _scheduler(self, name: str, consensus_folder: Path | None) -> SchedulerServer:
        args: tuple[str, ...] = ("--audit-key-file", str(self._keys), *self.network.args)
        if self.election == "raft":
            peers = ",".join(f"{peer}={self.network.peer_address(peer)}" for peer in NODES)
            args += ("--election", "raft", "--consensus-peers", peers)
            args += ("--consensus-listen", self.network.listen_address(name))
            if consensus_folder is not None:
                args += ("--consensus-data-dir", str(consensus_folder))
        elif self.election == "remote":
            endpoints = ",".join(self.network.peer_address(peer) for peer in CONSENSUS)
            args += ("--election", "raft", "--consensus-endpoints", endpoints)
        else:
            args += ("--election", self.election)
        database = (
            f"{self.network.database(name, self.postgres.port)} user=postgres dbname=postgres"
        )
        node = SchedulerServer(
            self.folder / name,
            name=name,
            database=database,
            args=args,
            host=self.network.host(name),
        )
        node.command = self.network.command(name, node.command)
        return node

    def _adapter(self, name: str) -> Program:
        command = [sys.executable, "-m", "tests.chaos.recording_stub", str(self._record), name]
        command += [node.address for node in self.nodes.values()]
        path = os.pathsep.join([str(ROOT), str(ROOT / "adapters" / "src")])
        return Program(name, command, self.folder, PYTHONPATH=path)

    def _start(self, stack: ExitStack) -> None:
        for servers in (self.consensus, self.nodes):
            for program in servers.values():
                stack.callback(program.stop)
                program.launch()
            for program in servers.values():
                program.await_ready()
        for adapter in self.adapters.values():
            stack.enter_context(adapter)
        for node in self.nodes.values():
            wait_for(
                f"both adapters on {node.name}",
                lambda node=node: len(node.cli("adapter", "list")) == 2,
            )
        self.postgres.sql(WITNESS)

    def _processes(self) -> dict[int, str]:
        running = ((name, program) for name, program in self.servers().items())
        return {program.pid: name for name, program in running if program.running()}

    def _one_that_leads(
        self,
        servers: Mapping[str, SchedulerServer | ConsensusServer],
        metric: str,
        besides: str,
        timeout_s: float,
    ) -> str:
        def find() -> str:
            for name, server in servers.items():
                with contextlib.suppress(OSError):
                    asked = name != besides and server.running() and not is_frozen(server)
                    if asked and re.search(f"^{metric} 1$", server.get("/metrics"), re.M):
                        return name
            return ""

        return str(wait_for("a leader", find, timeout_s))

    def _schedules(self) -> list[Schedule]:
        return [
            Schedule(key, f"projects/{project}/schedules/{name}", self._anchors_us[name], PERIOD_US)
            for key, project, name in table(
                self.postgres, "SELECT id, project, name FROM schedules"
            )
        ]


def is_frozen(program: Program) -> bool:
    """Whether it stands still (SIGSTOP)."""
    with contextlib.suppress(FileNotFoundError):
        return Path(f"/proc/{program.pid}/stat").read_text().rsplit(") ", 1)[1][0] == "T"
    return False


def draw_seed() -> int:
    """Z4J_SEED, or a new one; printed, so that a failing run can be repeated."""
    seed = int(os.environ.get("Z4J_SEED", random.randrange(1 << 30)))
    print(f"Z4J_SEED={seed}")
    return seed
