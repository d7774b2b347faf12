"""Workers, engines and the contract's fixtures for the tests of TaskIQ."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import RecordedTasks
from harness import Process, RedisServer, wait_for
from z4j_adapters import EngineAdapter, OutcomeState
from z4j_adapters.engines.taskiq.broker import TaskiqOptions
from z4j_adapters.engines.taskiq.engine import TaskiqEngine
from z4j_adapters.testing import AdapterContract, ContractTasks, Watcher, make_fire

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
        try:
            wait_for("the worker", lambda: "is dead" in self.log() or self._ready() > before, 40)
            assert self._ready() > before, self.log()[-3000:]
        except BaseException:
            self.stop()  # No fixture has it yet.
            raise

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


@pytest.fixture(scope="class")
def tasks(tmp_path_factory: pytest.TempPathFactory) -> RecordedTasks:
    """Where the class's worker records runs."""
    return RecordedTasks(tmp_path_factory.mktemp("runs") / "runs.jsonl")


@pytest.fixture(scope="class")
def settings(request: pytest.FixtureRequest, redis_server: RedisServer) -> dict[str, str]:
    """Where brokers and results of the class are."""
    redis_server.client().flushdb()
    kind = request.cls.kind
    other = kind in ("rabbit", "sentinel")
    broker = request.getfixturevalue(kind).url if other else redis_server.url
    return {"broker": broker, "results": redis_server.url, "kind": kind}


@pytest.fixture(scope="class")
def worker(folder: Path, settings: dict[str, str], tasks: RecordedTasks) -> Iterator[TaskiqWorker]:
    """One for all tests of a class."""
    worker = TaskiqWorker(folder, record=tasks.path, **settings)
    worker.start()
    yield worker
    worker.stop()


@pytest.fixture
async def adapter(
    request: pytest.FixtureRequest,
    settings: dict[str, str],
    worker: TaskiqWorker,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[TaskiqEngine]:
    """Started, of the class's kind."""
    engine = TaskiqEngine(request.cls.options(settings, monkeypatch))
    await engine.start()
    assert engine.health() == ""
    yield engine
    await engine.close()


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


class WithApp(AdapterContract):
    """With the user's broker object."""

    kind: str

    @staticmethod
    def options(settings: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> TaskiqOptions:
        """Of the engine."""
        return TaskiqOptions(app=users_broker(monkeypatch, **settings), workdir=HERE)


class WithoutApp(AdapterContract):
    """With a broker's URL alone."""

    kind: str

    @staticmethod
    def options(settings: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> TaskiqOptions:
        """Of the engine."""
        kind = "list" if settings["kind"] == "rabbit" else settings["kind"]
        broker, results = settings["broker"], settings["results"]
        return TaskiqOptions(broker=broker, result_backend=results, kind=kind, lost_after_s=1.0)

    async def test_a_task_that_no_worker_knows_ends_failed(
        self, adapter: EngineAdapter, watcher: Watcher, tasks: ContractTasks
    ) -> None:
        """A worker drops it with a line in its log: all that can be known is that it is lost."""
        fire = make_fire(tasks.unknown)
        await adapter.dispatch([fire])
        end = (await watcher.finals([fire]))[fire.id]
        assert end.state is OutcomeState.LOST
        assert tasks.unknown in end.error
