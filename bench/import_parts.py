"""Imports of many schedules: written, planned and proved by the command that users run."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime, timezone
from pathlib import Path

from bench.rig import Row, postgres_server, sqlite_server
from tests.harness.processes import VENV_BIN
from tests.harness.scheduler_server import SchedulerServer

IMPORTED = int(os.environ.get("Z4J_BENCH_IMPORTED", "100000"))
PLANNED = 10_000
PROVED, TIMES = 1_000, 1_000

# Crontabs with arguments of their own, in a zone that changes its clock.
PROJECT = """
from celery import Celery
from celery.schedules import crontab


def hours(i):
    return f"{i % 24},{(i + 1 + i // 24) % 24}"


app = Celery("many", broker="memory://")
app.conf.update(timezone="Europe/Berlin", result_expires=None)
app.conf.beat_schedule = {
    f"entry-{i}": {
        "task": "many.task",
        "schedule": crontab(minute=i % 60, hour=f"{i % 24},{(i + 7) % 24}" if ALIKE else hours(i)),
        "args": (i, "two"),
        "options": {"queue": f"q{i % 5}"},
    }
    for i in range(COUNT)
}
"""


def _seconds(server: SchedulerServer, folder: Path, *args: str) -> float:
    """How long the command takes, from its start to its end."""
    command = [str(server.binary), "import", *args, "--server", server.address]
    environment = {**os.environ, "PYTHONPATH": str(folder), "VIRTUAL_ENV": str(VENV_BIN.parent)}
    begin = time.monotonic()
    with (folder / "output").open("wb") as output:
        done = subprocess.run(command, stdout=output, stderr=subprocess.PIPE, env=environment)
    took = time.monotonic() - begin
    assert done.returncode in (0, 1), f"exit {done.returncode}: {done.stderr.decode()[-2000:]}"
    return took


def _written(folder: Path) -> float:
    """For how many seconds the last command wrote, as it says itself."""
    told = re.findall(
        r"^import .* written, .* in ([\d.]+) s$", (folder / "output").read_text(), re.M
    )
    return float(told[-1])


def _lines(path: Path, count: int, hour: int) -> None:
    """What a reader would write of so many daily crontabs."""
    source = {"kind": "bench", "version": "1", "locator": "many"}
    end = {"type": "end", "schedules": count, "refused": 0}
    with path.open("w") as file:
        first = {"type": "source", **source, "libraries": {}, "tzdata": "2025b"}
        now = datetime.now(timezone.utc).isoformat(timespec="seconds").replace("+00:00", "Z")
        print(json.dumps({**first, "read_at": now}), file=file)
        for i in range(count):
            cron = {"minute": str(i % 60), "hour": str((hour + i // 60) % 24)}
            schedule = {
                "engine": "celery",
                "task": "many.task",
                "argsJson": f'[{i},"two"]',
                "spec": {"cron": {**cron, "dayMatch": "DAY_MATCH_AND"}},
                "timeZone": "Europe/Berlin",
            }
            line = {"type": "schedule", "id": f"entry-{i}", "schedule": schedule}
            more = {"exactness": "EXACT", "reasons": [], "warnings": [], "becomes": "cron"}
            origin = {**source, "key": f"entry-{i}", "raw": f"crontab({cron})"}
            print(json.dumps({**line, **more, "source": origin}), file=file)
        print(json.dumps(end), file=file)


def writes(folder: Path, stack: ExitStack) -> Iterator[Row]:
    """Schedules created, and then changed, with an audit entry each, on PostgreSQL."""
    server, _ = postgres_server(folder, stack)
    for name, hour in (("create", 3), ("update", 4), ("unchanged", 4)):
        _lines(folder / "lines", IMPORTED, hour)
        took = _seconds(server, folder, "--file", str(folder / "lines"), "--apply", "--prove", "0")
        yield (f"import_per_s.{name}", IMPORTED / took, "1/s", IMPORTED)
        if name != "unchanged":
            yield (f"import_per_s.{name}.written", IMPORTED / _written(folder), "1/s", IMPORTED)
    assert server.cli("audit", "verify")["valid"]


def plans(folder: Path, stack: ExitStack) -> Iterator[Row]:
    """A plan of a real Celery app, and the proof of a smaller one against Celery's own code."""
    server = sqlite_server(folder, stack)
    reader = ("--from", "celery", "--celery-app", "many:app", "--python", sys.executable)
    (folder / "many.py").write_text(f"COUNT, ALIKE = {PLANNED}, True\n{PROJECT}")
    took = _seconds(server, folder, *reader, "--prove", "0")
    yield ("import_plan_s.10k_celery", took, "s", PLANNED)
    for name, alike in (("celery", True), ("celery_different", False)):
        (folder / "many.py").write_text(f"COUNT, ALIKE = {PROVED}, {alike}\n{PROJECT}")
        took = _seconds(server, folder, *reader, "--prove", str(TIMES))
        yield (f"prove_per_s.{name}", PROVED / took, "1/s", PROVED)
    lines = folder / "lines"
    words = [sys.executable, "-m", "z4j_adapters", "import", *reader[:4], "--fires", str(TIMES)]
    with lines.open("wb") as output:
        subprocess.run(words, stdout=output, check=True, cwd=folder)
    took = _seconds(server, folder, "--file", str(lines))
    yield ("prove_per_s.read", PROVED / took, "1/s", PROVED)
