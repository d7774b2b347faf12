"""An adapter whose engine notes every hand-over and every run in a file that outlives it.

    python -m tests.chaos.recording_stub FILE INSTANCE HOST:PORT…

The file stands for a broker: several adapters may share it, and a fire that is handed over again,
to whichever of them, is not run again.  It is known again by its *id*: two ids for one due time are
two runs, which the checker finds.
"""

from __future__ import annotations

import asyncio
import signal
import sqlite3
import sys
import time
from collections.abc import Sequence

from z4j_adapters import Fire, Result, ResultCode, Runtime, RuntimeOptions
from z4j_adapters.engines.stub import StubEngine, StubOptions

SCHEMA = """
CREATE TABLE IF NOT EXISTS handovers (fire_id TEXT, schedule TEXT, due_us INTEGER, at_us INTEGER);
CREATE TABLE IF NOT EXISTS runs (fire_id TEXT PRIMARY KEY, schedule TEXT, due_us INTEGER,
                                 at_us INTEGER);
"""


class RecordingEngine(StubEngine):
    """The stub, with a memory of its own."""

    def __init__(self, path: str) -> None:
        super().__init__(StubOptions(outcomes="final"))
        self._file = sqlite3.connect(path, timeout=30, isolation_level=None)
        # What a killed process has written stays; nobody cuts the power.
        self._file.execute("PRAGMA journal_mode=WAL")
        self._file.execute("PRAGMA synchronous=OFF")
        self._file.executescript(SCHEMA)

    async def dispatch(self, fires: Sequence[Fire]) -> list[Result]:
        new, results = [], []
        at_us = time.time_ns() // 1000
        self._file.execute("BEGIN IMMEDIATE")
        for fire in fires:
            noted = (fire.id, fire.template.schedule, fire.due_us, at_us)
            self._file.execute("INSERT INTO handovers VALUES (?, ?, ?, ?)", noted)
            run = self._file.execute("INSERT OR IGNORE INTO runs VALUES (?, ?, ?, ?)", noted)
            if run.rowcount:
                new.append(fire)
            else:
                results.append(Result(fire.id, fire.ref, ResultCode.DUPLICATE))
        self._file.execute("COMMIT")
        return results + await super().dispatch(new)


async def main(path: str, instance: str, schedulers: Sequence[str]) -> None:
    """Runs until SIGTERM."""
    runtime = Runtime(RecordingEngine(path), RuntimeOptions(tuple(schedulers), instance))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, runtime.stop)
    await runtime.run()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3:]))
