"""Three schedulers that elect the one which ticks by the consensus nodes embedded in them.

`Z4J_KILLS` says how often a leader is killed, and how often it is stopped (3 in the ordinary run).
"""

from __future__ import annotations

import os
import signal
import statistics
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.harness.ports import free_port
from tests.harness.postgres_server import PostgresServer
from tests.harness.processes import wait_for
from tests.harness.scheduler_server import CliError, SchedulerServer, stub_adapter
from tests.integration.conftest import assert_every_second_has_its_row

KILLS = int(os.environ.get("Z4J_KILLS", "3"))
NAMES = ("n1", "n2", "n3")
SCHEDULES = 25  # Each fires once a second, one every 40 ms.
# In ms, the longest time in which no fire came to the adapter.
PAUSE = """
SELECT 1000 * extract(epoch FROM max(at - before)) FROM (
  SELECT dispatched_at AS at, lag(dispatched_at) OVER (ORDER BY dispatched_at) AS before
  FROM fires WHERE dispatched_at > '{since}') AS f
"""


class Cluster:
    """Three schedulers on one database, and an adapter that runs nothing."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.postgres = stack.enter_context(PostgresServer(folder))
        keys = folder / "audit.keys"
        keys.write_text("k1:" + "ab" * 32 + "\n")
        keys.chmod(0o600)
        self._folder, self._stack = folder, stack
        self._args = ("--audit-key-file", str(keys), "--election", "raft")
        self.peers = {name: f"127.0.0.1:{free_port()}" for name in NAMES}
        self.nodes: dict[str, SchedulerServer] = {}
        for name in NAMES:
            self.node(name).launch()
        for node in self.nodes.values():
            node.await_ready()
        self.adapter = stack.enter_context(stub_adapter(folder, *self.nodes.values()))
        self.await_adapter()

    def node(self, name: str, *args: str) -> SchedulerServer:
        """Another node of `nodes`, told of all `peers`; not started."""
        peers = ",".join(f"{peer}={address}" for peer, address in self.peers.items())
        args = (*self._args, "--consensus-peers", peers, *args)
        dsn = self.postgres.dsn
        node = SchedulerServer(self._folder / name, name=name, database=dsn, args=args)
        self._stack.callback(node.stop)
        self.nodes[name] = node
        return node

    def await_adapter(self) -> None:
        """Waits until every node has the adapter's stream."""
        for node in filter(SchedulerServer.running, self.nodes.values()):
            wait_for(f"the adapter on {node.name}", lambda node=node: node.cli("adapter", "list"))

    def leader(self, besides: str = "") -> SchedulerServer:
        """Waits for the node that ticks."""

        def ticking() -> SchedulerServer | None:
            for node in self.nodes.values():
                if node.name == besides or not node.running():
                    continue
                if node.cli("status").get("isLeader"):
                    return node
            return None

        found = wait_for("a node that ticks", ticking)
        assert isinstance(found, SchedulerServer)
        return found

    def others(self, name: str) -> list[SchedulerServer]:
        """The nodes but this one."""
        return [node for node in self.nodes.values() if node.name != name]

    def create_staggered(self) -> None:
        """Schedules that fire once a second, evenly spread over it."""
        node = self.nodes["n1"]
        for i in range(SCHEDULES):
            anchor = f"2026-01-01T00:00:00.{1000 * i // SCHEDULES:03}Z"
            node.cli(
                "schedule", "create", f"s{i}", "-e", "stub", "-t", "t", "--interval", "1s",
                "--anchor", anchor, "--catch-up", "fire-all",
            )  # fmt: skip

    def pause_after(self, what: Any) -> float:
        """Does `what` and returns, in ms, for how long nothing fired then."""
        since = self.postgres.sql("SELECT now() - interval '150 ms'").strip()
        what()
        enough = f"SELECT max(dispatched_at) > '{since}'::timestamptz + interval '2 s' FROM fires"
        wait_for("fires of the next leader", lambda: self.postgres.sql(enough).strip() == "t")
        return float(self.postgres.sql(PAUSE.format(since=since)))

    def assert_complete(self) -> int:
        """Each due time of each schedule has exactly one row; returns how many rows there are."""
        (node, *_) = (node for node in self.nodes.values() if node.running())
        fires: dict[str, list[dict[str, Any]]] = {}
        for fire in node.cli("fire", "list", "--limit", "1000000", "--ascending"):
            fires.setdefault(fire["name"].split("/")[3], []).append(fire)
        for schedule, rows in fires.items():
            assert_every_second_has_its_row(schedule, rows)
            assert all(row["state"] != "STATE_SKIPPED" for row in rows), schedule
        return sum(len(rows) for rows in fires.values())

    def token(self) -> int:
        """That the store demands of whoever writes."""
        return int(self.postgres.sql("SELECT token FROM fence"))


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    """A cluster with a leader; its logs are shown when the test fails."""
    with ExitStack() as stack:
        made = Cluster(tmp_path, stack)
        yield made
        for node in made.nodes.values():
            print(f"--- {node.name} ---\n{node.log()[-4000:]}")


