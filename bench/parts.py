"""What each benchmark measures, but for memory and Celery."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime, timedelta, timezone
from pathlib import Path

import grpc
from z4j.scheduler.v1 import schedule_pb2, schedule_service_pb2, schedule_service_pb2_grpc

from bench.rig import (
    Row,
    binary,
    create_many,
    interval,
    null_adapter,
    postgres_server,
    server_on,
    status,
)
from tests.harness.processes import wait_for

BURST = 10_000
# Shorter while working on something; published figures come from the default.
SUSTAINED_SECONDS = float(os.environ.get("Z4J_BENCH_SUSTAINED_S", "60"))
SUSTAINED_SCHEDULES = int(os.environ.get("Z4J_BENCH_SUSTAINED_SCHEDULES", "35000"))


def next_fire(_: Path, __: ExitStack) -> Iterator[Row]:
    """Nanoseconds per next due time."""
    lines = subprocess.check_output([binary("next_fire_bench")], text=True).splitlines()
    values = {line.split()[0]: float(line.split()[1]) for line in lines}
    for name, value in values.items():
        yield (name, value, "ns", 20_000)
    crons = ["every_minute", "every_5_minutes", "daily", "weekly"]
    median = statistics.median(values[f"next_fire_ns.cron_{name}"] for name in crons)
    yield ("next_fire_ns.median_of_four_crons", median, "ns", 80_000)


def create(folder: Path, stack: ExitStack) -> Iterator[Row]:
    """Audited CreateSchedule calls per second on PostgreSQL."""
    server, _ = postgres_server(folder, stack)
    for in_flight in (1, 64):
        subprocess.run([binary("create_bench"), server.address, str(in_flight), "1"], check=True,
                       stdout=subprocess.DEVNULL)  # fmt: skip
        command = [binary("create_bench"), server.address, str(in_flight), "8"]
        result = json.loads(subprocess.check_output(command, text=True))
        yield (f"create_per_s.{in_flight}", result["per_s"], "1/s", result["creates"])
    assert server.cli("audit", "verify")["valid"]


def edit_visible(folder: Path, stack: ExitStack) -> Iterator[Row]:
    """From a CreateSchedule of a schedule that is due at once to its fire at the adapter."""
    server, _ = postgres_server(folder, stack)
    count = 200
    adapter = subprocess.Popen(
        [binary("null_adapter"), server.address, "15"], stdout=subprocess.PIPE, text=True
    )
    wait_for("the adapter", lambda: len(status(server).adapters) == 1)
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


def _whole_second_in(seconds: int) -> datetime:
    return datetime.now(timezone.utc).replace(microsecond=0) + timedelta(seconds=seconds)


def _seconds_until(instant: datetime) -> float:
    return max(0.0, (instant - datetime.now(timezone.utc)).total_seconds())


def burst(store: str, folder: Path, stack: ExitStack) -> Iterator[Row]:
    """10,000 schedules due at the same instant, three times, after one burst to warm up."""
    server = server_on(store, folder, stack)
    anchor = _whole_second_in(10)
    schedule = interval("null", timedelta(seconds=5), anchor)
    create_many(server, BURST, lambda _: schedule)
    null_adapter(server, _seconds_until(anchor) + 3)
    result = null_adapter(server, 5 * 3)
    for figure in ("p50", "p99", "max"):
        name = f"burst_lateness_ms.{store}.{figure}"
        yield (name, result[f"{figure}_ms"], "ms", result["fires"])


def durable(store: str, folder: Path, stack: ExitStack) -> Iterator[Row]:
    """More one-second schedules than it can fire: what comes out is what it can do."""
    server = server_on(store, folder, stack)
    anchor = _whole_second_in(20)
    schedule = interval("null", timedelta(seconds=1), anchor)
    create_many(server, SUSTAINED_SCHEDULES, lambda _: schedule)
    result = null_adapter(server, _seconds_until(anchor) + SUSTAINED_SECONDS)
    yield (f"durable_fires_per_s.{store}", result["fires_per_s"], "1/s", result["fires"])
