"""A cluster, seen: three schedulers on one PostgreSQL, whose leader is killed twice.

Schedules fire every second meanwhile.  Shows who leads, the fires around each kill, and that every
due time was decided once and run once; the exit code is 1 if not.  Then everything is stopped.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.chaos.cluster import Cluster, now_us  # noqa: E402
from tests.chaos.network import Network  # noqa: E402
from tests.harness.processes import wait_for  # noqa: E402

SCHEDULES = 10
KILLS = 2
# The fires around an instant: when they came due, when they were decided, when the engine had them.
AROUND = """
SELECT to_char(f.due_at AT TIME ZONE 'UTC', 'HH24:MI:SS.MS'), s.name,
       round(1000 * extract(epoch FROM f.decided_at - f.due_at)),
       CASE WHEN f.decided_at > to_timestamp({at}) THEN 1 ELSE 0 END
FROM fires f JOIN schedules s ON s.id = f.schedule_id
WHERE f.due_at BETWEEN to_timestamp({at} - 0.35) AND to_timestamp({at} + 0.75) ORDER BY f.due_at
"""


def show_nodes(cluster: Cluster) -> None:
    """Who leads, and who follows."""
    leader = cluster.leader()
    for name, node in cluster.nodes.items():
        role = "leads" if name == leader else "follows" if node.running() else "is dead"
        print(f"  {name} ({node.address}) {role}")
    token = cluster.postgres.sql("SELECT token FROM fence").strip()
    print(f"  fencing token {token}\n", flush=True)


def kill_leader(cluster: Cluster) -> None:
    """Kills it, shows what fired around that, and starts it again."""
    name = cluster.leader()
    since_us = now_us()
    at = time.time()
    cluster.nodes[name].kill()
    print(f"kill -9 of {name}, process {cluster.nodes[name].pid}, which leads", flush=True)
    following = cluster.leader(besides=name)
    shown = AROUND.format(at=at)
    wait_for("fires of the next leader", lambda: "|1\n" in cluster.postgres.sql(shown))
    time.sleep(1)  # What comes due in the time that is shown.
    print(f"  {'due (UTC)':<16}{'schedule':<10}decided")
    struck = False
    for line in cluster.postgres.sql(shown).splitlines():
        due, schedule, late_ms, after = line.split("|")
        if after == "1" and not struck:
            struck = True
            print(f"  -- {name} was killed here; {following} goes on " + "-" * 30)
        print(f"  {due:<16}{schedule:<10}{late_ms:>4} ms after it was due")
    pause_ms = cluster.longest_pause_ms(since_us, now_us())
    print(f"  longest time in which nothing was decided: {pause_ms:.0f} ms\n")
    cluster.nodes[name].start()
    show_nodes(cluster)


def main() -> int:
    """Runs the demo; exit code 0 if no due time was missed, skipped or doubled."""
    folder = Path(tempfile.mkdtemp(prefix="z4j-demo-"))
    try:
        with ExitStack() as stack:
            print("starting PostgreSQL, three schedulers that elect by Raft, and two adapters …")
            cluster = Cluster(folder, "raft", Network(), stack)
            cluster.create_schedules(SCHEDULES)
            begin_us = now_us()
            print(f"{SCHEDULES} schedules fire once a second each\n")
            show_nodes(cluster)
            for _ in range(KILLS):
                time.sleep(3)  # To be seen firing.
                kill_leader(cluster)
            verdict = cluster.verify(begin_us)
            print(f"every due time since the start, judged one by one: {verdict}")
            if verdict.violations:
                return 1
            print("none was missed, none was decided or run twice, nobody wrote without leading.")
            return 0
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        print("stopped everything that was started.")


if __name__ == "__main__":
    sys.exit(main())
