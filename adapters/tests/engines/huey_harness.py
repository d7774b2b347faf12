"""Unmodified Huey consumers, and engines beside them."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from conftest import RecordedTasks
from harness import Process, wait_for
from z4j_adapters.engines.huey.engine import HueyEngine
from z4j_adapters.engines.huey.instance import HueyOptions
from z4j_adapters.testing import Watcher

HERE = Path(__file__).resolve().parent
SRC = HERE.parent.parent / "src"
NAME = "contract-app"


class HueyTasks(RecordedTasks):
    """Those of huey_app.py."""

    echo = "huey_app.echo"
    fail = "huey_app.fail"
    hold = "huey_app.hold"
    unknown = "huey_app.nobody_knows_this"


class HueyConsumer(Process):
    """`huey_consumer huey_app.huey`."""

    def __init__(
        self,
        folder: Path,
        record: Path,
        *args: str,
        kind: str = "RedisHuey",
        attach: bool = True,
        **settings: Any,
    ) -> None:
        command = [sys.executable, "-m", "huey.bin.huey_consumer", "huey_app.huey"]
        command += [
            "--no-periodic",
            "--health-check-interval",
            "1",
            "--delay",
            "0.02",
            "--max-delay",
            "0.05",
            *args,
        ]
        super().__init__(
            command,
            folder,
            "consumer",
            PYTHONPATH=f"{HERE}:{SRC}",
            CONTRACT_KIND=kind,
            CONTRACT_SETTINGS=json.dumps(settings),
            CONTRACT_RECORD=str(record),
            CONTRACT_ATTACH="1" if attach else "",
        )

    def start(self) -> None:
        """Starts it and waits until it consumes."""
        before = self.log().count("commands are available")
        super().start()
        try:
            wait_for("consumer", lambda: self.log().count("commands are available") > before, 40)
        except TimeoutError as error:
            raise TimeoutError(f"{error}\n{self.log()[-3000:]}") from None

    def stop_session(self) -> None:
        """Kills it and its worker processes, as a power cut would."""
        assert self.child
        os.killpg(self.child.pid, signal.SIGKILL)
        self.child.wait()


@contextlib.asynccontextmanager
async def opened(**options: Any) -> AsyncIterator[tuple[HueyEngine, Watcher]]:
    """Opens an engine and watches it."""
    options.setdefault("name", NAME)
    engine = HueyEngine(HueyOptions(**options))
    await engine.start()
    watcher = Watcher(engine)
    try:
        yield engine, watcher
    finally:
        await watcher.close()
        await engine.close()
