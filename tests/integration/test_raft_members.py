"""Members of the schedulers' own consensus are lost, wiped, and replaced, while every second fires.

The commands are those of docs/operations.md.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.harness.ports import free_port
from tests.harness.processes import wait_for
from tests.harness.scheduler_server import CliError, SchedulerServer, stub_adapter
from tests.integration.test_raft_election import NAMES, SCHEDULES, Cluster


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    """A cluster that fires; its logs are shown when the test fails."""
    with ExitStack() as stack:
        made = Cluster(tmp_path, stack)
        made.create_staggered()
        wait_for("its fires", lambda: made.leader().fires("s0"))
        yield made
        for node in made.nodes.values():
            print(f"--- {node.name} ---\n{node.log()[-4000:]}")


def voters(node: SchedulerServer) -> set[str]:
    """Those that vote, as the node knows them."""
    members = node.cli("cluster", "members")["members"]
    return {member["node"] for member in members if member.get("voter")}


def lose_disk(node: SchedulerServer) -> None:
    """The process dies, and its data folder with it."""
    node.kill()
    shutil.rmtree(node.folder / "data")


def degraded_by(node: SchedulerServer) -> str:
    """What `cluster health` complains of; empty: nothing."""
    with suppress(CliError):
        node.cli("cluster", "health")
        return ""
    with pytest.raises(CliError) as bad:
        node.cli("cluster", "health")
    return str(bad.value.code)


def fires_go_on(cluster: Cluster) -> bool:
    """Two more seconds have fired since this was first asked."""
    now = cluster.postgres.sql("SELECT now()").strip()
    enough = f"SELECT max(dispatched_at) > '{now}'::timestamptz + interval '2 s' FROM fires"
    return bool(wait_for("more fires", lambda: cluster.postgres.sql(enough).strip() == "t"))


def member_changes(node: SchedulerServer) -> list[dict[str, Any]]:
    """The audit entries about members, oldest first."""
    entries = node.cli("audit", "list", "--limit", "10000")
    return [entry for entry in entries if entry["action"].startswith("member.")]


def test_a_lost_disk_is_removed_and_added_again_and_another_kill_is_survived(
    cluster: Cluster,
) -> None:
    leader = cluster.leader()
    lost, _ = cluster.others(leader.name)
    address = cluster.peers[lost.name]
    lose_disk(lost)

    # Under its old identity it does not even start, and says what is to be done.
    lost.launch()
    wait_for("it to refuse", lambda: lost.exit_code is not None)
    assert lost.exit_code == 6
    assert f"z4j-scheduler cluster remove {lost.name}" in lost.log()
    assert f"z4j-scheduler cluster add {lost.name} {address}" in lost.log()

    leader.cli("cluster", "remove", lost.name)
    assert voters(leader) == set(NAMES) - {lost.name}
    leader.cli("cluster", "add", lost.name, address)
    with pytest.raises(CliError, match="does not answer") as early:
        leader.cli("cluster", "promote", lost.name)
    assert early.value.code == 6
    lost.start()
    wait_for("its vote", lambda: leader.cli("cluster", "promote", lost.name))
    assert voters(leader) == set(NAMES)
    cluster.await_adapter()
    wait_for("a healthy cluster", lambda: leader.cli("cluster", "health")["state"].endswith("OK"))

    leader.kill()  # The vote of the one that came back decides.
    following = cluster.leader(besides=leader.name)
    assert fires_go_on(cluster)
    assert cluster.assert_complete() > SCHEDULES * 2

    changes = member_changes(following)
    assert [entry["action"] for entry in changes] == [
        "member.remove", "member.add", "member.promote",
    ]  # fmt: skip
    assert {entry["resource"] for entry in changes} == {f"cluster/members/{lost.name}"}
    assert all(entry["actor"] and entry["source"] for entry in changes)
    removed, added, promoted = changes
    assert json.loads(removed["beforeJson"])["votes"] is True
    assert "afterJson" not in removed
    assert json.loads(added["afterJson"]) == {
        "node": lost.name, "number": int(lost.name[1:]), "address": address, "votes": False,
    }  # fmt: skip
    assert json.loads(promoted["afterJson"])["votes"] is True
    assert following.cli("audit", "verify")["valid"] is True


def test_the_leaders_machine_is_lost_and_a_fourth_replaces_it(
    cluster: Cluster, tmp_path: Path
) -> None:
    lost = cluster.leader()
    lose_disk(lost)
    leader = cluster.leader(besides=lost.name)
    del cluster.nodes[lost.name], cluster.peers[lost.name]

    address = cluster.peers["n4"] = f"127.0.0.1:{free_port()}"
    leader.cli("cluster", "remove", lost.name)
    leader.cli("cluster", "add", "n4", address)
    fourth = cluster.node("n4", "--consensus-join")
    fourth.start()
    wait_for("its vote", lambda: leader.cli("cluster", "promote", "n4"))
    with stub_adapter(tmp_path / "another", *cluster.nodes.values()):
        cluster.await_adapter()
        # The others were never told of it, and know it by name.
        assert leader.cli("cluster", "transfer", "n4")["leader"] == "n4"
        wait_for("it to tick", lambda: fourth.cli("status").get("isLeader"))
        leader.kill()
        assert fires_go_on(cluster)
        cluster.assert_complete()
        # It starts again from its folder; what it was told at first is passed over.
        leader.start()
        fourth.kill()
        cluster.leader(besides="n4")
        assert fires_go_on(cluster)
        cluster.assert_complete()


def test_what_would_stop_the_cluster_is_refused(cluster: Cluster) -> None:
    leader = cluster.leader()
    dead, alive = cluster.others(leader.name)

    def refused(node: SchedulerServer, code: int, words: str, *args: str) -> None:
        with pytest.raises(CliError, match=words) as error:
            node.cli("cluster", *args)
        assert error.value.code == code, error.value

    refused(alive, 6, f"ask {leader.name}", "remove", dead.name)
    refused(leader, 6, "cluster transfer", "remove", leader.name)
    refused(leader, 3, "n9 is no member; there are n1, n2, n3", "remove", "n9")
    refused(leader, 2, "does not end in a node's number", "remove", "nobody")
    refused(leader, 5, "is a member already", "add", alive.name, "127.0.0.1:1")
    refused(leader, 2, "is no address", "add", "n4", "127.0.0.1")
    dead.kill()

    def silent() -> bool:
        members = leader.cli("cluster", "members")["members"]
        return any(m["node"] == dead.name and m.get("reachable") is False for m in members)

    wait_for("the dead one to be missed", silent)
    refused(leader, 6, f"{dead.name} does not answer", "remove", alive.name)
    assert voters(leader) == set(NAMES)
    assert member_changes(leader) == []


def test_a_wiped_node_that_could_not_ask_has_no_vote_and_is_named(cluster: Cluster) -> None:
    nodes = list(cluster.nodes.values())
    wiped = nodes[2]
    for node in nodes:
        node.stop()
    shutil.rmtree(wiped.folder / "data")
    wiped.launch()  # Nobody is there to say that it was known.
    wait_for("it to run", lambda: "ready" in wiped.log().rsplit("stopped", 1)[-1])
    for node in nodes[:2]:
        node.launch()
    for node in nodes[:2]:
        node.await_ready()
    leader = cluster.leader()
    assert leader is not wiped

    def named() -> bool:
        members = leader.cli("cluster", "members")["members"]
        return any(member.get("folderLost") for member in members)

    wait_for("the leader to notice", named)
    assert degraded_by(leader) == "1"
    leader.cli("cluster", "remove", wiped.name)
    leader.cli("cluster", "add", wiped.name, cluster.peers[wiped.name])
    wait_for("its vote", lambda: leader.cli("cluster", "promote", wiped.name))
    wait_for("a healthy cluster", lambda: degraded_by(leader) == "")


def test_without_a_consensus_of_its_own_it_says_so(tmp_path: Path) -> None:
    with SchedulerServer(tmp_path) as alone:
        for args in (("members",), ("remove", "n2"), ("add", "n2", "127.0.0.1:1")):
            with pytest.raises(CliError, match="form no consensus") as refused:
                alone.cli("cluster", *args)
            assert refused.value.code == 6
