"""Real consensus nodes over loopback: killed, grown, shrunk, backed up, restarted one by one."""

from __future__ import annotations

import json
import signal
import subprocess
import urllib.request
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.harness.consensus_server import ConsensusCluster, ConsensusServer
from tests.harness.ports import free_port
from tests.harness.processes import wait_for
from tests.harness.scheduler_server import CliError


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[ConsensusCluster]:
    with ConsensusCluster(tmp_path) as three:
        yield three


def roles(node: ConsensusServer) -> dict[int, str]:
    """Members by number, as `node` knows them."""
    listed = node.cli("members")["members"]
    return {int(member["nodeId"]): member["role"].removeprefix("MEMBER_ROLE_") for member in listed}


def one_leads(statuses: list[dict[str, Any]]) -> bool:
    return [status["role"] for status in statuses].count("NODE_ROLE_LEADER") == 1


def test_three_commands_make_one_cluster_and_any_node_tells_of_all(
    cluster: ConsensusCluster,
) -> None:
    for node in cluster.nodes.values():
        statuses = node.cli("status")
        assert len(statuses) == 3
        assert one_leads(statuses)
        assert len({status["header"]["clusterId"] for status in statuses}) == 1
        assert roles(node) == {1: "VOTER", 2: "VOTER", 3: "VOTER"}
        wait_for("it to be ready", partial(ready, node))


def test_the_leader_is_killed_another_leads_and_all_data_is_kept(
    cluster: ConsensusCluster,
) -> None:
    for round_number in range(1, 4):
        cluster.put(f"before/{round_number}", "kept")
        killed = cluster.leader()
        killed.kill()
        leader = cluster.leader(besides=killed.number)
        cluster.put(f"after/{round_number}", "kept")
        with pytest.raises(CliError) as error:
            leader.cli("status")
        assert error.value.code == 7
        assert f"no answer from node {killed.number}" in error.value.stderr
        killed.start()
        assert cluster.get(killed.number, f"before/{round_number}") == "kept"
        assert cluster.get(killed.number, f"after/{round_number}") == "kept"


def test_all_are_killed_at_once_and_come_back(cluster: ConsensusCluster) -> None:
    cluster.put("key", "kept")
    for node in cluster.nodes.values():
        node.kill()
    for node in cluster.nodes.values():
        node.start()
    assert cluster.get(2, "key") == "kept"


def status_of(node: ConsensusServer) -> dict[str, Any]:
    """What one node says of itself, although others may be gone."""
    command = [str(node.binary), "status", "--server", node.address, "-o", "json"]
    listed = json.loads(subprocess.run(command, capture_output=True, timeout=60).stdout)
    return next(dict(one) for one in listed if int(one["header"]["nodeId"]) == node.number)


def ready(node: ConsensusServer) -> bool:
    """Whether it can serve; as an error, why not."""
    return bool(node.cli("health")["ready"])


def test_sigterm_hands_over_and_ends_well(cluster: ConsensusCluster) -> None:
    leader = cluster.leader()
    term = int(status_of(leader)["header"]["term"])
    assert leader.stop() == 0
    assert "nobody took over" not in leader.log()
    # Nobody had to miss it first: one term further, by the hand-over alone.
    other = cluster.leader(besides=leader.number)
    assert int(status_of(other)["header"]["term"]) == term + 1


def test_a_fourth_node_is_added_promoted_and_removed(
    cluster: ConsensusCluster, tmp_path: Path
) -> None:
    cluster.put("key", "kept")
    first = cluster.nodes[1]
    address = f"127.0.0.1:{free_port()}"
    fourth = ConsensusServer(tmp_path, 4, address, args=("--join", first.address))
    cluster.nodes[4] = fourth
    fourth.start()
    first.cli("add", "4", address)
    wait_for("the learner to be met", lambda: roles(fourth).get(4) == "LEARNER")
    with pytest.raises(CliError) as error:
        first.cli("add", "4", address)
    assert error.value.code == 5
    wait_for("the promotion", lambda: first.cli("promote", "4") is not None)
    assert roles(first)[4] == "VOTER"
    assert cluster.get(4, "key") == "kept"
    first.cli("transfer", "4")
    assert cluster.leader().number == 4
    # Who leads can be removed too; somebody else leads then.
    first.cli("remove", "4")
    assert cluster.leader(besides=4).number != 4
    wait_for("the removal", lambda: 4 not in roles(first))
    fourth.kill()
    del cluster.nodes[4]
    cluster.put("later", "kept")


