"""Unmodified arq workers and opened engines for the tests of the arq engine."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import RecordedTasks
from harness import Process, RedisServer, wait_for
from z4j_adapters import Fire, OutcomeState
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


Workers = Callable[..., ArqWorker]


@pytest.fixture
def server(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[RedisServer]:
    """A Redis of the test's own; it keeps nothing through a kill unless the test asks for it."""
    server = RedisServer(tmp_path, durable=getattr(request, "param", False))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def worker(tmp_path: Path, server: RedisServer, record: RecordedTasks) -> Iterator[Workers]:
    """Makes workers, with what settings the test likes."""
    made: list[ArqWorker] = []

    def make(**settings: Any) -> ArqWorker:
        made.append(ArqWorker(tmp_path, server.url, record.path, **settings))
        made[-1].start()
        return made[-1]

    yield make
    for each in made:
        each.stop()


def states(watcher: Watcher, fire: Fire) -> list[OutcomeState]:
    """What was said of a fire, in order."""
    return [o.state for o in watcher.outcomes if o.fire_id == fire.id]


def began(record: RecordedTasks, fire: Fire) -> list[int]:
    """Tries in which it began."""
    return [args[1] for job_id, args, _ in record.read() if job_id == fire.id]


RESULT = {"s": True, "r": 1, "f": "t", "t": 1, "st": 1_800_000_000_000, "ft": 1_800_000_000_000}
"""As arq stores it."""
