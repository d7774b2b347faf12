"""Celery with a real Redis and unmodified workers, where it is hard."""

from __future__ import annotations

import signal
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from command_run import run_to_the_end_and_leave
from conftest import Opened, RecordedTasks
from harness import (
    CeleryWorker,
    RedisServer,
    assert_frozen_redis_is_unavailable,
    eventually,
)
from z4j_adapters import OutcomeState, ResultCode
from z4j_adapters.engines.celery.engine import CeleryEngine
from z4j_adapters.testing import make_fire

pytestmark = pytest.mark.engine("celery", "Redis")


async def heard(engine: CeleryEngine, workers: int = 1) -> None:
    """Awaits that workers send task events."""
    await eventually("workers to send events", lambda: len(engine.workers_telling) >= workers)


@pytest.mark.shows("cancel")
async def test_revoked_before_the_start_ends_cancelled(
    opened: Opened, worker: Callable[..., CeleryWorker], record: RecordedTasks
) -> None:
    worker("--concurrency", "1").start()
    async with opened() as (engine, watcher):
        await heard(engine)
        busy, revoked = make_fire("contract.sleep", [3.0]), make_fire("contract.echo", ["revoked"])
        await engine.dispatch([busy, revoked])
        await engine.cancel(revoked.id, terminate=False)
        ends = await watcher.finals([busy, revoked])
        assert ends[busy.id].state is OutcomeState.SUCCEEDED
        assert ends[revoked.id].state is OutcomeState.CANCELLED
        assert record.read() == []


@pytest.mark.shows("stop")
async def test_terminated_in_the_run_ends_cancelled(
    opened: Opened, worker: Callable[..., CeleryWorker]
) -> None:
    worker("--concurrency", "1").start()
    async with opened() as (engine, watcher):
        await heard(engine)
        fire = make_fire("contract.sleep", [600])
        await engine.dispatch([fire])
        await eventually("start", lambda: watcher.outcomes)
        await engine.cancel(fire.id, terminate=True)
        assert (await watcher.finals([fire]))[fire.id].state is OutcomeState.CANCELLED


@pytest.mark.shows("expiry")
async def test_expired_in_the_queue_ends_expired_and_does_not_run(
    opened: Opened, worker: Callable[..., CeleryWorker], record: RecordedTasks
) -> None:
    async with opened() as (engine, watcher):
        late = make_fire("contract.echo", due_us=int((time.time() - 60) * 1e6), expires_s=10.0)
        good = make_fire("contract.echo", ["good"], expires_s=600.0)
        await engine.dispatch([late, good])
        worker("--concurrency", "1", "-E").start()
        ends = await watcher.finals([late, good])
        assert ends[late.id].state is OutcomeState.EXPIRED
        assert ends[good.id].state is OutcomeState.SUCCEEDED
        assert [run[0] for run in record.read()] == [good.id]


@pytest.mark.shows("priority")
async def test_higher_priorities_run_first_and_equal_ones_in_order(
    opened: Opened, worker: Callable[..., CeleryWorker], record: RecordedTasks
) -> None:
    async with opened() as (engine, watcher):
        fires = [
            make_fire("contract.echo", [n], priority=priority)
            for n, priority in enumerate([-100, -60, -30, 0] * 3)
        ]
        await engine.dispatch(fires)
        worker("--concurrency", "1", "-E").start()
        await watcher.finals(fires)
        assert [run[1][0] for run in record.read()] == [3, 7, 11, 2, 6, 10, 1, 5, 9, 0, 4, 8]


async def test_the_task_can_read_its_schedule_and_due_time(
    opened: Opened, worker: Callable[..., CeleryWorker], record: RecordedTasks
) -> None:
    worker("--concurrency", "1", "-E").start()
    async with opened() as (engine, watcher):
        fire = make_fire("contract.headers", due_us=1_767_225_600_000_001)
        await engine.dispatch([fire])
        await watcher.finals([fire])
        name = fire.template.schedule
        assert record.read()[0][1] == [name, "2026-01-01T00:00:00.000001+00:00", name]


