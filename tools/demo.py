"""The main job, seen: schedules fire tasks of a real Celery worker for 20 s.

Starts Redis, an unmodified Celery worker, the adapter and the scheduler on its embedded default,
creates three schedules, shows fires and the worker's own output side by side, verifies the audit
chain and stops everything again.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from contextlib import ExitStack
from datetime import datetime, timedelta, timezone
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.harness.celery_side import CeleryAdapter, CeleryWorker  # noqa: E402
from tests.harness.processes import wait_for  # noqa: E402
from tests.harness.redis_server import RedisServer  # noqa: E402
from tests.harness.scheduler_server import SchedulerServer  # noqa: E402

SECONDS = 20


def create_schedules(server: SchedulerServer) -> None:
    """Three kinds of schedule, through the command line."""
    soon = (datetime.now(timezone.utc) + timedelta(seconds=7)).isoformat(timespec="seconds")
    add = ["--task", "demo.add", "--args", "[20, 22]"]
    commands = [
        ["hello", "--interval", "1s", "--task", "demo.greet", "--args", '["Ada"]'],
        ["sums", "--cron", "*/5 * * * * *", "--time-zone", "Europe/Berlin", *add],
        ["once", "--at", soon, "--task", "demo.greet", "--args", '["the one-shot"]'],
    ]
    for command in commands:
        words = ["schedule", "create", *command, "--engine", "celery"]
        quoted = (f"'{word}'" if set(word) & set(' *"[]') else word for word in words)
        print("$ z4j-scheduler " + " ".join(quoted), flush=True)
        server.cli(*words)


def show(server: SchedulerServer, worker: CeleryWorker) -> int:
    """Prints what is new on both sides, once a second; returns how many fires succeeded."""
    print(f"\n{'fires: due (UTC)':<30}{'schedule':<10}{'state':<14}| the worker's own output")
    print("-" * 100)
    shown: set[str] = set()
    read = 0
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        fires = server.cli("fire", "list", "--limit", "200")
        final = [
            f for f in fires if f["state"] in ("STATE_SUCCEEDED", "STATE_FAILED", "STATE_SKIPPED")
        ]
        left = []
        for fire in sorted(final, key=lambda f: str(f["dueTime"])):
            if fire["name"] not in shown:
                shown.add(fire["name"])
                schedule = fire["name"].split("/")[3]
                state = fire["state"].removeprefix("STATE_")
                left.append(f"{fire['dueTime']:<30}{schedule:<10}{state:<14}")
        log = worker.log()
        lines = [line.split("] ", 1)[-1] for line in log[read:].splitlines()]
        right = [line for line in lines if line.startswith("hello,") or " = " in line]
        read = len(log)
        for i in range(max(len(left), len(right))):
            a = left[i] if i < len(left) else " " * 54
            print(f"{a}| {right[i] if i < len(right) else ''}", flush=True)
        time.sleep(0.5)
    return len(shown)


def main() -> int:
    """Runs the demo; exit code 0 if fires succeeded and the chain verifies."""
    folder = Path(tempfile.mkdtemp(prefix="z4j-demo-"))
    try:
        with ExitStack() as stack:
            print("starting Redis, the scheduler (SQLite), a Celery worker and the adapter …")
            broker = stack.enter_context(RedisServer(folder, durable=False))
            server = stack.enter_context(SchedulerServer(folder))
            worker = stack.enter_context(CeleryWorker(folder, "tasks:app", DEMO_BROKER=broker.url))
            stack.enter_context(CeleryAdapter(folder, [server.address], broker.url))
            wait_for("the adapter to be listed", lambda: server.cli("adapter", "list"))
            create_schedules(server)
            count = show(server, worker)
            verdict = server.cli("audit", "verify")
            print(f"\n{count} fires ran.  audit verify: {verdict}")
            return 0 if count >= SECONDS - 2 else 1
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        print("stopped everything that was started.")


if __name__ == "__main__":
    sys.exit(main())
