"""Schedulers that elect the one which ticks by a consensus cluster elsewhere."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.harness.consensus_server import ConsensusCluster
from tests.harness.postgres_server import PostgresServer
from tests.harness.processes import wait_for
from tests.harness.scheduler_server import CliError, SchedulerServer, stub_adapter


class Remote:
    """Three consensus nodes, two schedulers on one database, an adapter that runs nothing."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.postgres = stack.enter_context(PostgresServer(folder))
        self.consensus = ConsensusCluster(folder / "consensus")
        stack.enter_context(self.consensus)
        # So that a cluster made anew begins with lower tokens.
        for number in range(30):
            self.consensus.put(f"key/{number}", "before")
        keys = folder / "audit.keys"
        keys.write_text("k1:" + "ab" * 32 + "\n")
        keys.chmod(0o600)
        endpoints = ",".join(node.address for node in self.consensus.nodes.values())
        args = ("--audit-key-file", str(keys), "--election", "raft")
        args += ("--consensus-endpoints", endpoints)
        self.schedulers = [
            stack.enter_context(
                SchedulerServer(folder / name, name=name, database=self.postgres.dsn, args=args)
            )
            for name in ("a", "b")
        ]
        stack.enter_context(stub_adapter(folder, *self.schedulers))

    def token(self) -> int:
        """That the store demands of whoever writes."""
        return int(self.postgres.sql("SELECT token FROM fence"))


@pytest.fixture
def remote(tmp_path: Path) -> Iterator[Remote]:
    """All of it; the schedulers' logs are shown when the test fails."""
    with ExitStack() as stack:
        made = Remote(tmp_path, stack)
        yield made
        for node in made.schedulers:
            print(f"--- {node.name} ---\n{node.log()[-4000:]}")


def test_a_cluster_made_anew_beside_an_old_database_exceeds_its_tokens(remote: Remote) -> None:
    scheduler = remote.schedulers[0]
    scheduler.cli("schedule", "create", "s", "-e", "stub", "-t", "t", "--interval", "1s")
    wait_for("fires", lambda: len(scheduler.fires("s")) >= 2)
    seen = remote.token()
    for node in remote.consensus.nodes.values():
        node.kill()
        shutil.rmtree(node.data_dir)
    for node in remote.consensus.nodes.values():
        node.start()
    wait_for("a greater token", lambda: remote.token() > seen)
    assert remote.token() >> 48 == (seen >> 48) + 1
    fired = len(scheduler.fires("s"))
    wait_for("more fires", lambda: len(scheduler.fires("s")) > fired + 1)
    logs = "".join(node.log() for node in remote.schedulers)
    assert logs.count("raising the epoch") >= 1


def test_its_members_are_changed_where_they_are(remote: Remote) -> None:
    endpoint = remote.consensus.nodes[1].address
    for args in (("members",), ("remove", "n3"), ("promote", "n3")):
        with pytest.raises(CliError, match=f"z4j-consensus .*--server {endpoint}") as refused:
            remote.schedulers[0].cli("cluster", *args)
        assert refused.value.code == 6
