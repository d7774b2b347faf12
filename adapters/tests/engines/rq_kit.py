"""Workers and engines for the tests of RQ."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import redis
from conftest import RecordedTasks
from harness import Process, free_port, wait_for
from z4j_adapters.engines.rq.app import RqOptions
from z4j_adapters.engines.rq.engine import RqEngine
from z4j_adapters.testing import Watcher

TASKS = Path(__file__).resolve().parent

Opened = Callable[..., AbstractAsyncContextManager[tuple[RqEngine, Watcher]]]


class RqTasks(RecordedTasks):
    """Reads what rq_app.py records."""

    echo = "rq_app.echo"
    fail = "rq_app.fail"


class RqWorker(Process):
    """An unmodified `rq worker`."""

    def __init__(self, folder: Path, broker: str, record: Path, *args: str) -> None:
        self.name, self.broker = f"w{free_port()}", broker
        command = [sys.executable, "-m", "rq.cli", "worker", "--url", broker, "--name", self.name]
        super().__init__(
            [*command, *args],
            folder,
            self.name,
            PYTHONPATH=os.pathsep.join([str(TASKS), os.environ.get("PYTHONPATH", "")]),
            CONTRACT_RECORD=str(record),
        )

    def start(self) -> None:
        """Starts it and waits until it is registered."""
        super().start()
        client = redis.Redis.from_url(self.broker)
        try:
            wait_for("the worker", lambda: client.exists(f"rq:worker:{self.name}"), 40)
        except TimeoutError as error:
            raise TimeoutError(f"{error}\n{self.log()[-3000:]}") from None


@contextlib.asynccontextmanager
async def opened_engine(**options: Any) -> AsyncIterator[tuple[RqEngine, Watcher]]:
    """Opens an engine and watches it."""
    engine = RqEngine(RqOptions(**options))
    await engine.start()
    watcher = Watcher(engine)
    try:
        yield engine, watcher
    finally:
        await watcher.close()
        await engine.close()