async def test_a_retry_stays_running_until_its_end(
    opened: Opened, worker: Callable[..., CeleryWorker]
) -> None:
    worker("--concurrency", "1", "-E").start()
    async with opened() as (engine, watcher):
        fire = make_fire("contract.retry")
        await engine.dispatch([fire])
        await watcher.finals([fire])
        states = [o.state for o in watcher.outcomes]
        assert states == [OutcomeState.RUNNING, OutcomeState.SUCCEEDED]


@pytest.mark.shows("broker restarted")
async def test_a_redis_restart_loses_nothing_and_work_resumes_by_itself(
    opened: Opened, server: RedisServer, worker: Callable[..., CeleryWorker], record: RecordedTasks
) -> None:
    async with opened() as (engine, watcher):
        before = [make_fire("contract.echo", ["before"]) for _ in range(200)]
        await engine.dispatch(before)
        server.stop(signal.SIGKILL)
        during = [make_fire("contract.echo", ["during"]) for _ in range(200)]
        results = await engine.dispatch(during)
        assert {r.code for r in results} == {ResultCode.UNAVAILABLE}
        assert "unreachable since" in results[0].message
        assert f"127.0.0.1:{server.port}" in engine.health()
        server.start()
        await eventually("recovery", lambda: engine.health() == "")
        codes = Counter(r.code for r in await engine.dispatch(before + during))
        assert codes == {ResultCode.DUPLICATE: 200, ResultCode.ACCEPTED: 200}
        worker("--concurrency", "2", "-E").start()
        await watcher.finals(before + during, 60)
        assert Counter(run[0] for run in record.read()) == {f.id: 1 for f in before + during}


async def test_a_frozen_redis_neither_blocks_the_loop_nor_lies(
    opened: Opened, server: RedisServer
) -> None:
    settings = (("broker_transport_options", {"socket_timeout": 0.3}),)
    async with opened(settings=settings) as (engine, _):
        await engine.dispatch([make_fire("contract.echo")])
        await assert_frozen_redis_is_unavailable(engine, server, make_fire("contract.echo"))


async def test_app_mode_takes_routes_and_tasks_from_the_users_app(
    tmp_path: Path, server: RedisServer, opened: Opened
) -> None:
    (tmp_path / "shop.py").write_text(
        "from celery import Celery\n"
        "app = Celery('shop', broker='redis://wrong.invalid/0')\n"
        "app.conf.task_routes = {'shop.mail': {'queue': 'mail', 'priority': 7}}\n"
        "@app.task(name='shop.mail')\n"
        "def mail(): pass\n"
    )
    async with opened(app="shop", workdir=tmp_path) as (engine, _):
        assert "shop.mail" in engine.tasks()  # Others of this process share theirs.
        await engine.dispatch([make_fire("shop.mail")])
        assert server.client().llen("mail\x06\x166") == 1


async def test_the_command_runs_fires_and_leaves_on_sigterm_with_outcomes_delivered(
    tmp_path: Path, server: RedisServer, worker: Callable[..., CeleryWorker], record: RecordedTasks
) -> None:
    worker("--concurrency", "2").start()
    fires = [make_fire("contract.echo", ["command", n % 7]) for n in range(200)]
    await run_to_the_end_and_leave(tmp_path, ["celery", "--broker", server.url], fires)
    assert Counter(run[0] for run in record.read()) == {fire.id: 1 for fire in fires}


async def test_lists_the_tasks_that_workers_know(
    opened: Opened, worker: Callable[..., CeleryWorker]
) -> None:
    worker("--concurrency", "1").start()
    async with opened() as (engine, _):
        names = await engine.list_tasks()
        assert "contract.echo" in names and "contract.fail" in names
        assert not any(name.startswith("celery.") for name in names)
