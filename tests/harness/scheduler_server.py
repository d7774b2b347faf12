"""The scheduler under test, driven through its own command line."""

from __future__ import annotations

import json
import subprocess
import urllib.request
from pathlib import Path
from typing import Any

from tests.harness.ports import free_port
from tests.harness.processes import VENV_BIN, Program, build_dir


class CliError(Exception):
    """The command line ended with a code other than 0."""

    def __init__(self, code: int, stderr: str) -> None:
        super().__init__(f"exit {code}: {stderr.strip()}")
        self.code = code
        self.stderr = stderr


class SchedulerServer(Program):
    """`z4j-scheduler serve`; without a database it is the embedded default."""

    def __init__(
        self,
        folder: Path,
        *,
        name: str = "scheduler",
        database: str = "",
        args: tuple[str, ...] = (),
        host: str = "127.0.0.1",
    ) -> None:
        self.port = free_port()
        self.http_port = free_port()
        self.host = host
        self.address = f"{host}:{self.port}"
        self.binary = build_dir() / "services" / "scheduler" / "z4j-scheduler"
        command = [str(self.binary), "serve", "--listen", self.address]
        command += ["--http-listen", f"{host}:{self.http_port}"]
        command += ["--data-dir", str(folder / "data"), "--node-id", name]
        if database:
            command += ["--database", database]
        super().__init__(name, [*command, *args], folder)

    def get(self, path: str) -> str:
        """One HTTP GET."""
        with urllib.request.urlopen(
            f"http://{self.host}:{self.http_port}{path}", timeout=5
        ) as page:
            return str(page.read().decode())

    def ready(self) -> bool:
        """/readyz answers."""
        return bool(self.get("/readyz") or True)

    def cli(self, *args: str) -> Any:
        """Runs a client verb with `-o json` and returns what it printed.

        Raises:
            CliError: The exit code was not 0.
        """
        command = [str(self.binary), *args, "--server", self.address, "-o", "json"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        if done.returncode != 0:
            raise CliError(done.returncode, done.stderr)
        return json.loads(done.stdout) if done.stdout.strip() else None

    def fires(self, schedule: str, *args: str) -> list[dict[str, Any]]:
        """All fires of one schedule, oldest first."""
        listed = self.cli("fire", "list", "--schedule", schedule, "--limit", "100000", *args)
        return sorted(listed, key=lambda fire: str(fire["dueTime"]))


def stub_adapter(folder: Path, *servers: SchedulerServer) -> Program:
    """An adapter for the engine "stub", which runs nothing."""
    command = [str(VENV_BIN / "z4j-adapter"), "stub"]
    for server in servers:
        command += ["--scheduler", server.address]
    return Program("stub-adapter", command, folder)
