"""Another scheduler with its project and its Redis, and ours beside it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from tests.harness.processes import Program, wait_for
from tests.harness.redis_server import RedisServer
from tests.harness.scheduler_server import SchedulerServer


class OldScheduler:
    """What runs is `program`, once it is started; its schedules here are in shadow."""

    def __init__(
        self,
        folder: Path,
        stack: ExitStack,
        *,
        project: dict[str, str],
        command: tuple[str, ...],
        reader: tuple[str, ...],
        watcher: tuple[str, ...],
        queue: str,
    ) -> None:
        """`project`: module → text, in the Python path.  `command`: words after `python -m`.
        `reader`, `watcher`: flags of `import` and of `import shadow`.  {url} is Redis's.
        `queue`: the list there into which jobs go."""
        self.folder = folder
        self._queue = queue
        for name, text in project.items():
            (folder / f"{name}.py").write_text(textwrap.dedent(text))
        self.redis = stack.enter_context(RedisServer(folder))
        self.scheduler = stack.enter_context(SchedulerServer(folder))
        own = {"BROKER": self.redis.url, "PYTHONPATH": str(folder)}
        self.environment = {**os.environ, **own}
        self._watcher = [word.format(url=self.redis.url) for word in watcher]
        words = [sys.executable, "-m", *(word.format(url=self.redis.url) for word in command)]
        self.program = Program("old", words, folder, **own)
        stack.callback(self.program.stop)
        flags = [word.format(url=self.redis.url) for word in reader]
        created = self.run(*flags, "--apply", "--shadow")
        assert created.returncode == 0, created.stdout + created.stderr

    def start(self) -> None:
        """Starts it, and waits for its first job."""
        self.program.start()
        wait_for("its first job", lambda: self.redis.client().llen(self._queue))

    def words(self, *args: str) -> list[str]:
        """An `import` command."""
        words = [str(self.scheduler.binary), "import", *args, "--python", sys.executable]
        return [*words, "--server", self.scheduler.address]

    def run(self, *args: str) -> subprocess.CompletedProcess[str]:
        """Runs one to its end."""
        return subprocess.run(
            self.words(*args),
            capture_output=True,
            text=True,
            timeout=120,
            env=self.environment,
            cwd=self.folder,
        )

    def shadow(self, *args: str, code: int = 0) -> dict[str, Any]:
        """A shadow run with -o json; the exit code must be `code`."""
        done = self.run("shadow", *self._watcher, "-o", "json", *args)
        assert done.returncode == code, done.stdout + done.stderr
        said: dict[str, Any] = json.loads(done.stdout)
        return said


def by_id(said: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The schedules of a report."""
    return {line["id"]: line for line in said["schedules"]}
