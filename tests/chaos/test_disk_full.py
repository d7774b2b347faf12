"""A node whose consensus log has no room left: a real, small file system that a file fills."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.chaos import nemeses
from tests.chaos.cluster import Cluster
from tests.chaos.conftest import SCHEDULES, Harmer
from tests.chaos.network import Network
from tests.harness.small_disk import fill, mounted


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 MiB; a segment of the log takes 16."""
    with mounted(tmp_path, 64) as disk:
        yield disk


def test_a_node_without_room_for_its_log_leaves_the_work_to_the_others_and_comes_back(
    small_disk: Path, tmp_path: Path, harm: Harmer
) -> None:
    ballast = small_disk / "ballast"
    with ExitStack() as stack:
        cluster = Cluster(tmp_path, "raft", Network(), stack, {"n1": small_disk / "consensus"})
        cluster.create_schedules(SCHEDULES)

        def fill_while_it_restarts(cluster: Cluster, dice: object) -> nemeses.Harm:
            cluster.nodes["n1"].kill()
            fill(ballast)
            cluster.nodes["n1"].launch()
            other = cluster.leader(besides="n1")
            cluster.nodes[other].kill()
            cluster.nodes[other].start()
            text = f"n1's disk full, {other} killed"
            cluster.leader()
            ballast.unlink()
            return nemeses.Harm(text, kills=2)

        harm(cluster, fill_while_it_restarts)
