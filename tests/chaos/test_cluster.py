"""Three schedulers on one PostgreSQL, broken in every way while they fire: each due time has one
row and one run, and nobody writes who does not lead.

`Z4J_CLUSTER_ROUNDS` says how often each harm is done and `Z4J_CLUSTER_SCHEDULES` how many schedules
fire every second meanwhile (1 and 50 in the ordinary run, 10 and 1,000 in `./dev chaos`).
`Z4J_ELECTIONS` names the elections that are tried ("raft" in the ordinary run).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.chaos import nemeses
from tests.chaos.cluster import Cluster, now_us
from tests.chaos.conftest import ROUNDS, SCHEDULES, Harmer
from tests.chaos.network import ProxyNetwork

ELECTIONS = os.environ.get("Z4J_ELECTIONS", "raft").split(",")
FREEZE_MAX_S = 10.0 if ROUNDS > 1 else 2.0


@pytest.fixture(scope="module", params=ELECTIONS)
def cluster(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Cluster]:
    """One for each election; it is stopped before the next one starts."""
    with ExitStack() as stack:
        one = Cluster(tmp_path_factory.mktemp(request.param), request.param, ProxyNetwork(), stack)
        one.create_schedules(SCHEDULES)
        yield one


def test_a_killed_leader_misses_and_doubles_nothing(cluster: Cluster, harm: Harmer) -> None:
    harm(cluster, nemeses.kill_leader)


def test_any_killed_process_misses_and_doubles_nothing(cluster: Cluster, harm: Harmer) -> None:
    harm(cluster, nemeses.kill_any)


def test_a_frozen_leader_wakes_up_and_writes_nothing_stale(cluster: Cluster, harm: Harmer) -> None:
    harm(cluster, nemeses.freeze_leader(FREEZE_MAX_S))


def test_a_leader_that_is_cut_off_is_replaced(cluster: Cluster, harm: Harmer) -> None:
    harm(cluster, nemeses.cut_leader_off)


def test_a_restart_of_all_at_once_misses_and_doubles_nothing(
    cluster: Cluster, harm: Harmer
) -> None:
    harm(cluster, nemeses.kill_all)


def test_a_rolling_restart_misses_and_doubles_nothing(cluster: Cluster, harm: Harmer) -> None:
    harm(cluster, nemeses.restart_one_by_one)


def test_a_write_by_one_who_does_not_lead_would_be_noticed(cluster: Cluster) -> None:
    begin_us = now_us()
    cluster.repair()
    assert not cluster.verify(begin_us).violations
    cluster.postgres.sql("""
        SET application_name = 'z4j:commit:nobody';
        UPDATE fires SET attempts = attempts
        WHERE fire_id = (SELECT fire_id FROM fires ORDER BY due_at LIMIT 1);
    """)
    found = cluster.verify(begin_us).violations
    cluster.postgres.sql("DELETE FROM witness WHERE node = 'nobody'")
    assert [violation.kind for violation in found] == ["stale write"]


class TestOfConsensus:
    """What only nodes can suffer that talk to each other."""

    @pytest.fixture(autouse=True)
    def only_with_consensus(self, cluster: Cluster) -> None:
        if cluster.election == "postgres":
            pytest.skip("with the PostgreSQL election nodes do not talk to each other")

    def test_a_leader_that_reaches_only_the_database_writes_nothing_stale(
        self, cluster: Cluster, harm: Harmer
    ) -> None:
        harm(cluster, nemeses.cut_leader_off_from_peers)

    def test_a_leader_that_is_deaf_or_mute_is_replaced(
        self, cluster: Cluster, harm: Harmer
    ) -> None:
        harm(cluster, nemeses.cut_leader_one_way)

    def test_a_ring_of_one_way_links_stops_and_goes_on_when_it_heals(
        self, cluster: Cluster, harm: Harmer
    ) -> None:
        harm(cluster, nemeses.cut_into_ring)

    def test_a_bridge_between_two_that_lost_each_other_has_one_leader(
        self, cluster: Cluster, harm: Harmer
    ) -> None:
        harm(cluster, nemeses.cut_bridge)

    def test_a_killed_leader_of_a_consensus_elsewhere_misses_and_doubles_nothing(
        self, cluster: Cluster, harm: Harmer
    ) -> None:
        if not cluster.consensus:
            pytest.skip("it is the node that ticks, which is killed elsewhere")
        harm(cluster, nemeses.kill_leading_voter)
