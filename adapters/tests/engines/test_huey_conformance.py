"""Huey keeps the contract: real consumers of an app with `attach`, on each kind of storage."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from engines.huey_harness import NAME, HueyConsumer, HueyTasks
from harness import RedisServer, eventually
from z4j_adapters import Delivery
from z4j_adapters.engines.huey.engine import HueyEngine
from z4j_adapters.engines.huey.instance import HueyOptions
from z4j_adapters.testing import AdapterContract, IdleQueue, Watcher


class Case(NamedTuple):
    """A kind of Huey instance, how its consumer runs, and how the adapter is started."""

    kind: str
    workers: str
    storage: str = ""


CASES = {
    "Redis": Case("RedisHuey", "thread", "redis"),
    "Redis with priorities": Case("PriorityRedisExpireHuey", "process", "redis-priority-expire"),
    "SQLite": Case("SqliteHuey", "thread"),
}
PARAMS = [
    pytest.param(case, id=case.kind, marks=pytest.mark.engine("huey", broker))
    for broker, case in CASES.items()
]


class Running(NamedTuple):
    """What the tests of a case share."""

    options: HueyOptions
    tasks: HueyTasks


@pytest.fixture(scope="module", params=PARAMS)
def running(
    request: pytest.FixtureRequest, folder: Path, redis_server: RedisServer
) -> Iterator[Running]:
    """A consumer for all tests of a case."""
    case: Case = request.param
    redis_server.client().flushall()
    file = folder / "huey.db"
    settings: dict[str, Any] = {"url": redis_server.url}
    options = HueyOptions(broker=redis_server.url, storage=case.storage, name=NAME)
    if case.kind == "SqliteHuey":
        settings = {"filename": str(file), "fsync": False}
        options = HueyOptions(sqlite=file, name=NAME)
    tasks = HueyTasks(folder / f"{case.kind}.jsonl")
    arguments = ("-w", "2", "-k", case.workers)
    consumer = HueyConsumer(folder, tasks.path, *arguments, kind=case.kind, **settings)
    consumer.start()
    yield Running(options, tasks)
    consumer.stop()


@pytest.fixture
def tasks(running: Running) -> HueyTasks:
    """Where the consumer records runs."""
    return running.tasks


@pytest.fixture
async def adapter(running: Running) -> AsyncIterator[HueyEngine]:
    """Started, and aware of the consumer."""
    engine = HueyEngine(running.options)
    await engine.start()
    await eventually("an attached consumer", lambda: engine.capabilities().outcomes)
    yield engine
    await engine.close()


@pytest.fixture
async def idle(running: Running) -> AsyncIterator[IdleQueue]:
    """Another instance in the same storage, without consumers: one has one queue."""
    engine = HueyEngine(replace(running.options, name="idle"))
    await engine.start()
    watcher = Watcher(engine)
    yield IdleQueue(engine, watcher, "idle", "")
    await watcher.close()
    await engine.close()


class TestHuey(AdapterContract):
    """All of it."""

    async def test_says_effectively_once(self, adapter: HueyEngine) -> None:
        assert adapter.capabilities().delivery is Delivery.EFFECTIVELY_ONCE
