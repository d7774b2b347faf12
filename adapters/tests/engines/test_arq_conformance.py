"""arq keeps the contract: Redis, an unmodified worker, no user code in the adapter."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from conftest import RecordedTasks
from engines.arq_harness import ArqWorker
from harness import RedisServer
from z4j_adapters.engines.arq.app import ArqOptions
from z4j_adapters.engines.arq.engine import ArqEngine
from z4j_adapters.testing import AdapterContract


@pytest.fixture(scope="module")
def worker(folder: Path, redis_server: RedisServer, tasks: RecordedTasks) -> Iterator[ArqWorker]:
    """One for all tests."""
    worker = ArqWorker(folder, redis_server.url, tasks.path)
    worker.start()
    yield worker
    worker.stop()


@pytest.fixture
async def adapter(redis_server: RedisServer, worker: ArqWorker) -> AsyncIterator[ArqEngine]:
    """Started, with the broker's URL alone."""
    engine = ArqEngine(ArqOptions(broker=redis_server.url))
    await engine.start()
    yield engine
    await engine.close()


@pytest.mark.engine("arq", "Redis")
class TestArq(AdapterContract):
    """All of it."""
