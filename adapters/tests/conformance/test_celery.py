"""Celery keeps the contract: Redis, an unmodified worker without -E, no result backend."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from conftest import RecordedTasks
from harness import CeleryWorker, RedisServer, eventually
from z4j_adapters.engines.celery.app import CeleryOptions
from z4j_adapters.engines.celery.engine import CeleryEngine
from z4j_adapters.testing import AdapterContract


@pytest.fixture(scope="module")
def worker(folder: Path, redis_server: RedisServer, tasks: RecordedTasks) -> Iterator[CeleryWorker]:
    """One for all tests."""
    worker = CeleryWorker(folder, redis_server.url, tasks.path, "--concurrency", "2")
    worker.start()
    yield worker
    worker.stop()


@pytest.fixture
async def adapter(redis_server: RedisServer, worker: CeleryWorker) -> AsyncIterator[CeleryEngine]:
    """Started, and heard by the worker."""
    engine = CeleryEngine(CeleryOptions(broker=redis_server.url))
    await engine.start()
    await eventually("worker to send events", lambda: engine.workers_telling)
    yield engine
    await engine.close()


@pytest.mark.engine("celery", "Redis")
class TestCeleryOnRedis(AdapterContract):
    """All of it."""
