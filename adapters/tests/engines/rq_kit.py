"""Workers, servers and engines for the tests of RQ: a plugin of pytest, for its fixtures.

PYTEST_DONT_REWRITE, for it is imported by name, too.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from conftest import RecordedTasks
from harness import Process, RedisServer, eventually, wait_for
from ports import free_port
from z4j_adapters import Fire, OutcomeState
from z4j_adapters.engines.rq.app import RqOptions
from z4j_adapters.engines.rq.engine import RqEngine
from z4j_adapters.testing import Watcher

TASKS = Path(__file__).resolve().parent

SIMPLE = ("--worker-class", "rq.SimpleWorker")  # Runs jobs itself: a fork per job takes its time.


class RqTasks(RecordedTasks):
    """Reads what rq_app.py records."""

    echo = "rq_app.echo"
    fail = "rq_app.fail"
    hold = "rq_app.hold"


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


Workers = Callable[..., RqWorker]


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


@pytest.fixture
def rq_server(tmp_path: Path) -> Iterator[RedisServer]:
    """A Redis of the test's own that does not wait for a disk: RQ writes much."""
    server = RedisServer(tmp_path, durable=False)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def rq_record(tmp_path: Path) -> RqTasks:
    """Where the workers record runs."""
    return RqTasks(tmp_path / "runs.jsonl")


@pytest.fixture
def rq_worker(tmp_path: Path, rq_server: RedisServer, rq_record: RqTasks) -> Iterator[Workers]:
    """Starts workers, with what arguments the test likes."""
    made: list[RqWorker] = []

    def make(*args: str) -> RqWorker:
        made.append(RqWorker(tmp_path, rq_server.url, rq_record.path, *args))
        made[-1].start()
        return made[-1]

    yield make
    for each in made:
        each.stop(signal.SIGKILL)


def states(watcher: Watcher, fire: Fire) -> list[OutcomeState]:
    """All that was reported of a fire."""
    return [o.state for o in watcher.outcomes if o.fire_id == fire.id]


async def running(watcher: Watcher, *fires: Fire) -> None:
    """Awaits that they run."""
    await eventually(
        "the start", lambda: all(OutcomeState.RUNNING in states(watcher, f) for f in fires)
    )
