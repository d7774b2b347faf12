"""A seventh engine, written as docs/adding-an-engine.md says, keeps the contract."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Iterator
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path

import pytest
from conftest import RecordedTasks
from file_queue.engine import FileQueueEngine
from harness import TESTS, Process
from z4j_adapters import cli
from z4j_adapters.testing import AdapterContract, IdleQueue, Watcher


@pytest.fixture(scope="module")
def queue(folder: Path, tasks: RecordedTasks) -> Iterator[Path]:
    """With one worker."""
    queue = folder / "queue"
    for name in ("tasks", "running", "done"):
        (queue / name).mkdir(parents=True)
    worker = str(TESTS / "file_queue" / "worker.py")
    process = Process([sys.executable, worker, str(queue), str(tasks.path)], folder, "worker")
    process.start()
    yield queue
    process.stop()


@pytest.fixture
async def adapter(queue: Path) -> AsyncIterator[FileQueueEngine]:
    """Started."""
    engine = FileQueueEngine(queue)
    await engine.start()
    yield engine
    await engine.close()


@pytest.fixture
async def idle(tmp_path: Path) -> AsyncIterator[IdleQueue]:
    """A folder of its own, for an engine has one."""
    engine = FileQueueEngine(tmp_path)
    await engine.start()
    watcher = Watcher(engine)
    yield IdleQueue(engine, watcher, "tasks", "")
    await watcher.close()
    await engine.close()


class TestFileQueue(AdapterContract):
    """All of it."""


def test_an_engine_of_another_package_is_a_verb_of_the_command_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    point = EntryPoint("file_queue", "file_queue.command:COMMAND", "z4j_adapters.engines")
    monkeypatch.setattr(cli, "entry_points", lambda group: EntryPoints([point]).select(group=group))
    with pytest.raises(SystemExit):
        cli.main(["file_queue", "--help"])
    assert "Z4J_ADAPTER_FOLDER" in capsys.readouterr().out
    assert cli.main(["file_queue"]) == 1
    assert "give --folder" in capsys.readouterr().err
