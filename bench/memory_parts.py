"""What a schedule costs in memory, and how long a start with many of them takes."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime, timedelta, timezone
from pathlib import Path

from z4j.scheduler.v1 import schedule_pb2

from bench.rig import Row, create_many, interval, postgres_server
from tests.harness.postgres_server import PostgresServer
from tests.harness.processes import wait_for
from tests.harness.scheduler_server import SchedulerServer

ANCHOR = datetime(2026, 1, 1, tzinfo=timezone.utc)
PERIOD = timedelta(days=30)

# Copies of the schedule that the API created, with ids, names and due times of their own: a million
# calls would take the greater part of this benchmark.  The server reads them as it reads any other.
COPIES = """
CREATE TEMP TABLE copies AS
  SELECT md5(i::text)::uuid AS id, 's' || i AS name, i FROM generate_series(1, {count} - 1) AS i;
INSERT INTO schedules
  SELECT c.id, s.project, c.name, s.engine, s.kind, s.state, s.revision, s.created_at, s.updated_at,
         s.labels, replace(replace(replace(s.definition, s.id::text, c.id::text),
                                   '"name":"s0"', '"name":"' || c.name || '"'), {old}, {new})
  FROM schedules s, copies c;
INSERT INTO cursors SELECT c.id, k.watermark, k.fires FROM cursors k, copies c;
ANALYZE schedules, cursors;
"""


def _rss_bytes(server: SchedulerServer) -> int:
    statm = Path(f"/proc/{server.pid}/statm").read_text().split()
    return int(statm[1]) * os.sysconf("SC_PAGE_SIZE")


def _schedules_held(server: SchedulerServer) -> float:
    # A node says that it leads before it has read the schedules; the gauge comes after.
    gauge = "z4j_scheduler_schedules{"
    lines = [line for line in server.get("/metrics").splitlines() if line.startswith(gauge)]
    return sum(float(line.split()[-1]) for line in lines)


def _start(server: SchedulerServer, count: int) -> tuple[int, float]:
    """Starts it again; its RSS once it holds `count` schedules, and the seconds until then."""
    server.stop()
    begin = time.monotonic()
    server.start(timeout_s=120)
    wait_for("it to hold the schedules", lambda: _schedules_held(server) >= count, 120)
    return _rss_bytes(server), time.monotonic() - begin


def _measure(
    server: SchedulerServer, postgres: PostgresServer, count: int, copies: str
) -> tuple[float, float]:
    """Bytes a schedule beyond what the process takes with one, and seconds of the start."""
    with_one, _ = _start(server, 1)
    postgres.sql(copies)
    with_all, seconds = _start(server, count)
    return (with_all - with_one) / (count - 1), seconds


def intervals(count: int, name: str, folder: Path, stack: ExitStack) -> Iterator[Row]:
    """Intervals, each with an anchor of its own: of what is common, what costs most."""
    server, postgres = postgres_server(folder, stack)
    schedule = interval("null", PERIOD, ANCHOR)
    schedule.ClearField("start_time")
    create_many(server, 1, lambda _: schedule)
    anchor_us = int(ANCHOR.timestamp()) * 1_000_000
    copies = COPIES.format(
        count=count,
        old=f"'\"anchor\":{anchor_us}'",
        new=f"'\"anchor\":' || {anchor_us} + c.i",
    )
    used, started = _measure(server, postgres, count, copies)
    yield (f"memory_bytes_per_schedule.{name}", used, "B", count)
    yield (f"startup_s.{name}", started, "s", count)


def crons(count: int, name: str, folder: Path, stack: ExitStack) -> Iterator[Row]:
    """Crons of 1,440 different times of the day."""
    server, postgres = postgres_server(folder, stack)
    schedule = schedule_pb2.Schedule(
        engine="null", task="bench.task", args_json='[1, "two"]', kwargs_json='{"three": 3}',
        time_zone="Europe/Berlin",
    )  # fmt: skip
    schedule.spec.cron.expression = "0 0 1 1 *"
    create_many(server, 1, lambda _: schedule)
    copies = COPIES.format(
        count=count,
        old="'\"0 0 1 1 *\"'",
        new="format('\"%s %s 1 1 *\"', c.i % 60, c.i / 60 % 24)",
    )
    used, _ = _measure(server, postgres, count, copies)
    yield (f"memory_bytes_per_schedule.crons.{name}", used, "B", count)
