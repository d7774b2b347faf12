"""`z4j-scheduler import` as tests drive it: one source, one project of a running node."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.harness.celery_project import CeleryProject
from tests.harness.import_source import StandInSource
from tests.harness.scheduler_server import SchedulerServer


class Import:
    """The command, for one source and one project."""

    def __init__(
        self, server: SchedulerServer, source: StandInSource | CeleryProject, project: str
    ) -> None:
        self.server, self.source, self.project = server, source, project

    def command(
        self, *args: str, reader: tuple[str, ...] = ("--from", "stand-in"), server: str = ""
    ) -> list[str]:
        words = [str(self.server.binary), "import", *reader, "--project", self.project]
        return [*words, "--server", server or self.server.address, *args]

    def environment(self) -> dict[str, str]:
        variables = {k: v for k, v in os.environ.items() if k != "VIRTUAL_ENV"}
        python = Path(sys.executable).parent
        return {
            **variables,
            "PYTHONPATH": str(self.source.path),
            "PATH": f"{python}:{variables['PATH']}",
        }

    def run(self, *args: str, **how: Any) -> subprocess.CompletedProcess[str]:
        """Runs it to its end with the source as it was set."""
        self.source.write()
        return subprocess.run(
            self.command(*args, **how),
            capture_output=True,
            text=True,
            timeout=120,
            env=self.environment(),
        )

    def json(self, *args: str, code: int = 0) -> dict[str, Any]:
        """What it says with -o json; the exit code must be `code`."""
        done = self.run(*args, "-o", "json")
        assert done.returncode == code, done.stderr
        said: dict[str, Any] = json.loads(done.stdout)
        return said

    def plan(self, *args: str, code: int = 0) -> dict[str, str]:
        """Id → what is planned."""
        return {x["id"]: x["plan"] for x in self.json(*args, code=code)["schedules"]}

    def stored(self) -> dict[str, dict[str, Any]]:
        """The project's schedules by id."""
        listed = self.server.cli("schedule", "list", "--limit", "100000", "-p", self.project)
        return {str(x["name"]).split("/")[-1]: x for x in listed}
