"""One cluster for all tests of a kind, and a line that says what it went through."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from tests.chaos.cluster import Cluster, Verdict, draw_seed, now_us
from tests.chaos.nemeses import Nemesis

# In the ordinary run, and (./dev chaos) in the long one.
ROUNDS = int(os.environ.get("Z4J_CLUSTER_ROUNDS", "1"))
SCHEDULES = int(os.environ.get("Z4J_CLUSTER_SCHEDULES", "50"))


@dataclass
class Ledger:
    """What all tests did, for the last line."""

    began: float = field(default_factory=time.monotonic)
    kills: int = 0
    harms: int = 0
    fires: int = 0
    violations: int = 0
    pauses_ms: list[float] = field(default_factory=list)

    def enter(self, kills: int, harms: int, verdict: Verdict) -> None:
        """What one test did."""
        self.kills += kills
        self.harms += harms
        self.fires += verdict.fires
        self.violations += len(verdict.violations)

    def __str__(self) -> str:
        return (
            f"chaos: {self.kills} kills, {self.harms} harms in all, "
            f"{time.monotonic() - self.began:.0f} seconds, {self.fires} fires, "
            f"{self.violations} violations"
        )


LEDGER = Ledger()
Harmer = Callable[[Cluster, Nemesis], Verdict]


@pytest.fixture(scope="session")
def dice() -> random.Random:
    """Of one seed, which is printed."""
    return random.Random(draw_seed())


@pytest.fixture
def harm(dice: random.Random) -> Harmer:
    """Lets a nemesis loose on a cluster again and again, and judges what is left."""

    def run(cluster: Cluster, nemesis: Nemesis) -> Verdict:
        try:
            return judge(cluster, nemesis)
        except BaseException:
            for name, text in cluster.logs():
                print(f"--- {name} ---\n{text}")
            raise

    def judge(cluster: Cluster, nemesis: Nemesis) -> Verdict:
        begin_us = now_us()
        kills = 0
        for _ in range(ROUNDS):
            since_us = now_us()
            done = nemesis(cluster, dice)
            cluster.repair()
            pause_ms = cluster.longest_pause_ms(since_us, now_us())
            LEDGER.pauses_ms.append(pause_ms)
            print(f"{done.text}: nothing was decided for {pause_ms:.0f} ms")
            kills += done.kills
        verdict = cluster.verify(begin_us)
        print(verdict)
        LEDGER.enter(kills, ROUNDS, verdict)
        assert not verdict.violations, str(verdict)
        assert verdict.fires >= SCHEDULES, "it fired meanwhile"
        return verdict

    return run


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The line that `./dev chaos` ends with."""
    if LEDGER.harms:
        terminalreporter.write_line(str(LEDGER))
