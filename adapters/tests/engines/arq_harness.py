"""Unmodified arq workers and opened engines for the tests of the arq engine."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from harness import Process, wait_for
from z4j_adapters.engines.arq.app import ArqOptions
from z4j_adapters.engines.arq.engine import ArqEngine
from z4j_adapters.testing import Watcher

HERE = Path(__file__).resolve().parent


class ArqWorker(Process):
    """`arq arq_app.WorkerSettings`, with some of its settings replaced."""

    def __init__(
        self,
        folder: Path,
        broker: str,
        record: Path,
        *,
        app: str = "arq_app.WorkerSettings",
        **settings: Any,
    ) -> None:
        super().__init__(
            [sys.executable, "-m", "arq", app],
            folder,
            f"worker-{id(self)}",
            PYTHONPATH=os.pathsep.join([str(HERE), os.environ.get("PYTHONPATH", "")]),
            CONTRACT_BROKER=broker,
            CONTRACT_RECORD=str(record),
            CONTRACT_SETTINGS=json.dumps(settings),
        )

    def start(self) -> None:
        """Starts it and waits until it has reached Redis."""
        super().start()
        try:
            wait_for("the worker", lambda: "redis_version" in self.log(), 40)
        except TimeoutError as error:
            raise TimeoutError(f"{error}\n{self.log()[-3000:]}") from None


@contextlib.asynccontextmanager
async def opened(**options: Any) -> AsyncIterator[tuple[ArqEngine, Watcher]]:
    """Opens an engine and watches it."""
    engine = ArqEngine(ArqOptions(**options))
    await engine.start()
    watcher = Watcher(engine)
    try:
        yield engine, watcher
    finally:
        await watcher.close()
        await engine.close()
