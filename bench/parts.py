"""What each benchmark measures.  A part yields (name, value, unit, n[, peer, peer value])."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import grpc
from z4j.scheduler.v1 import (
    cluster_pb2,
    cluster_pb2_grpc,
    schedule_pb2,
    schedule_service_pb2,
    schedule_service_pb2_grpc,
)

from tests.harness.celery_side import CeleryAdapter
from tests.harness.postgres_server import PostgresServer
from tests.harness.processes import Program, build_dir, wait_for
from tests.harness.redis_server import RedisServer
from tests.harness.scheduler_server import SchedulerServer

Row = tuple[Any, ...]
BURST = 10_000
# Shorter while working on something; published figures come from the default.
SUSTAINED_SECONDS = float(os.environ.get("Z4J_BENCH_SUSTAINED_S", "60"))
SUSTAINED_SCHEDULES = int(os.environ.get("Z4J_BENCH_SUSTAINED_SCHEDULES", "35000"))


def _binary(name: str) -> str:
    return str(build_dir() / "bench" / name)


def _server(folder: Path, stack: ExitStack, store: str) -> SchedulerServer:
    args: tuple[str, ...] = ()
    database = ""
    if store == "postgres":
        postgres = stack.enter_context(
            PostgresServer(folder, settings={"shared_buffers": "1GB", "max_wal_size": "16GB"})
        )
        keys = folder / "audit.keys"
        keys.write_text("k1:" + "ab" * 32 + "\n")
        keys.chmod(0o600)
        database, args = postgres.dsn, ("--audit-key-file", str(keys))
    server = SchedulerServer(folder, database=database, args=(*args, "--log-level", "warning"))
    stack.enter_context(server)
    return server


def _create_many(
    server: SchedulerServer, count: int, schedule: schedule_pb2.Schedule, prefix: str = "s"
) -> None:
    """Creates `count` schedules like `schedule`, 1000 per call."""
    with grpc.insecure_channel(server.address) as channel:
        stub = schedule_service_pb2_grpc.ScheduleServiceStub(channel)
        for first in range(0, count, 1000):
            request = schedule_service_pb2.BatchCreateSchedulesRequest(parent="projects/bench")
            for i in range(first, min(first + 1000, count)):
                request.items.add(schedule_id=f"{prefix}{i}", schedule=schedule)
            stub.BatchCreateSchedules(request, timeout=120)


def _schedule(engine: str, period_s: float, anchor: datetime) -> schedule_pb2.Schedule:
    schedule = schedule_pb2.Schedule(
        engine=engine, task="bench.task", args_json='[1, "two"]', kwargs_json='{"three": 3}'
    )
    schedule.spec.interval.period.FromTimedelta(timedelta(seconds=period_s))
    schedule.spec.interval.anchor_time.FromDatetime(anchor)
    schedule.start_time.FromDatetime(anchor)
    return schedule


def _status(server: SchedulerServer) -> cluster_pb2.GetStatusResponse:
    with grpc.insecure_channel(server.address) as channel:
        stub = cluster_pb2_grpc.ClusterServiceStub(channel)
        return stub.GetStatus(cluster_pb2.GetStatusRequest(), timeout=10)


def _null_adapter(server: SchedulerServer, seconds: float) -> dict[str, float]:
    """Runs the adapter that does nothing for so long."""
    done = subprocess.run(
        [_binary("null_adapter"), server.address, str(seconds)],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return dict(json.loads(done.stdout))


def next_fire(_: Path, __: ExitStack) -> Iterator[Row]:
    """Nanoseconds per next due time."""
    lines = subprocess.check_output([_binary("next_fire_bench")], text=True).splitlines()
    values = {line.split()[0]: float(line.split()[1]) for line in lines}
    for name, value in values.items():
        yield (name, value, "ns", 20_000)
    crons = ["every_minute", "every_5_minutes", "daily", "weekly"]
    median = statistics.median(values[f"next_fire_ns.cron_{name}"] for name in crons)
    yield ("next_fire_ns.median_of_four_crons", median, "ns", 80_000)


def create(folder: Path, stack: ExitStack) -> Iterator[Row]:
    """Audited CreateSchedule calls per second on PostgreSQL."""
    server = _server(folder, stack, "postgres")
    for in_flight in (1, 64):
        subprocess.run([_binary("create_bench"), server.address, str(in_flight), "1"], check=True,
                       stdout=subprocess.DEVNULL)  # fmt: skip
        command = [_binary("create_bench"), server.address, str(in_flight), "8"]
        result = json.loads(subprocess.check_output(command, text=True))
        yield (f"create_per_s.{in_flight}", result["per_s"], "1/s", result["creates"])
    assert server.cli("audit", "verify")["valid"]


def edit_visible(folder: Path, stack: ExitStack) -> Iterator[Row]:
    """From a CreateSchedule of a schedule that is due at once to its fire at the adapter."""
    server = _server(folder, stack, "postgres")
    count = 200
    adapter = subprocess.Popen(
        [_binary("null_adapter"), server.address, "15"], stdout=subprocess.PIPE, text=True
    )
    wait_for("the adapter", lambda: len(_status(server).adapters) == 1)
    with grpc.insecure_channel(server.address) as channel:
        stub = schedule_service_pb2_grpc.ScheduleServiceStub(channel)
        for i in range(count):
            schedule = schedule_pb2.Schedule(engine="null", task="bench.task", time_zone="UTC")
            schedule.spec.one_shot.fire_time.FromDatetime(datetime.now(timezone.utc))
            stub.CreateSchedule(
                schedule_service_pb2.CreateScheduleRequest(
                    parent="projects/bench", schedule_id=f"e{i}", schedule=schedule
                )
            )
            time.sleep(0.03)  # One edit at a time, on an idle system.
    out, _ = adapter.communicate()
    result = json.loads(out)
    yield ("edit_visible_ms.p50", result["p50_ms"], "ms", result["fires"])
    yield ("edit_visible_ms.p99", result["p99_ms"], "ms", result["fires"])


def _burst(folder: Path, stack: ExitStack, store: str) -> Iterator[Row]:
    """10,000 schedules due at the same instant, three times, after one burst to warm up."""
    server = _server(folder, stack, store)
    anchor = datetime.now(timezone.utc).replace(microsecond=0) + timedelta(seconds=10)
    _create_many(server, BURST, _schedule("null", 5, anchor))
    wait_s = (anchor - datetime.now(timezone.utc)).total_seconds()
    _null_adapter(server, wait_s + 3)
    result = _null_adapter(server, 5 * 3)
    for figure in ("p50", "p99", "max"):
        name = f"burst_lateness_ms.{store}.{figure}"
        yield (name, result[f"{figure}_ms"], "ms", result["fires"])


def burst_postgres(folder: Path, stack: ExitStack) -> Iterator[Row]:
    """On PostgreSQL."""
    return _burst(folder, stack, "postgres")


def burst_sqlite(folder: Path, stack: ExitStack) -> Iterator[Row]:
    """On SQLite."""
    return _burst(folder, stack, "sqlite")


def _durable(folder: Path, stack: ExitStack, store: str) -> Iterator[Row]:
    """More one-second schedules than it can fire: what comes out is what it can do."""
    server = _server(folder, stack, store)
    anchor = datetime.now(timezone.utc).replace(microsecond=0) + timedelta(seconds=20)
    _create_many(server, SUSTAINED_SCHEDULES, _schedule("null", 1, anchor))
    wait_s = max(0.0, (anchor - datetime.now(timezone.utc)).total_seconds())
    result = _null_adapter(server, wait_s + SUSTAINED_SECONDS)
    yield (f"durable_fires_per_s.{store}", result["fires_per_s"], "1/s", result["fires"])


def durable_postgres(folder: Path, stack: ExitStack) -> Iterator[Row]:
    """On PostgreSQL."""
    return _durable(folder, stack, "postgres")


def durable_sqlite(folder: Path, stack: ExitStack) -> Iterator[Row]:
    """On SQLite."""
    return _durable(folder, stack, "sqlite")


def _sends_per_s(redis: RedisServer, seconds: float) -> float:
    client = redis.client()
    begin, first = time.monotonic(), int(client.llen("celery"))
    time.sleep(seconds)
    return (int(client.llen("celery")) - first) / (time.monotonic() - begin)


def celery(folder: Path, stack: ExitStack) -> Iterator[Row]:
    """2,000 one-second entries into Celery's queue on Redis: ours, then celery beat's."""
    entries, seconds = 2_000, 12.0
    redis = stack.enter_context(RedisServer(folder, durable=False))
    server = _server(folder, stack, "postgres")
    adapter = CeleryAdapter(folder, [server.address], redis.url)
    stack.enter_context(adapter)
    wait_for("the adapter", lambda: len(_status(server).adapters) == 1)
    anchor = datetime.now(timezone.utc).replace(microsecond=0) + timedelta(seconds=3)
    _create_many(server, entries, _schedule("celery", 1, anchor))
    wait_for("the first fires", lambda: int(redis.client().llen("celery")) > 2 * entries)
    ours = _sends_per_s(redis, seconds)
    adapter.stop()
    server.stop()
    redis.client().flushall()
    beat = Program(
        "beat",
        [sys.executable, "-m", "celery", "-A", "bench.beat_tasks", "beat", "-s",
         str(folder / "beat-schedule")],
        folder, PYTHONPATH=str(Path(__file__).resolve().parent.parent),
        BENCH_BROKER=redis.url, BENCH_ENTRIES=str(entries),
    )  # fmt: skip
    stack.enter_context(beat)
    wait_for("beat to send", lambda: int(redis.client().llen("celery")) > entries / 2, 120)
    theirs = _sends_per_s(redis, seconds)
    yield ("celery_fires_per_s", ours, "1/s", int(ours * seconds), "celery beat", theirs)


def _rss_bytes(server: SchedulerServer) -> int:
    assert server._process is not None
    status = Path(f"/proc/{server._process.pid}/statm").read_text().split()
    return int(status[1]) * os.sysconf("SC_PAGE_SIZE")


def _memory(folder: Path, stack: ExitStack, count: int, name: str) -> Iterator[Row]:
    """RSS after a start with `count` schedules, less that of a start with none."""

    gauge = "z4j_scheduler_schedules{"

    def loaded() -> bool:
        # A node says that it leads before it has read the schedules; the gauge comes after.
        lines = [line for line in server.get("/metrics").splitlines() if line.startswith(gauge)]
        return sum(float(line.split()[-1]) for line in lines) >= count

    server = _server(folder, stack, "postgres")
    empty = _rss_bytes(server)
    schedule = schedule_pb2.Schedule(
        engine="null", task="bench.task", args_json='[1, "two"]', time_zone="Europe/Berlin"
    )
    schedule.spec.cron.expression = "0 3 1 1 *"
    _create_many(server, count, schedule)
    server.stop()
    begin = time.monotonic()
    server.start(timeout_s=120)
    wait_for("it to hold the schedules", loaded, 120)
    started = time.monotonic() - begin
    used = (_rss_bytes(server) - empty) / count
    yield (f"memory_bytes_per_schedule.{name}", used, "B", count)
    yield (f"startup_s.{name}", started, "s", count)


def memory_100k(folder: Path, stack: ExitStack) -> Iterator[Row]:
    """100,000 schedules."""
    return _memory(folder, stack, 100_000, "100k")


def memory_1m(folder: Path, stack: ExitStack) -> Iterator[Row]:
    """A million."""
    return _memory(folder, stack, 1_000_000, "1m")
