"""The user's side of each engine: an unmodified worker, and our adapter beside its broker.

The workers run the apps of the adapters' own tests, which note the id and arguments of each run of
their `echo` in a file, a line each; `fail` raises ValueError("as it should").
"""

from __future__ import annotations

import json
import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from tests.harness.processes import ROOT, Program

TESTS = ROOT / "adapters" / "tests"


@dataclass(frozen=True)
class EngineSide:
    """How the worker and the adapter of an engine are started on Redis, and its tasks' names."""

    name: str
    worker_args: tuple[str, ...]
    """After `python -m`; {url} is the broker's."""
    adapter_args: tuple[str, ...] = ()
    echo: str = "contract.echo"
    fail: str = "contract.fail"
    settings: str = "{}"
    results: str = ""
    venv: str = "venv"

    def program(self, name: str) -> str:
        """A program of its environment."""
        return str(ROOT / "build" / self.venv / "bin" / name)

    def worker(self, folder: Path, url: str, record: Path) -> Program:
        """Not started yet; notes runs in `record`."""
        command = [self.program("python"), "-m", *(a.format(url=url) for a in self.worker_args)]
        path = [TESTS, TESTS / "engines", ROOT / "adapters" / "src"]
        return Program(
            "worker",
            command,
            folder,
            PYTHONPATH=os.pathsep.join(map(str, path)),
            CONTRACT_BROKER=url,
            CONTRACT_RECORD=str(record),
            CONTRACT_SETTINGS=self.settings.replace("{url}", url),
            CONTRACT_RESULTS=self.results.format(url=url),
            CONTRACT_ATTACH="1",
        )

    def adapter(self, folder: Path, url: str, scheduler: str, instance: str = "") -> Program:
        """Not started yet; dials the scheduler at this address, under a name of its own if any."""
        command = [self.program("z4j-adapter"), self.name, "--broker", url]
        command += [argument.format(url=url) for argument in self.adapter_args]
        if instance:
            command += ["--instance", instance]
        name = f"adapter-{instance}" if instance else "adapter"
        return Program(name, [*command, "--scheduler", scheduler], folder)


# Two threads or processes each, and what tells how every run ends.
_SIDES = (
    EngineSide(
        "celery",
        ("celery", "-A", "worker_app", "worker", "--concurrency", "2", "--loglevel", "WARNING"),
        ("--result-backend", "{url}"),
        settings='{"result_backend": "{url}"}',
    ),
    EngineSide(
        "rq",
        ("rq.cli", "worker", "--url", "{url}", "--worker-class", "rq.SimpleWorker", "--quiet"),
        echo="rq_app.echo",
        fail="rq_app.fail",
    ),
    EngineSide("dramatiq", ("dramatiq", "dramatiq_app", "--processes", "1", "--threads", "2")),
    EngineSide(
        "huey",
        ("huey.bin.huey_consumer", "huey_app.huey", "--workers", "2", "--no-periodic"),
        ("--name", "contract-app"),
        echo="huey_app.echo",
        fail="huey_app.fail",
        settings='{"url": "{url}"}',
    ),
    EngineSide("arq", ("arq", "arq_app.WorkerSettings"), venv="venv-arq"),
    EngineSide(
        "taskiq",
        ("taskiq", "worker", "taskiq_app:broker", "--workers", "1", "--log-level", "WARNING"),
        ("--result-backend", "{url}"),
        results="{url}",
    ),
)
ENGINE_SIDES = {side.name: side for side in _SIDES}


def count_runs(record: Path) -> int:
    """How many workers noted so far; cheap."""
    return record.read_bytes().count(b"\n") if record.exists() else 0


def runs(record: Path) -> Counter[str]:
    """How often each id was run, by what workers noted so far."""
    lines = record.read_text().splitlines() if record.exists() else []
    return Counter(str(json.loads(line)[0]) for line in lines)
