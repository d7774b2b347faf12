"""Unmodified Huey consumers, and engines beside them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from conftest import RecordedTasks
from harness import Process, RedisServer, wait_for
from z4j_adapters import Fire, Result, ResultCode
from z4j_adapters.engines.huey.engine import HueyEngine
from z4j_adapters.engines.huey.instance import HueyOptions
from z4j_adapters.testing import Watcher

HERE = Path(__file__).resolve().parent
SRC = HERE.parent.parent / "src"
NAME = "contract-app"


class HueyTasks(RecordedTasks):
    """Those of huey_app.py."""

    echo = "huey_app.echo"
    fail = "huey_app.fail"
    hold = "huey_app.hold"
    unknown = "huey_app.nobody_knows_this"


class HueyConsumer(Process):
    """`huey_consumer huey_app.huey`."""

    def __init__(
        self,
        folder: Path,
        record: Path,
        *args: str,
        kind: str = "RedisHuey",
        attach: bool = True,
        **settings: Any,
    ) -> None:
        command = [sys.executable, "-m", "huey.bin.huey_consumer", "huey_app.huey"]
        command += [
            "--no-periodic",
            "--health-check-interval",
            "1",
            "--delay",
            "0.02",
            "--max-delay",
            "0.05",
            *args,
        ]
        super().__init__(
            command,
            folder,
            "consumer",
            PYTHONPATH=f"{HERE}:{SRC}",
            CONTRACT_KIND=kind,
            CONTRACT_SETTINGS=json.dumps(settings),
            CONTRACT_RECORD=str(record),
            CONTRACT_ATTACH="1" if attach else "",
        )

    def start(self) -> None:
        """Starts it and waits until it consumes."""
        before = self.log().count("commands are available")
        super().start()
        try:
            wait_for("consumer", lambda: self.log().count("commands are available") > before, 40)
        except TimeoutError as error:
            raise TimeoutError(f"{error}\n{self.log()[-3000:]}") from None

    def stop_session(self) -> None:
        """Kills it and its worker processes, as a power cut would."""
        assert self.child
        os.killpg(self.child.pid, signal.SIGKILL)
        self.child.wait()


@contextlib.asynccontextmanager
async def opened(**options: Any) -> AsyncIterator[tuple[HueyEngine, Watcher]]:
    """Opens an engine and watches it."""
    options.setdefault("name", NAME)
    engine = HueyEngine(HueyOptions(**options))
    await engine.start()
    watcher = Watcher(engine)
    try:
        yield engine, watcher
    finally:
        await watcher.close()
        await engine.close()


QUEUE = "huey.redis.contractapp"


Make = Callable[..., HueyConsumer]


@pytest.fixture
def record(tmp_path: Path) -> HueyTasks:
    """Where consumers record runs."""
    return HueyTasks(tmp_path / "runs.jsonl")


@pytest.fixture
def consumer(tmp_path: Path, server: RedisServer, record: HueyTasks) -> Iterator[Make]:
    """Makes consumers, with what arguments and settings the test likes."""
    made: list[HueyConsumer] = []

    def make(*args: str, **settings: Any) -> HueyConsumer:
        if "filename" not in settings:
            settings.setdefault("url", server.url)
        made.append(HueyConsumer(tmp_path, record.path, *args, **settings))
        return made[-1]

    yield make
    for each in made:
        each.stop(signal.SIGKILL)


async def handed_over(engine: HueyEngine, fires: Sequence[Fire]) -> list[Result]:
    """Hands over in batches until the broker has all, as the scheduler does."""
    results: list[Result] = []
    for start in range(0, len(fires), 500):
        batch = fires[start : start + 500]
        told = await engine.dispatch(batch)
        while any(result.code is ResultCode.UNAVAILABLE for result in told):
            await asyncio.sleep(0.02)
            told = await engine.dispatch(batch)
        results += told
    return results
