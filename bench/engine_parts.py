"""Fires a second from the scheduler into each engine's queue on Redis, beside the library's call.

No worker takes them: what is measured ends at the broker.  The adapter asks after every fire's
outcome meanwhile.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from bench.rig import Row, create_many, interval, postgres_server, status
from tests.harness.processes import ROOT, Program, wait_for
from tests.harness.redis_server import RedisServer

# One-second schedules: so many fires a second are asked for.  Fewer and shorter while working on
# something; published figures come from the defaults.
ENTRIES = int(os.environ.get("Z4J_BENCH_ENGINE_SCHEDULES", "12000"))
SECONDS = float(os.environ.get("Z4J_BENCH_ENGINE_S", "8"))
IDLE_S = 5
PEER_S = 3.0
TICKS_PER_S = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Engine:
    """Where its messages come to lie, and what its adapter needs besides the broker."""

    depth: Callable[[Any], int]
    args: tuple[str, ...] = ()
    task: str = "bench.task"
    venv: str = "venv"

    def program(self, name: str) -> str:
        """A program of its environment."""
        return str(ROOT / "build" / self.venv / "bin" / name)


ENGINES = {
    "celery": Engine(lambda redis: redis.llen("celery")),
    "rq": Engine(lambda redis: redis.llen("rq:queue:default")),
    "dramatiq": Engine(lambda redis: redis.llen("dramatiq:default")),
    "huey": Engine(lambda redis: redis.llen("huey.redis.bench"), ("--name", "bench")),
    "arq": Engine(lambda redis: redis.zcard("arq:queue"), venv="venv-arq"),
    "taskiq": Engine(lambda redis: redis.llen("taskiq"), task="bench:task"),
}


def cpu_s(pid: int) -> float:
    """What a process has computed so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_S


def rss_mb(pid: int) -> float:
    """The most memory a process has had."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def fires(name: str, folder: Path, stack: ExitStack) -> Iterator[Row]:
    """One engine: rate, memory and what it takes when there is nothing to do."""
    engine = ENGINES[name]
    redis_server = stack.enter_context(RedisServer(folder, durable=False))
    server, _ = postgres_server(folder, stack)
    command = [engine.program("z4j-adapter"), name, "--broker", redis_server.url, *engine.args]
    adapter = Program("adapter", [*command, "--scheduler", server.address], folder)
    stack.enter_context(adapter)
    wait_for("the adapter", lambda: len(status(server).adapters) == 1)
    before = cpu_s(adapter.pid)
    time.sleep(IDLE_S)
    idle_percent = 100 * (cpu_s(adapter.pid) - before) / IDLE_S
    anchor = datetime.now(timezone.utc).replace(microsecond=0) + timedelta(seconds=9)

    def schedule(i: int) -> Any:
        made = interval(name, timedelta(seconds=1), anchor, f'[{i}, "two"]')
        made.task = engine.task
        return made

    create_many(server, ENTRIES, schedule)
    redis = redis_server.client()
    wait_for("the first fires", lambda: engine.depth(redis) > ENTRIES, 60)
    first, begin = engine.depth(redis), time.monotonic()
    time.sleep(SECONDS)
    count, took = engine.depth(redis) - first, time.monotonic() - begin
    memory, unfinished = rss_mb(adapter.pid), engine.depth(redis)
    adapter.stop()
    server.stop()
    peer = [engine.program("python"), str(ROOT / "bench" / "engine_peers.py"), name]
    done = subprocess.run(
        [*peer, redis_server.url, str(PEER_S)], stdout=subprocess.PIPE, text=True, check=True
    )
    yield (f"engine_fires_per_s.{name}", count / took, "1/s", count, name, float(done.stdout))
    yield (f"adapter_rss_mb.{name}", memory, "MB", unfinished)
    yield (f"adapter_idle_cpu_percent.{name}", idle_percent, "%", IDLE_S)
