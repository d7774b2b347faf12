"""A Dramatiq worker for tests."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from harness import Process, free_port, wait_for

HERE = Path(__file__).resolve().parent


class DramatiqWorker(Process):
    """An unmodified `dramatiq` of dramatiq_app.py; one process."""

    def __init__(
        self,
        folder: Path,
        broker: str,
        record: Path,
        *args: str,
        results: str = "",
        **settings: Any,
    ) -> None:
        command = [sys.executable, "-m", "dramatiq", "dramatiq_app", "--processes", "1"]
        super().__init__(
            [*command, *(args or ("--threads", "4"))],
            folder,
            f"worker{free_port()}",
            PYTHONPATH=str(HERE),
            CONTRACT_BROKER=broker,
            CONTRACT_RECORD=str(record),
            CONTRACT_SETTINGS=json.dumps(settings),
            CONTRACT_RESULTS=results,
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

    def _ready(self) -> int:
        return self.log().count("Worker process is ready for action.")
