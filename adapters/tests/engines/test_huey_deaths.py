"""Huey's consumers that die: every run that they had ends, and ends as it was."""

from __future__ import annotations

import signal
import time
from pathlib import Path
from typing import Any

import pytest
from engines.huey_harness import (
    QUEUE,
    Make,
    opened,
)
from engines.huey_harness import consumer as consumer
from engines.huey_harness import record as record
from harness import RedisServer, eventually
from z4j_adapters import OutcomeState
from z4j_adapters.testing import make_fire

pytestmark = pytest.mark.engine("huey", "Redis")


@pytest.mark.shows("worker killed")
@pytest.mark.parametrize(
    "workers",
    [
        "thread",
        "process",
        pytest.param("thread, on SQLite", marks=pytest.mark.engine("huey", "SQLite")),
    ],
)
async def test_a_run_whose_consumer_is_killed_ends_lost_after_the_stated_time(
    tmp_path: Path, redis_server: RedisServer, consumer: Make, workers: str
) -> None:
    redis_server.client().flushall()
    where: dict[str, Any] = {"broker": redis_server.url}
    settings: dict[str, Any] = {"url": redis_server.url}
    if "SQLite" in workers:
        where = {"sqlite": tmp_path / "huey.db"}
        settings = {"kind": "SqliteHuey", "filename": str(tmp_path / "huey.db")}
    victim = consumer("-w", "2", "-k", workers.split(",")[0], **settings)
    victim.start()
    async with opened(worker_lost_after_s=1.0, **where) as (engine, watcher):
        fire = make_fire("huey_app.sleep", [600])
        await engine.dispatch([fire])
        await eventually("start", lambda: watcher.outcomes)
        assert watcher.outcomes[0].state is OutcomeState.RUNNING
        longer = make_fire("huey_app.sleep", [1.5])  # Than a dead worker would be given.
        await engine.dispatch([longer])
        await watcher.finals([longer])
        assert [each.fire_id for each in watcher.outcomes].count(fire.id) == 1
        victim.stop_session()
        killed_at = time.monotonic()
        end = (await watcher.finals([fire]))[fire.id]
        assert end.state is OutcomeState.LOST and "was not heard of for 1 s" in end.error
        assert 0.7 < time.monotonic() - killed_at < 30


async def test_a_worker_process_that_dies_or_is_timed_out_ends_its_run_and_no_other(
    server: RedisServer, consumer: Make
) -> None:
    consumer("-w", "3", "-k", "process").start()
    async with opened(broker=server.url, worker_lost_after_s=1.0) as (engine, watcher):
        other, fatal = make_fire("huey_app.sleep", [2.0]), make_fire("huey_app.die")
        endless = make_fire("huey_app.sleep", [600], engine_options={"timeout": 0.3})
        await engine.dispatch([other, fatal, endless])
        ends = await watcher.finals([other, fatal, endless])
        assert ends[endless.id].state is OutcomeState.FAILED
        assert ends[endless.id].error == "TaskTimeout(timeout (0.3s))"
        assert ends[fatal.id].state is OutcomeState.LOST
        assert ends[other.id].state is OutcomeState.SUCCEEDED


async def test_a_run_that_the_consumers_shutdown_interrupts_ends_lost_at_once(
    server: RedisServer, consumer: Make
) -> None:
    stopped = consumer("-w", "1")
    stopped.start()
    async with opened(broker=server.url) as (engine, watcher):
        fire = make_fire("huey_app.sleep", [600])
        await engine.dispatch([fire])
        await eventually("start", lambda: watcher.outcomes)
        stopped.stop(signal.SIGTERM)
        end = (await watcher.finals([fire]))[fire.id]
        assert end.state is OutcomeState.LOST
        assert end.error == "the consumer was stopped during the run"


async def test_a_fire_that_left_the_queue_and_was_begun_by_nobody_ends_lost(
    server: RedisServer, consumer: Make
) -> None:
    busy = consumer("-w", "1")
    busy.start()
    async with opened(broker=server.url, worker_lost_after_s=0.6) as (engine, watcher):
        first, taken, queued = (
            make_fire("huey_app.sleep", [3.0]),
            *(make_fire("huey_app.echo", [n]) for n in range(2)),
        )
        await engine.dispatch([first])
        await eventually("start", lambda: watcher.outcomes)
        await engine.dispatch([taken, queued])
        assert server.client().rpop(QUEUE)  # As a consumer that dies with it in hand.
        ends = await watcher.finals([taken, queued])
        assert ends[taken.id].state is OutcomeState.LOST
        assert "no consumer began it" in ends[taken.id].error
        assert ends[queued.id].state is OutcomeState.SUCCEEDED


async def test_an_end_that_could_not_be_marked_at_once_is_marked_when_the_broker_is_back(
    tmp_path: Path, server: RedisServer, consumer: Make
) -> None:
    runner = consumer("-w", "1")
    runner.start()
    async with opened(broker=server.url) as (engine, watcher):
        release = tmp_path / "release"
        fire = make_fire("huey_app.hold", [str(release)])
        await engine.dispatch([fire])
        await eventually("start", lambda: watcher.outcomes)
        server.stop(signal.SIGKILL)
        release.touch()
        await eventually("an end that Huey cannot store", lambda: "cannot mark" in runner.log())
        server.start()
        assert (await watcher.finals([fire]))[fire.id].state is OutcomeState.SUCCEEDED
