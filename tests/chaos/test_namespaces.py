"""The same with packets that are really lost, between nodes in network namespaces."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.chaos import nemeses
from tests.chaos.cluster import NODES, Cluster
from tests.chaos.conftest import SCHEDULES, Harmer
from tests.chaos.namespaces import NamespaceNetwork, why_not


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Three schedulers that elect by Raft, each in a namespace of its own."""
    if reason := why_not():
        pytest.skip(f"no network namespaces here ({reason}): the proxy's cut links stand for them")
    with ExitStack() as stack:
        folder: Path = tmp_path_factory.mktemp("namespaces")
        made = Cluster(folder, "raft", NamespaceNetwork(NODES), stack)
        made.create_schedules(SCHEDULES)
        yield made


def test_a_leader_whose_packets_are_lost_is_replaced(cluster: Cluster, harm: Harmer) -> None:
    harm(cluster, nemeses.cut_leader_off)


def test_a_leader_whose_packets_are_lost_one_way_is_replaced(
    cluster: Cluster, harm: Harmer
) -> None:
    harm(cluster, nemeses.cut_leader_one_way)
