"""Fixtures: one private Redis and one record of runs a test module, or each test its own."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from fake_scheduler import FakeScheduler
from harness import CeleryWorker, RedisServer
from shown import pytest_collection_modifyitems as pytest_collection_modifyitems
from shown import pytest_runtest_call as pytest_runtest_call
from z4j_adapters import EngineAdapter, Runtime, RuntimeOptions
from z4j_adapters.engines.stub import StubEngine
from z4j_adapters.testing import ContractTasks, IdleQueue, Watcher

if TYPE_CHECKING:  # The other engines' tests run without Celery.
    from transfer.instants import Evaluator
    from z4j_adapters.engines.celery.engine import CeleryEngine

Start = Callable[..., Any]
Opened = Callable[..., AbstractAsyncContextManager[tuple["CeleryEngine", Watcher]]]


def pytest_itemcollected(item: pytest.Item) -> None:
    """Under `./dev fidelity` a test runs for as long as it takes, whatever its mark says."""
    if "Z4J_TALLIES" in os.environ:
        item.own_markers = [mark for mark in item.own_markers if mark.name != "timeout"]


class RecordedTasks(ContractTasks):
    """Reads what tests/worker_app.py records."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> list[tuple[str, list[Any], dict[str, Any]]]:
        """Runs so far."""
        lines = self.path.read_text().splitlines() if self.path.exists() else []
        return [tuple(json.loads(line)) for line in lines]

    async def runs(self) -> list[tuple[str, list[Any], dict[str, Any]]]:
        return self.read()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """For logs and data of the module's servers."""
    return tmp_path_factory.mktemp("servers")


@pytest.fixture(scope="module")
def redis_server(folder: Path) -> Iterator[RedisServer]:
    """A private Redis."""
    server = RedisServer(folder, durable=False)
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def tasks(folder: Path) -> RecordedTasks:
    """Where workers record runs."""
    return RecordedTasks(folder / "runs.jsonl")


@pytest.fixture(scope="module")
def ours() -> Iterator[Evaluator]:
    """The scheduler's evaluator of due times."""
    from transfer.instants import evaluator

    with evaluator() as running:
        yield running


@pytest.fixture
def drawn(
    tmp_path: Path, ours: Evaluator, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Counter[str]]:
    """Exports random schedules and checks them; tells how many of what there were."""
    from transfer.exports import export_drawn, report

    def run(title: str, *args: Any, **given: Any) -> Counter[str]:
        tally = export_drawn(title, *args, tmp_path, ours, **given)
        with capsys.disabled():
            print(report(title, tally))
        return tally

    return run


@pytest.fixture
async def watcher(adapter: EngineAdapter) -> AsyncIterator[Watcher]:
    """Collects the adapter's outcomes."""
    watcher = Watcher(adapter)
    yield watcher
    await watcher.close()


@pytest.fixture
def idle(adapter: EngineAdapter, watcher: Watcher) -> IdleQueue:
    """A queue that the module's worker was not told of."""
    return IdleQueue(adapter, watcher, "contract_idle", "contract_idle")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    """A Redis of the test's own, which may restart it."""
    server = RedisServer(tmp_path)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def record(tmp_path: Path) -> RecordedTasks:
    """Where the workers record runs."""
    return RecordedTasks(tmp_path / "runs.jsonl")


@pytest.fixture
def worker(
    tmp_path: Path, server: RedisServer, record: RecordedTasks
) -> Iterator[Callable[..., CeleryWorker]]:
    """Makes workers, with what arguments and settings the test likes."""
    made: list[CeleryWorker] = []

    def make(*args: str, **settings: Any) -> CeleryWorker:
        env = {"CONTRACT_SETTINGS": json.dumps(settings)}
        made.append(CeleryWorker(tmp_path, server.url, record.path, *args, **env))
        return made[-1]

    yield make
    for each in made:
        each.stop()


@pytest.fixture
def opened(server: RedisServer) -> Opened:
    """Opens an engine and watches it."""
    from z4j_adapters.engines.celery.app import CeleryOptions
    from z4j_adapters.engines.celery.engine import CeleryEngine

    @contextlib.asynccontextmanager
    async def open_engine(**options: Any) -> AsyncIterator[tuple[CeleryEngine, Watcher]]:
        engine = CeleryEngine(CeleryOptions(broker=server.url, **options))
        await engine.start()
        watcher = Watcher(engine)
        try:
            yield engine, watcher
        finally:
            await watcher.close()
            await engine.close()

    return open_engine


@pytest.fixture
async def scheduler() -> AsyncIterator[FakeScheduler]:
    """A leading node."""
    node = FakeScheduler()
    await node.start()
    yield node
    await node.stop()


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    """Starts a runtime with a stub against nodes; ends it after the test."""
    running: list[tuple[Runtime, asyncio.Task[None]]] = []

    def run(
        *nodes: FakeScheduler,
        engine: EngineAdapter | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> Runtime:
        addresses = tuple(node.address for node in nodes)
        options = RuntimeOptions(addresses, "test", drain_timeout_s=2.0, labels=labels or {})
        runtime = Runtime(engine or StubEngine(), options)
        running.append((runtime, asyncio.create_task(runtime.run())))
        runtime.task = running[-1][1]  # type: ignore[attr-defined]
        return runtime

    yield run
    for runtime, task in running:
        runtime.stop()
        await asyncio.wait_for(task, 60)
