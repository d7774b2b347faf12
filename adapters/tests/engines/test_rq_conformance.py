"""RQ keeps the contract: a real Redis, unmodified workers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from engines.rq_kit import SIMPLE, RqTasks, RqWorker
from harness import RedisServer
from z4j_adapters.engines.rq.app import RqOptions
from z4j_adapters.engines.rq.engine import RqEngine
from z4j_adapters.testing import AdapterContract


@pytest.fixture(scope="module")
def tasks(folder: Path) -> RqTasks:
    """Where workers record runs."""
    return RqTasks(folder / "runs.jsonl")


@pytest.fixture(scope="module")
def worker(folder: Path, redis_server: RedisServer, tasks: RqTasks) -> Iterator[RqWorker]:
    """One for all tests."""
    worker = RqWorker(folder, redis_server.url, tasks.path, *SIMPLE, "--quiet")
    worker.start()
    yield worker
    worker.stop()


@pytest.fixture
async def adapter(redis_server: RedisServer, worker: RqWorker) -> AsyncIterator[RqEngine]:
    """Started."""
    engine = RqEngine(RqOptions(broker=redis_server.url))
    await engine.start()
    yield engine
    await engine.close()


@pytest.mark.engine("rq", "Redis")
class TestRq(AdapterContract):
    """All of it."""
