"""How long nobody fires when the leader goes."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime, timedelta, timezone
from pathlib import Path

from bench.rig import Row, create_many, interval, postgres_server, status
from tests.harness.scheduler_server import SchedulerServer

FIRES_PER_S = 1000
ROUNDS = 5
# In ms, the longest time between two fires; the first of the next leader ends it.
PAUSE = """
SELECT 1000 * extract(epoch FROM max(at - before)) FROM (
  SELECT decided_at AS at, lag(decided_at) OVER (ORDER BY decided_at) AS before
  FROM fires WHERE decided_at > '{since}') AS f
"""


def takeover(count: int, name: str, folder: Path, stack: ExitStack) -> Iterator[Row]:
    """Two nodes, at 1,000 fires a second spread evenly.  The pause holds everything: noticing that
    the leader is gone, the election, raising the fence, reading what changed, the first commit."""
    solo, postgres = postgres_server(folder, stack)
    begin, period = datetime.now(timezone.utc), timedelta(seconds=count / FIRES_PER_S)
    create_many(
        solo, count, lambda i: interval("null", period, begin + timedelta(seconds=i / FIRES_PER_S))
    )
    solo.stop()
    keys = ("--audit-key-file", str(folder / "audit.keys"), "--log-level", "warning")
    nodes = []
    for node in ("a", "b"):
        server = SchedulerServer(
            folder / node, name=node, database=postgres.dsn, args=(*keys, "--election", "postgres")
        )
        nodes.append(stack.enter_context(server))
    for how in ("stop", "kill9"):
        pauses = []
        for _ in range(ROUNDS):
            time.sleep(5)  # The follower has read the schedules, and the leader fires.
            leader = next(node for node in nodes if status(node).is_leader)
            since = postgres.sql("SELECT now() - interval '200 ms'").strip()
            if how == "stop":
                leader.stop()
            else:
                leader.kill()
            time.sleep(2)
            pauses.append(float(postgres.sql(PAUSE.format(since=since))))
            leader.start()
        yield (f"takeover_ms.{how}.{name}.p50", statistics.median(pauses), "ms", ROUNDS)
        yield (f"takeover_ms.{how}.{name}.max", max(pauses), "ms", ROUNDS)
