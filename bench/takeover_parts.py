"""How long nobody fires when the leader goes."""

from __future__ import annotations

import math
import os
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import datetime, timedelta, timezone
from pathlib import Path

from bench.rig import Row, create_many, interval, postgres_server, status
from tests.harness.ports import free_port
from tests.harness.postgres_server import PostgresServer
from tests.harness.processes import wait_for
from tests.harness.scheduler_server import SchedulerServer, stub_adapter

FIRES_PER_S = 1000
ROUNDS = int(os.environ.get("Z4J_ROUNDS", "5"))
FAILOVER_ROUNDS = int(os.environ.get("Z4J_ROUNDS", "12"))
LOAD_S = int(os.environ.get("Z4J_LOAD_S", "30"))
# In ms, the longest time between two fires; the first of the next leader ends it.  `moment` is when
# a fire was decided, or when an adapter had taken it.
PAUSE = """
SELECT 1000 * extract(epoch FROM max(at - before)) FROM (
  SELECT {moment} AS at, lag({moment}) OVER (ORDER BY {moment}) AS before
  FROM fires WHERE {moment} > '{since}') AS f
"""
# Whether there have been such moments until so long after `since`.
FIRED = "SELECT max({moment}) > '{since}'::timestamptz + interval '{s} s' FROM fires"
DECIDED, HANDED_OVER = "decided_at", "dispatched_at"


def await_fires(postgres: PostgresServer, since: str, seconds: float, moment: str) -> None:
    """Waits until fires have been decided, or handed over, for so long after `since`."""
    sql = FIRED.format(since=since, s=seconds, moment=moment)
    wait_for("fires", lambda: postgres.sql(sql).strip() == "t")


def longest_pause(postgres: PostgresServer, since: str, moment: str) -> float:
    """In ms, the longest time without a fire since then."""
    return float(postgres.sql(PAUSE.format(since=since, moment=moment)))


def pauses(
    nodes: list[SchedulerServer],
    postgres: PostgresServer,
    rounds: int,
    go: Callable[[SchedulerServer], None],
    come_back: Callable[[SchedulerServer], None],
    moments: tuple[str, ...] = (DECIDED,),
) -> dict[str, list[float]]:
    """Lets the leader go so many times; in ms, for how long nobody fired each time, in order.

    The pause holds everything: noticing that the leader is gone, the election, raising the fence,
    reading what changed, the first commit, and that of hand-overs the adapter's answer as well.
    """
    found: dict[str, list[float]] = {moment: [] for moment in moments}
    for _ in range(rounds):
        # The followers have read the schedules, and the leader fires.
        now = postgres.sql("SELECT now()").strip()
        for moment in moments:
            await_fires(postgres, now, 1, moment)
        leader = wait_for("a leader", lambda: [node for node in nodes if status(node).is_leader])[0]
        since = postgres.sql("SELECT now() - interval '200 ms'").strip()
        go(leader)
        for moment in moments:
            await_fires(postgres, since, 1.7, moment)
            found[moment].append(longest_pause(postgres, since, moment))
        come_back(leader)
    return {moment: sorted(times) for moment, times in found.items()}


def database(
    count: int, engine: str, folder: Path, stack: ExitStack
) -> tuple[PostgresServer, tuple[str, ...]]:
    """`count` schedules, 1,000 fires a second spread evenly; what nodes on it need."""
    solo, postgres = postgres_server(folder, stack)
    begin, period = datetime.now(timezone.utc), timedelta(seconds=count / FIRES_PER_S)
    create_many(
        solo, count, lambda i: interval(engine, period, begin + timedelta(seconds=i / FIRES_PER_S))
    )
    solo.stop()
    return postgres, ("--audit-key-file", str(folder / "audit.keys"), "--log-level", "warning")


def takeover(count: int, name: str, folder: Path, stack: ExitStack) -> Iterator[Row]:
    """Two nodes that PostgreSQL elects."""
    postgres, keys = database(count, "null", folder, stack)
    args = (*keys, "--election", "postgres")
    nodes = [
        stack.enter_context(
            SchedulerServer(folder / node, name=node, database=postgres.dsn, args=args)
        )
        for node in ("a", "b")
    ]
    for how, go in (("stop", SchedulerServer.stop), ("kill9", SchedulerServer.kill)):
        found = pauses(nodes, postgres, ROUNDS, go, SchedulerServer.start)[DECIDED]
        yield (f"takeover_ms.{how}.{name}.p50", statistics.median(found), "ms", ROUNDS)
        yield (f"takeover_ms.{how}.{name}.max", found[-1], "ms", ROUNDS)


def embedded(folder: Path, stack: ExitStack) -> tuple[list[SchedulerServer], PostgresServer]:
    """Three nodes that elect by the consensus embedded in them, 1,000 schedules, and an adapter."""
    postgres, keys = database(1_000, "stub", folder, stack)
    names = ("n1", "n2", "n3")
    peers = ",".join(f"{name}=127.0.0.1:{free_port()}" for name in names)
    args = (*keys, "--election", "raft", "--consensus-peers", peers)
    nodes = [
        SchedulerServer(folder / name, name=name, database=postgres.dsn, args=args)
        for name in names
    ]
    for node in nodes:
        stack.callback(node.kill)
        node.launch()
    for node in nodes:
        node.await_ready()
    stack.enter_context(stub_adapter(folder / "stub", *nodes))
    return nodes, postgres


def failover(how: str, folder: Path, stack: ExitStack) -> Iterator[Row]:
    """The leader of three with embedded consensus goes, again and again."""
    nodes, postgres = embedded(folder, stack)
    go, come_back = {
        "kill9": (SchedulerServer.kill, SchedulerServer.start),
        "sigstop": (
            lambda node: node.signal(signal.SIGSTOP),
            lambda node: node.signal(signal.SIGCONT),
        ),
        "graceful": (SchedulerServer.stop, SchedulerServer.start),
    }[how]
    moments = {DECIDED: f"failover_ms.{how}", HANDED_OVER: f"failover_ms.{how}.handover"}
    found = pauses(nodes, postgres, FAILOVER_ROUNDS, go, come_back, tuple(moments))
    for moment, name in moments.items():
        times = found[moment]
        p99 = times[math.ceil(0.99 * len(times)) - 1]  # By nearest rank: of a hundred, the 99th.
        yield (f"{name}.p50", statistics.median(times), "ms", len(times))
        yield (f"{name}.p99", p99, "ms", len(times))


def full_load(folder: Path, stack: ExitStack) -> Iterator[Row]:
    """Elections that nobody needs, while other programs want four times the cores there are."""
    nodes, postgres = embedded(folder, stack)
    await_fires(postgres, postgres.sql("SELECT now()").strip(), 1, HANDED_OVER)
    for _ in range(4 * (os.cpu_count() or 1)):
        busy = subprocess.Popen([sys.executable, "-c", "while True: pass"])
        stack.callback(busy.wait)
        stack.callback(busy.kill)
    first, since = status(nodes[0]).consensus.term, postgres.sql("SELECT now()").strip()
    time.sleep(LOAD_S)
    longest = longest_pause(postgres, since, DECIDED)
    handed_over = longest_pause(postgres, since, HANDED_OVER)
    last = max(status(node).consensus.term for node in nodes)
    yield ("raft_elections.full_load", last - first, "", LOAD_S)
    yield ("raft_elections.full_load.longest_pause", longest, "ms", LOAD_S)
    yield ("raft_elections.full_load.handover.longest_pause", handed_over, "ms", LOAD_S)
