"""Fixtures: one private Redis and one record of runs a test module."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from harness import RedisServer
from z4j_adapters import EngineAdapter
from z4j_adapters.testing import ContractTasks, Watcher


class RecordedTasks(ContractTasks):
    """Reads what tests/worker_app.py records."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> list[tuple[str, list[Any], dict[str, Any]]]:
        """Runs so far."""
        lines = self.path.read_text().splitlines() if self.path.exists() else []
        return [tuple(json.loads(line)) for line in lines]

    async def runs(self) -> list[tuple[str, list[Any], dict[str, Any]]]:
        return self.read()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """For logs and data of the module's servers."""
    return tmp_path_factory.mktemp("servers")


@pytest.fixture(scope="module")
def redis_server(folder: Path) -> Iterator[RedisServer]:
    """A private Redis."""
    server = RedisServer(folder, durable=False)
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def tasks(folder: Path) -> RecordedTasks:
    """Where workers record runs."""
    return RecordedTasks(folder / "runs.jsonl")


@pytest.fixture
async def watcher(adapter: EngineAdapter) -> AsyncIterator[Watcher]:
    """Collects the adapter's outcomes."""
    watcher = Watcher(adapter)
    yield watcher
    await watcher.close()
