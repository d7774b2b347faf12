"""Dramatiq keeps the contract: Redis, an unmodified worker, no result backend."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from conftest import RecordedTasks
from engines.dramatiq_servers import DramatiqWorker
from harness import RedisServer
from z4j_adapters import Delivery, EngineAdapter
from z4j_adapters.engines.dramatiq.app import DramatiqOptions
from z4j_adapters.engines.dramatiq.engine import new_engine
from z4j_adapters.testing import AdapterContract


@pytest.fixture(scope="module")
def worker(
    folder: Path, redis_server: RedisServer, tasks: RecordedTasks
) -> Iterator[DramatiqWorker]:
    """One for all tests."""
    worker = DramatiqWorker(folder, redis_server.url, tasks.path)
    worker.start()
    yield worker
    worker.kill()


@pytest.fixture
async def adapter(
    redis_server: RedisServer, worker: DramatiqWorker
) -> AsyncIterator[EngineAdapter]:
    """Started."""
    engine = new_engine(DramatiqOptions(broker=redis_server.url))
    await engine.start()
    yield engine
    await engine.close()


@pytest.mark.engine("dramatiq", "Redis")
class TestDramatiqOnRedis(AdapterContract):
    """All of it."""

    async def test_says_effectively_once(self, adapter: EngineAdapter) -> None:
        assert adapter.capabilities().delivery is Delivery.EFFECTIVELY_ONCE
