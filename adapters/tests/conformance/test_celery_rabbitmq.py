"""Celery on RabbitMQ keeps what of the contract a broker without dedupe can keep."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from conftest import RecordedTasks
from harness import RABBIT_SERVER, CeleryWorker, RabbitServer, eventually
from z4j_adapters import Delivery
from z4j_adapters.engines.celery.app import CeleryOptions
from z4j_adapters.engines.celery.engine import CeleryEngine
from z4j_adapters.testing import AdapterContract

pytestmark = [
    pytest.mark.engine("celery", "RabbitMQ"),
    pytest.mark.skipif(not RABBIT_SERVER.exists(), reason="rabbitmq-server is not installed"),
    pytest.mark.timeout(240),
]


@pytest.fixture(scope="module")
def rabbit(folder: Path) -> Iterator[RabbitServer]:
    """One for the module."""
    server = RabbitServer(folder)
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="module")
def worker(folder: Path, rabbit: RabbitServer, tasks: RecordedTasks) -> Iterator[CeleryWorker]:
    """One for all tests."""
    worker = CeleryWorker(folder, rabbit.url, tasks.path, "--concurrency", "2")
    worker.start()
    yield worker
    worker.stop()


@pytest.fixture
async def adapter(rabbit: RabbitServer, worker: CeleryWorker) -> AsyncIterator[CeleryEngine]:
    """Started, and heard by the worker."""
    engine = CeleryEngine(CeleryOptions(broker=rabbit.url))
    await engine.start()
    await eventually("worker to send events", lambda: engine.workers_telling)
    yield engine
    await engine.close()


class TestCeleryOnRabbit(AdapterContract):
    """All that at-least-once can promise."""

    async def test_says_at_least_once(self, adapter: CeleryEngine) -> None:
        assert adapter.capabilities().delivery is Delivery.AT_LEAST_ONCE
