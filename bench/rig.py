"""What the parts have in common: servers, schedules, and the adapter that does nothing."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from contextlib import ExitStack
from datetime import datetime, timedelta
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

from tests.harness.postgres_server import PostgresServer
from tests.harness.processes import build_dir
from tests.harness.scheduler_server import SchedulerServer

# (name, value, unit, n[, peer, peer's value])
Row = tuple[Any, ...]


def binary(name: str) -> str:
    """One of bench/'s own programs."""
    return str(build_dir() / "bench" / name)


def sqlite_server(folder: Path, stack: ExitStack) -> SchedulerServer:
    """The embedded default, as it is without any set-up."""
    return stack.enter_context(SchedulerServer(folder, args=("--log-level", "warning")))


def postgres_server(folder: Path, stack: ExitStack) -> tuple[SchedulerServer, PostgresServer]:
    """A node on a PostgreSQL of its own, with fsync on and memory as on a small server."""
    postgres = stack.enter_context(
        PostgresServer(folder, settings={"shared_buffers": "1GB", "max_wal_size": "16GB"})
    )
    keys = folder / "audit.keys"
    keys.write_text("k1:" + "ab" * 32 + "\n")
    keys.chmod(0o600)
    args = ("--audit-key-file", str(keys), "--log-level", "warning")
    server = SchedulerServer(folder, database=postgres.dsn, args=args)
    return stack.enter_context(server), postgres


def server_on(store: str, folder: Path, stack: ExitStack) -> SchedulerServer:
    """A node on "sqlite" or "postgres"."""
    if store == "sqlite":
        return sqlite_server(folder, stack)
    return postgres_server(folder, stack)[0]


def interval(
    engine: str, period: timedelta, anchor: datetime, args_json: str = '[1, "two"]'
) -> schedule_pb2.Schedule:
    """An interval that begins at its anchor."""
    schedule = schedule_pb2.Schedule(
        engine=engine, task="bench.task", args_json=args_json, kwargs_json='{"three": 3}'
    )
    schedule.spec.interval.period.FromTimedelta(period)
    schedule.spec.interval.anchor_time.FromDatetime(anchor)
    schedule.start_time.FromDatetime(anchor)
    return schedule


def create_many(
    server: SchedulerServer, count: int, schedule: Callable[[int], schedule_pb2.Schedule]
) -> None:
    """Creates schedule(0) … schedule(count - 1), 1000 a call."""
    with grpc.insecure_channel(server.address) as channel:
        stub = schedule_service_pb2_grpc.ScheduleServiceStub(channel)
        for first in range(0, count, 1000):
            request = schedule_service_pb2.BatchCreateSchedulesRequest(parent="projects/bench")
            for i in range(first, min(first + 1000, count)):
                request.items.add(schedule_id=f"s{i}", schedule=schedule(i))
            stub.BatchCreateSchedules(request, timeout=120)


def status(server: SchedulerServer) -> cluster_pb2.GetStatusResponse:
    """What the node says of itself."""
    with grpc.insecure_channel(server.address) as channel:
        stub = cluster_pb2_grpc.ClusterServiceStub(channel)
        return stub.GetStatus(cluster_pb2.GetStatusRequest(), timeout=10)


def null_adapter(server: SchedulerServer, seconds: float) -> dict[str, float]:
    """Runs the adapter that does nothing for so long, and returns its figures."""
    command = [binary("null_adapter"), server.address, str(seconds)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return dict(json.loads(done.stdout))
