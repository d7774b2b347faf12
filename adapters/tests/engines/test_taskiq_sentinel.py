"""TaskIQ keeps the contract on a Redis that Sentinel names."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

pytest.importorskip("taskiq_redis", reason="TaskIQ's own environment", exc_type=ImportError)

from engines.taskiq_help import WithApp
from engines.taskiq_help import adapter as adapter
from engines.taskiq_help import settings as settings
from engines.taskiq_help import tasks as tasks
from engines.taskiq_help import worker as worker
from harness import Process, RedisServer, wait_for
from ports import free_port
from z4j_adapters.engines.taskiq.engine import TaskiqEngine


class SentinelServer(Process):
    """Watches one Redis, which it calls "main"."""

    def __init__(self, folder: Path, master: RedisServer) -> None:
        self.port = free_port()
        self.url = f"127.0.0.1:{self.port}"
        settings = folder / "sentinel.conf"
        settings.write_text(
            f"port {self.port}\nbind 127.0.0.1\nsentinel monitor main 127.0.0.1 {master.port} 1\n"
        )
        binary = shutil.which("redis-server")
        assert binary, "redis-server is not installed"
        super().__init__([binary, str(settings), "--sentinel"], folder, "sentinel")

    def start(self) -> None:
        super().start()
        wait_for("sentinel", self._names_it)

    def _names_it(self) -> bool:
        try:
            client = redis.Redis(port=self.port)
            return bool(client.execute_command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", "main"))
        except redis.RedisError:
            return False


@pytest.fixture(scope="module")
def sentinel(folder: Path, redis_server: RedisServer) -> Iterator[SentinelServer]:
    """One for the module."""
    server = SentinelServer(folder, redis_server)
    server.start()
    yield server
    server.stop()


@pytest.mark.engine("taskiq", "Redis lists")
class TestTaskiqOnListsOfSentinel(WithApp):
    """ListQueueSentinelBroker and RedisAsyncSentinelResultBackend."""

    kind = "sentinel"

    async def test_says_which_redis_it_means(self, adapter: TaskiqEngine) -> None:
        assert adapter._outbox._broker.startswith("main of 127.0.0.1:")
