"""Celery on RabbitMQ keeps what of the contract a broker without dedupe can keep."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from conftest import RecordedTasks
from harness import CeleryWorker, Process, eventually, free_port, wait_for
from z4j_adapters import Delivery
from z4j_adapters.engines.celery.app import CeleryOptions
from z4j_adapters.engines.celery.engine import CeleryEngine
from z4j_adapters.testing import AdapterContract

# Debian's /usr/sbin wrapper insists on the system's user and folders; this is what it calls.
SERVER = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")

pytestmark = [
    pytest.mark.engine("celery", "RabbitMQ"),
    pytest.mark.skipif(not SERVER.exists(), reason="rabbitmq-server is not installed"),
    pytest.mark.timeout(240),
]


class RabbitServer(Process):
    """A RabbitMQ node with its own name, ports, data and port mapper."""

    def __init__(self, folder: Path) -> None:
        self.port, self.epmd_port = free_port(), free_port()
        self.url = f"amqp://guest:guest@127.0.0.1:{self.port}//"
        super().__init__(
            [str(SERVER)],
            folder,
            "rabbit",
            HOME=str(folder),
            ERL_EPMD_PORT=str(self.epmd_port),
            RABBITMQ_NODENAME=f"z4j{self.port}@localhost",
            RABBITMQ_NODE_IP_ADDRESS="127.0.0.1",
            RABBITMQ_NODE_PORT=str(self.port),
            RABBITMQ_DIST_PORT=str(free_port()),
            RABBITMQ_MNESIA_BASE=str(folder / "mnesia"),
            RABBITMQ_LOG_BASE=str(folder / "log"),
            RABBITMQ_ENABLED_PLUGINS_FILE=str(folder / "plugins"),
            RABBITMQ_CONFIG_FILE=str(folder / "none"),
            RABBITMQ_CONF_ENV_FILE=str(folder / "none"),
            RABBITMQ_PID_FILE=str(folder / "pid"),
        )

    def start(self) -> None:
        super().start()
        wait_for("rabbitmq", lambda: "Starting broker... completed" in self.log(), 90)

    def stop(self, *args: int, **kwargs: float) -> int:
        code = super().stop(*args, timeout_s=30)
        if epmd := shutil.which("epmd"):
            environment = {**os.environ, "ERL_EPMD_PORT": str(self.epmd_port)}
            subprocess.run([epmd, "-kill"], env=environment, capture_output=True, check=False)
        return code


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
