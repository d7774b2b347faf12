"""Six engines, seen: one schedule each fires tasks of six real workers for 20 s.

Starts Redis, the scheduler on its embedded default, and a worker and an adapter of each engine;
shows what each worker printed and how its fires ended.  The exit code is 1 if one ran too few.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.harness.processes import Program, wait_for  # noqa: E402
from tests.harness.redis_server import RedisServer  # noqa: E402
from tests.harness.scheduler_server import SchedulerServer  # noqa: E402

SECONDS = 20
LATE_FIRES = 4  # Due while the demo ends, or before an adapter was there.


@dataclass(frozen=True)
class Engine:
    """How its worker is started, and what its schedule runs."""

    name: str
    worker: tuple[str, ...]
    task: str
    adapter: tuple[str, ...]
    venv: str = "venv"

    def bin(self, program: str) -> str:
        """Where its environment has a program."""
        return str(ROOT / "build" / self.venv / "bin" / program)


def engines(url: str) -> list[Engine]:
    """The six; arq's library wants an older redis than the others', hence an environment."""
    broker = ("--broker", url)
    celery = ("celery", "-A", "tasks", "worker", "--concurrency", "1", "--loglevel", "WARNING")
    results = ("--result-backend", url)
    return [
        Engine("celery", celery, "demo.greet", broker),
        Engine("rq", ("rq", "worker", "--url", url, "default"), "jobs.greet", broker),
        Engine("dramatiq", ("dramatiq", "actors", "-p", "1", "-t", "1"), "greet", broker),
        Engine("huey", ("huey_consumer", "shop.huey"), "shop.greet", (*broker, "--name", "shop")),
        Engine("arq", ("arq", "worker.WorkerSettings"), "greet", broker, "venv-arq"),
        Engine(
            "taskiq",
            ("taskiq", "worker", "tkq:broker", "-w", "1"),
            "tkq:greet",
            (*broker, *results),
        ),
    ]


def start(engine: Engine, folder: Path, server: SchedulerServer, url: str) -> tuple[Program, ...]:
    """Its worker and its adapter, begun."""
    path = os.pathsep.join([str(ROOT / "examples" / engine.name), str(ROOT / "adapters" / "src")])
    program, *args = engine.worker
    worker = Program(
        f"{engine.name}-worker",
        [engine.bin(program), *args],
        folder / engine.name,
        PYTHONPATH=path,
        PYTHONUNBUFFERED="1",
        DEMO_BROKER=url,
    )
    command = [engine.bin("z4j-adapter"), engine.name, *engine.adapter]
    adapter = Program(
        f"{engine.name}-adapter", [*command, "--scheduler", server.address], folder / engine.name
    )
    return worker, adapter


def create(engine: Engine, server: SchedulerServer) -> None:
    """One schedule, through the command line."""
    words = ["schedule", "create", f"{engine.name}-hello", "--interval", "1s"]
    words += ["--engine", engine.name, "--task", engine.task, "--args", f'["{engine.name}"]']
    print("$ z4j-scheduler " + " ".join(f"'{w}'" if '"' in w else w for w in words), flush=True)
    server.cli(*words)


def ends(server: SchedulerServer) -> dict[str, Counter[str]]:
    """How the fires of each schedule ended."""
    found: dict[str, Counter[str]] = {}
    for fire in server.cli("fire", "list", "--limit", "1000"):
        schedule = str(fire["name"]).split("/")[3]
        state = str(fire["state"]).removeprefix("STATE_")
        found.setdefault(schedule, Counter())[state] += 1
    return found


def show(all_engines: list[Engine], workers: list[Program], server: SchedulerServer) -> bool:
    """Prints both sides; whether every engine ran what it should."""
    print(f"\n{'engine':<10}{'the worker printed':<28}its fires")
    good, states = True, ends(server)
    for engine, worker in zip(all_engines, workers, strict=True):
        count = worker.log().count(f"hello, {engine.name}")
        mine = states.get(f"{engine.name}-hello", Counter())
        good = good and mine["SUCCEEDED"] >= SECONDS - LATE_FIRES and not mine["FAILED"]
        printed = f"{count} times hello, {engine.name}"
        print(f"{engine.name:<10}{printed:<28}{', '.join(f'{n} {s}' for s, n in mine.items())}")
    return good


def main() -> int:
    """Runs the demo."""
    folder = Path(tempfile.mkdtemp(prefix="z4j-demo-"))
    try:
        with ExitStack() as stack:
            print("starting Redis, the scheduler (SQLite), six workers and their adapters …")
            url = stack.enter_context(RedisServer(folder, durable=False)).url
            server = stack.enter_context(SchedulerServer(folder))
            six = engines(url)
            workers = []
            for engine in six:
                worker, adapter = start(engine, folder, server, url)
                for program in (worker, adapter):
                    stack.callback(program.stop)
                    program.launch()
                workers.append(worker)
            wait_for("six adapters", lambda: len(server.cli("adapter", "list")) == len(six), 60)
            for engine in six:
                create(engine, server)
            print(f"\nfiring for {SECONDS} s …", flush=True)
            time.sleep(SECONDS)
            good = show(six, workers, server)
            print(f"\naudit verify: {server.cli('audit', 'verify')}")
            if not good:
                for worker in workers:
                    print(f"--- {worker.name}\n{worker.log()[-1500:]}")
            return 0 if good else 1
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        print("stopped everything that was started.")


if __name__ == "__main__":
    sys.exit(main())
