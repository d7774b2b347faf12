"""Workers, apps and adapters of Dramatiq for tests."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import textwrap
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from harness import Process, wait_for
from ports import free_port
from z4j_adapters.engines.dramatiq.app import DramatiqOptions
from z4j_adapters.engines.dramatiq.engine import new_engine
from z4j_adapters.testing import Watcher

HERE = Path(__file__).resolve().parent


@contextlib.asynccontextmanager
async def opened(**options: Any) -> AsyncIterator[tuple[Any, Watcher]]:
    """Opens an engine and watches it."""
    engine = new_engine(DramatiqOptions(**options))
    await engine.start()
    watcher = Watcher(engine)
    try:
        yield engine, watcher
    finally:
        await watcher.close()
        await engine.close()


def write_app(folder: Path, text: str) -> dict[str, Any]:
    """Writes a user's app; returns the options that load it, under a name of its own."""
    name = f"app{free_port()}"
    (folder / f"{name}.py").write_text(textwrap.dedent(text))
    return {"app": f"{name}:broker", "workdir": folder}


class DramatiqWorker(Process):
    """An unmodified `dramatiq` of dramatiq_app.py; one process."""

    def __init__(
        self, folder: Path, broker: str, record: Path, *, threads: int = 4, **settings: Any
    ) -> None:
        """`results` among the settings is the URL of a result backend; the rest is the broker's."""
        command = [sys.executable, "-m", "dramatiq", "dramatiq_app", "--processes", "1"]
        super().__init__(
            [*command, "--threads", str(threads)],
            folder,
            f"worker{free_port()}",
            PYTHONPATH=str(HERE),
            CONTRACT_BROKER=broker,
            CONTRACT_RECORD=str(record),
            CONTRACT_RESULTS=settings.pop("results", ""),
            CONTRACT_SETTINGS=json.dumps(settings),
            dramatiq_worker_timeout="50",
            dramatiq_restart_delay="200",
        )

    def start(self, *, wait: bool = True) -> None:
        """Starts it and waits until it consumes."""
        before = self._ready()
        super().start()
        if wait:
            try:
                wait_for("the worker", lambda: self._ready() > before, 40)
            except TimeoutError as error:
                raise TimeoutError(f"{error}\n{self.log()[-3000:]}") from None

    def kill(self) -> None:
        """Ends it and its children at once."""
        if self.child is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.child.pid, signal.SIGKILL)
        self.child.wait(10)

    def _ready(self) -> int:
        return self.log().count("Worker process is ready for action.")
