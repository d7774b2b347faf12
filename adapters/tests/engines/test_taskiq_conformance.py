"""TaskIQ keeps the contract: lists, streams and RabbitMQ, with unmodified workers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

pytest.importorskip(
    "taskiq_redis", reason="TaskIQ needs an environment of its own", exc_type=ImportError
)

from conformance.test_celery_rabbitmq import SERVER, RabbitServer
from conftest import RecordedTasks
from engines.taskiq_help import HERE, TaskiqWorker, users_broker
from harness import RedisServer
from z4j_adapters import Delivery, EngineAdapter, OutcomeState
from z4j_adapters.engines.taskiq.broker import TaskiqOptions
from z4j_adapters.engines.taskiq.engine import TaskiqEngine
from z4j_adapters.testing import AdapterContract, ContractTasks, Watcher, make_fire


@pytest.fixture(scope="class")
def tasks(tmp_path_factory: pytest.TempPathFactory) -> RecordedTasks:
    """Where the class's worker records runs."""
    return RecordedTasks(tmp_path_factory.mktemp("runs") / "runs.jsonl")


@pytest.fixture(scope="module")
def rabbit(folder: Path) -> Iterator[RabbitServer]:
    """One for the module."""
    server = RabbitServer(folder)
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="class")
def settings(request: pytest.FixtureRequest, redis_server: RedisServer) -> dict[str, str]:
    """Where brokers and results of the class are."""
    redis_server.client().flushdb()
    rabbit = request.cls.kind == "rabbit"
    broker = request.getfixturevalue("rabbit").url if rabbit else redis_server.url
    return {"broker": broker, "results": redis_server.url, "kind": request.cls.kind}


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


class TestTaskiqOnListsWithoutApp(WithoutApp):
    """ListQueueBroker."""

    kind = "list"


class TestTaskiqOnStreamsWithoutApp(WithoutApp):
    """RedisStreamBroker."""

    kind = "stream"


class TestTaskiqOnListsWithApp(WithApp):
    """ListQueueBroker."""

    kind = "list"


class TestTaskiqOnStreamsWithApp(WithApp):
    """RedisStreamBroker."""

    kind = "stream"


@pytest.mark.skipif(not SERVER.exists(), reason="rabbitmq-server is not installed")
@pytest.mark.timeout(240)
class TestTaskiqOnRabbitWithApp(WithApp):
    """AioPikaBroker; all that at-least-once can promise."""

    kind = "rabbit"

    async def test_says_at_least_once(self, adapter: TaskiqEngine) -> None:
        assert adapter.capabilities().delivery is Delivery.AT_LEAST_ONCE
