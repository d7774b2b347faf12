"""Workers and engines for the tests of TaskIQ."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from harness import Process, wait_for
from z4j_adapters.engines.taskiq.broker import TaskiqOptions
from z4j_adapters.engines.taskiq.engine import TaskiqEngine
from z4j_adapters.testing import Watcher

HERE = Path(__file__).resolve().parent


class TaskiqWorker(Process):
    """An unmodified `taskiq worker` of taskiq_app.py."""

    def __init__(
        self, folder: Path, *args: str, broker: str, results: str, record: Path, **settings: Any
    ) -> None:
        command = [sys.executable, "-m", "taskiq", "worker", "taskiq_app:broker", "--workers", "1"]
        super().__init__(
            [*command, *args],
            folder,
            "worker",
            PYTHONPATH=str(HERE),
            CONTRACT_BROKER=broker,
            CONTRACT_RESULTS=results,
            CONTRACT_RECORD=str(record),
            CONTRACT_SETTINGS=json.dumps(settings),
        )

    def start(self) -> None:
        """Starts it and waits until it consumes."""
        before = self._ready()
        super().start()
        wait_for("the worker", lambda: "is dead" in self.log() or self._ready() > before, 40)
        assert self._ready() > before, self.log()[-3000:]

    def _ready(self) -> int:
        return self.log().count("Listening started.")

    def stop(self, *args: int, **kwargs: float) -> int:
        """Kills it: leaving in order takes TaskIQ seconds, and no test asks for it."""
        if self.child is not None and self.child.poll() is None:
            self.kill()
        return 0

    def kill(self) -> None:
        """Kills it with its children, which do the work."""
        assert self.child is not None
        os.killpg(self.child.pid, signal.SIGKILL)
        self.child.wait(10)


@contextlib.asynccontextmanager
async def opened(**options: Any) -> AsyncIterator[tuple[TaskiqEngine, Watcher]]:
    """Opens an engine and watches it."""
    engine = TaskiqEngine(TaskiqOptions(**options))
    await engine.start()
    watcher = Watcher(engine)
    try:
        yield engine, watcher
    finally:
        await watcher.close()
        await engine.close()


def users_broker(
    monkeypatch: pytest.MonkeyPatch, *, broker: str, results: str, **settings: Any
) -> str:
    """Names the worker's broker object, to be imported afresh, as --app does."""
    monkeypatch.setenv("CONTRACT_BROKER", broker)
    monkeypatch.setenv("CONTRACT_RESULTS", results)
    monkeypatch.setenv("CONTRACT_SETTINGS", json.dumps(settings))
    sys.modules.pop("taskiq_app", None)
    return "taskiq_app:broker"
