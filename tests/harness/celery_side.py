"""The user's side: a real Celery worker, and our adapter beside its broker."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from tests.harness.processes import ROOT, VENV_BIN, Program


class CeleryWorker(Program):
    """An unmodified `celery worker`; ready when it says so."""

    def __init__(
        self,
        folder: Path,
        app: str,
        *,
        name: str = "worker",
        args: tuple[str, ...] = (),
        **env: str,
    ) -> None:
        command = [sys.executable, "-m", "celery", "-A", app, "worker", "--loglevel", "INFO"]
        command += ["-n", f"{name}@%h", "--pool", "prefork", "--concurrency", "2", *args]
        path = os.pathsep.join([str(ROOT), str(ROOT / "examples" / "celery")])
        super().__init__(name, command, folder, PYTHONPATH=path, **env)

    def ready(self) -> bool:
        """Has connected to its broker."""
        return " ready." in self.log()


class CeleryAdapter(Program):
    """`z4j-adapter celery`; ready when it is connected to a scheduler."""

    def __init__(
        self,
        folder: Path,
        schedulers: list[str],
        broker: str,
        *,
        name: str = "adapter",
        args: tuple[str, ...] = (),
    ) -> None:
        command = [str(VENV_BIN / "z4j-adapter"), "celery", "--broker", broker]
        for address in schedulers:
            command += ["--scheduler", address]
        super().__init__(name, [*command, "--instance", name, *args], folder)
