"""What breaks a cluster.  Each does its harm, says what it did, and leaves the repair to others.

A nemesis is a function of the cluster and of dice, which decide how long and whom.
"""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass

from tests.chaos.cluster import Cluster


@dataclass(frozen=True)
class Harm:
    """What a nemesis did."""

    text: str
    kills: int = 0


Nemesis = Callable[[Cluster, random.Random], Harm]


def kill_leader(cluster: Cluster, dice: random.Random) -> Harm:
    """kill -9 of the node that ticks; somebody else takes over while it is dead."""
    name = cluster.leader()
    time.sleep(dice.uniform(0, 0.5))  # Any instant between two fires.
    cluster.nodes[name].kill()
    cluster.leader(besides=name)
    return Harm(f"{name} killed", kills=1)


def kill_leading_voter(cluster: Cluster, dice: random.Random) -> Harm:
    """kill -9 of the consensus node that leads, where the schedulers are others."""
    name = cluster.voters_leader()
    time.sleep(dice.uniform(0, 0.5))
    cluster.servers()[name].kill()
    cluster.voters_leader(besides=name)
    return Harm(f"{name} killed", kills=1)


def kill_any(cluster: Cluster, dice: random.Random) -> Harm:
    """kill -9 of any one, leader or not."""
    name = dice.choice(sorted(cluster.servers()))
    time.sleep(dice.uniform(0, 0.5))
    cluster.servers()[name].kill()
    time.sleep(dice.uniform(0, 1))  # The others go on without it.
    return Harm(f"{name} killed", kills=1)


def kill_all(cluster: Cluster, dice: random.Random) -> Harm:
    """kill -9 of all at once, as if the power went."""
    programs = cluster.servers()
    for program in programs.values():
        program.signal(signal.SIGKILL)
    for program in programs.values():
        program.kill()
    time.sleep(dice.uniform(0, 1))
    return Harm("all killed", kills=len(programs))


def freeze_leader(longest_s: float) -> Nemesis:
    """SIGSTOP of the node that ticks, 0.1 s to `longest_s`: it wakes up in the middle of what it
    did, and does not know that time has passed."""

    def freeze(cluster: Cluster, dice: random.Random) -> Harm:
        name = cluster.leader()
        seconds = dice.choice([dice.uniform(0.1, 0.5), dice.uniform(0.5, longest_s)])
        cluster.nodes[name].signal(signal.SIGSTOP)
        time.sleep(seconds)
        cluster.nodes[name].signal(signal.SIGCONT)
        return Harm(f"{name} frozen for {seconds:.1f} s")

    return freeze


def cut_leader_off(cluster: Cluster, dice: random.Random) -> Harm:
    """The node that ticks reaches neither its peers nor the database; only the adapters."""
    name = cluster.leader()
    for other in [*cluster.voters(), "db"]:
        _cut_both(cluster, name, other)
    cluster.leader(besides=name)
    time.sleep(dice.uniform(0, 2))
    return Harm(f"{name} cut off")


def cut_leader_off_from_peers(cluster: Cluster, dice: random.Random) -> Harm:
    """The leader of the consensus reaches nobody of the consensus, but the database, which is where
    it could do harm."""
    name = cluster.voters_leader()
    for other in cluster.voters():
        _cut_both(cluster, name, other)
    cluster.voters_leader(besides=name)
    time.sleep(dice.uniform(0, 2))
    return Harm(f"{name} cut off from its peers")


def cut_leader_one_way(cluster: Cluster, dice: random.Random) -> Harm:
    """The leader of the consensus hears its peers but is not heard, or the other way round."""
    name = cluster.voters_leader()
    deaf = dice.random() < 0.5
    for other in cluster.voters():
        if other != name:
            cluster.network.cut(*((other, name) if deaf else (name, other)))
    cluster.voters_leader(besides=name)
    time.sleep(dice.uniform(0, 2))
    return Harm(f"{name} {'deaf' if deaf else 'mute'}")


def cut_into_ring(cluster: Cluster, dice: random.Random) -> Harm:
    """Each can send to its next alone: nobody hears whom it sends to, so nobody can lead."""
    ring = sorted(cluster.voters())
    dice.shuffle(ring)
    for i, name in enumerate(ring):
        cluster.network.cut(name, ring[i - 1])
    time.sleep(dice.uniform(1, 3))
    return Harm(f"ring {' → '.join(ring)}")


def cut_bridge(cluster: Cluster, dice: random.Random) -> Harm:
    """Two nodes lose sight of each other, and both see the third: there must be one leader."""
    one, other = dice.sample(sorted(cluster.voters()), 2)
    _cut_both(cluster, one, other)
    time.sleep(dice.uniform(1, 3))
    cluster.leader()
    return Harm(f"{one} and {other} cut from each other")


def restart_one_by_one(cluster: Cluster, dice: random.Random) -> Harm:
    """SIGTERM and start of each, as in an upgrade."""
    names = [*cluster.consensus, *cluster.nodes]
    for name in names:
        program = cluster.servers()[name]
        code = program.stop()
        assert code == 0, f"{name} ended with {code}: {program.log()[-2000:]}"
        program.start()
    return Harm("restarted one by one")


def _cut_both(cluster: Cluster, one: str, other: str) -> None:
    if one != other:
        cluster.network.cut(one, other)
        cluster.network.cut(other, one)