def show(what: str, pauses: list[float]) -> None:
    """Prints what was measured."""
    ms = ", ".join(f"{pause:.0f}" for pause in pauses)
    print(f"{what}: median {statistics.median(pauses):.0f} ms of {ms}")


def test_a_killed_leader_is_replaced_and_no_due_time_is_missed_or_doubled(
    cluster: Cluster,
) -> None:
    cluster.create_staggered()
    pauses = []
    for _ in range(KILLS):
        leader = cluster.leader()
        wait_for("its fires", lambda leader=leader: leader.fires("s0"))
        token = cluster.token()
        pauses.append(cluster.pause_after(leader.kill))
        assert cluster.leader(besides=leader.name).name != leader.name
        assert cluster.token() > token
        leader.start()
        cluster.await_adapter()
    show("kill -9 of the leader", pauses)
    assert cluster.assert_complete() > SCHEDULES * 2 * KILLS
    # A loaded machine may take longer, but no timeout in seconds may have been waited for.
    assert statistics.median(pauses) < 1500


def test_a_stopped_leader_hands_over_before_it_goes(cluster: Cluster) -> None:
    cluster.create_staggered()
    pauses = []
    for _ in range(KILLS):
        leader = cluster.leader()
        wait_for("its fires", lambda leader=leader: leader.fires("s0"))
        pauses.append(cluster.pause_after(leader.stop))
        assert "nobody took" not in leader.log()
        leader.start()
        cluster.await_adapter()
    show("SIGTERM of the leader", pauses)
    cluster.assert_complete()
    assert statistics.median(pauses) < 500


def test_a_frozen_leader_is_replaced_and_its_late_write_is_refused(cluster: Cluster) -> None:
    cluster.create_staggered()
    leader = cluster.leader()
    wait_for("its fires", lambda: leader.fires("s0"))
    token = cluster.token()
    leader.signal(signal.SIGSTOP)
    frozen = time.monotonic()
    try:
        following = cluster.leader(besides=leader.name)
        wait_for("a greater token", lambda: cluster.token() > token)
        wait_for("five seconds of it", lambda: time.monotonic() - frozen > 5)
    finally:
        leader.signal(signal.SIGCONT)
    newer = cluster.token()
    wait_for("the first to follow", lambda: not leader.cli("status").get("isLeader"))
    assert leader.cli("status")["leader"] == following.name
    assert cluster.token() == newer, "the frozen one has not come back"
    cluster.assert_complete()


def test_the_command_line_shows_the_cluster_and_hands_it_over(cluster: Cluster) -> None:
    leader = cluster.leader()
    follower, target = cluster.others(leader.name)
    wait_for("a healthy cluster", lambda: leader.cli("cluster", "health")["state"].endswith("OK"))

    metrics = leader.get("/metrics")
    for line in ("z4j_scheduler_leader 1", "z4j_consensus_leader 1", "z4j_consensus_voters 3"):
        assert f"\n{line}\n" in metrics

    status = leader.cli("cluster", "status")
    peers = {peer["node"]: peer for peer in status["consensus"]["peers"]}
    assert set(peers) == set(NAMES)
    assert all(peers[node.name]["reachable"] for node in (follower, target))
    assert peers[leader.name]["leader"] is True
    assert status["election"] == "raft"
    table = subprocess.run(
        [str(leader.binary), "cluster", "status", "--server", leader.address],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert f"{leader.name} (ticks)" in table
    assert f"peer {target.name}" in table

    with pytest.raises(CliError, match=f"ask {leader.name}") as refused:
        follower.cli("cluster", "transfer")
    assert refused.value.code == 6
    with pytest.raises(CliError, match="'n9' is none of") as unknown:
        leader.cli("cluster", "transfer", "n9")
    assert unknown.value.code == 2
    assert leader.cli("cluster", "transfer", target.name)["leader"] == target.name
    wait_for("the target to tick", lambda: target.cli("status").get("isLeader"))

    follower.kill()

    def degraded() -> bool:
        try:
            target.cli("cluster", "health")
        except CliError as bad:
            return bad.code == 1
        return False

    wait_for("the dead node to be told of", degraded)
    shown = subprocess.run(
        [str(target.binary), "cluster", "health", "--server", target.address],
        capture_output=True, text=True, check=False,
    ).stdout  # fmt: skip
    assert f"{follower.name} (" in shown
    assert "does not answer" in shown


def test_a_cluster_made_anew_beside_an_old_database_exceeds_its_tokens(cluster: Cluster) -> None:
    cluster.create_staggered()
    for node in cluster.nodes.values():
        node.stop()
    cluster.postgres.sql("UPDATE fence SET token = 7 * (1::bigint << 48) + 12345")
    seen = cluster.token()
    for node in cluster.nodes.values():
        node.launch()
    for node in cluster.nodes.values():
        node.await_ready()
    wait_for("a greater token", lambda: cluster.token() > seen)
    leader = cluster.leader()
    assert int(leader.cli("cluster", "status")["consensus"]["epoch"]) == 8