def test_a_snapshot_becomes_a_new_cluster_in_a_new_epoch(
    cluster: ConsensusCluster, tmp_path: Path
) -> None:
    cluster.put("key", "kept")
    backup = tmp_path / "backup.z4j"
    leader = cluster.leader()
    leader.run("snapshot", "save", str(backup), "--server", leader.address)
    old = leader.cli("status")[0]
    for node in cluster.nodes.values():
        node.kill()
    restored = ConsensusCluster(tmp_path / "restored")
    for node in restored.nodes.values():
        arguments = ("--node-id", str(node.number), "--initial-cluster", restored.members)
        node.run("snapshot", "restore", str(backup), "--data-dir", str(node.data_dir), *arguments)
        with pytest.raises(CliError) as error:
            node.run(
                "snapshot", "restore", str(backup), "--data-dir", str(node.data_dir), *arguments
            )
        assert error.value.code == 5
    with restored:
        assert restored.get(3, "key") == "kept"
        new = restored.nodes[1].cli("status")[0]
        assert new["header"]["clusterId"] != old["header"]["clusterId"]
        assert (int(old["epoch"]), int(new["epoch"])) == (1, 2)
        restored.put("new", "kept")


def test_the_log_of_a_stopped_node_can_be_read_and_judged(cluster: ConsensusCluster) -> None:
    cluster.put("key", "kept")
    node = cluster.nodes[3]
    with pytest.raises(CliError) as error:
        node.run("log", "verify", str(node.data_dir))
    assert error.value.code == 6  # It runs.
    node.kill()
    verdict = json.loads(node.run("log", "verify", str(node.data_dir), "-o", "json"))
    assert verdict["nodeId"] == 3
    assert verdict["damage"] == ""
    records = [
        json.loads(line)
        for line in node.run("log", "dump", str(node.data_dir), "-o", "json").splitlines()
    ]
    assert any("command" in record["text"] for record in records)

    # A byte in the midst of what was confirmed is not taken for a torn end.
    segment = min(node.data_dir.glob("log-*"))
    at = next(record["offset"] for record in records if "entry" in record["text"])
    with segment.open("r+b") as file:
        file.seek(at + 20)
        byte = file.read(1)
        file.seek(at + 20)
        file.write(bytes([byte[0] ^ 1]))
    before = segment.read_bytes()
    with pytest.raises(CliError) as error:
        node.run("log", "verify", str(node.data_dir))
    assert error.value.code == 1
    assert segment.read_bytes() == before
    node.start()
    wait_for("it to say so", lambda: "neither votes nor campaigns" in node.log())
    cluster.put("later", "the others go on")


def test_a_rolling_restart_is_not_noticed(cluster: ConsensusCluster) -> None:
    for node in cluster.nodes.values():
        cluster.put(f"before/{node.number}", "kept")
        assert node.stop() == 0
        cluster.put(f"without/{node.number}", "kept")
        node.start()
        wait_for("it to be ready", partial(ready, node))
    for node in cluster.nodes.values():
        assert cluster.get(node.number, "before/3") == "kept"


def test_a_frozen_leader_is_replaced_and_follows_when_it_wakes(cluster: ConsensusCluster) -> None:
    frozen = cluster.leader()
    frozen.signal(signal.SIGSTOP)
    others = [node for node in cluster.nodes.values() if node is not frozen]

    def replaced() -> bool:
        return any(node.cli("health")["role"] == "NODE_ROLE_LEADER" for node in others)

    wait_for("another leader", replaced)
    frozen.signal(signal.SIGCONT)
    wait_for("it to follow", lambda: frozen.cli("health")["role"] == "NODE_ROLE_FOLLOWER")


def test_metrics_and_probes_are_served(cluster: ConsensusCluster) -> None:
    leader = cluster.leader()

    def page(path: str) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{leader.http_port}{path}", timeout=5) as it:
            return str(it.read().decode())

    assert page("/livez") == "ok\n"
    wait_for("it to be ready", lambda: page("/readyz") == "ok\n")
    metrics = page("/metrics")
    for line in ("z4j_consensus_leader 1", "z4j_consensus_voters 3", "peer_lag_entries{peer="):
        assert line in metrics
    assert "z4j_consensus_append_sync_seconds_bucket" in metrics


def test_one_node_needs_no_words(tmp_path: Path) -> None:
    node = ConsensusServer(tmp_path, 1, f"127.0.0.1:{free_port()}")
    node.command = [str(node.binary), "serve", "--listen", node.address]
    with node:
        wait_for("it to lead", partial(ready, node))
        assert (tmp_path / "z4j-consensus-data" / "1" / "identity").exists()
        assert node.stop() == 0


def test_what_is_wrong_is_named_by_its_flag(tmp_path: Path) -> None:
    node = ConsensusServer(tmp_path, 1, "127.0.0.1:1")
    for args, words in (
        (("--initial-cluster", "1=a:1"), "--node-id: required"),
        (("--listen", "0.0.0.0:7811"), "0.0.0.0:7811"),
        (("--election-timeout", "1ms"), "--election-timeout"),
    ):
        with pytest.raises(CliError) as error:
            node.run("serve", "--data-dir", str(node.data_dir), *args)
        assert error.value.code == 2
        assert words in error.value.stderr
    with pytest.raises(CliError) as error:
        node.cli("health", "--timeout", "1")
    assert error.value.code == 7
    assert "no consensus node answers" in error.value.stderr
