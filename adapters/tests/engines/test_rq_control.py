"""Cancelling and stopping RQ's jobs."""

from __future__ import annotations

import signal

import pytest
from engines.rq_kit import SIMPLE, RqTasks, Workers, opened_engine, running, states
from harness import RedisServer, eventually
from rq.registry import CanceledJobRegistry, ScheduledJobRegistry
from z4j_adapters import ControlFailed, OutcomeState
from z4j_adapters.testing import make_fire

pytestmark = pytest.mark.engine("rq", "Redis")

pytest_plugins = ["engines.rq_kit"]


@pytest.mark.shows("cancel")
async def test_cancelled_before_the_start_ends_cancelled_and_never_runs(
    rq_server: RedisServer, rq_worker: Workers, rq_record: RqTasks
) -> None:
    async with opened_engine(broker=rq_server.url) as (engine, watcher):
        gone, good = make_fire("rq_app.echo", ["gone"]), make_fire("rq_app.echo", ["good"])
        await engine.dispatch([gone, good])
        await engine.cancel(gone.id, terminate=False)
        await engine.cancel(gone.id, terminate=False)  # Asked for again: it is so.
        assert CanceledJobRegistry(connection=rq_server.client()).get_job_ids() == [gone.id]
        rq_worker(*SIMPLE)
        ends = await watcher.finals([gone, good])
        assert ends[gone.id].state is OutcomeState.CANCELLED
        assert [run[0] for run in rq_record.read()] == [good.id]
        with pytest.raises(ControlFailed, match="has ended: RQ says finished"):
            await engine.cancel(good.id, terminate=True)
        with pytest.raises(ControlFailed, match="no such job"):
            await engine.cancel(make_fire("rq_app.echo").id, terminate=False)


async def test_cancelled_while_it_waits_for_its_retry_ends_cancelled(
    rq_server: RedisServer, rq_worker: Workers
) -> None:
    rq_worker(*SIMPLE)
    async with opened_engine(broker=rq_server.url) as (engine, watcher):
        retries = {"retry_max": 1, "retry_intervals": [600]}
        fire = make_fire("rq_app.fail_once", engine_options=retries)
        await engine.dispatch([fire])
        registry = ScheduledJobRegistry(connection=rq_server.client())
        await eventually("the retry to be scheduled", registry.get_job_ids)
        await engine.cancel(fire.id, terminate=False)
        await watcher.finals([fire])
        assert states(watcher, fire) == [OutcomeState.RUNNING, OutcomeState.CANCELLED]
        assert registry.get_job_ids() == []


@pytest.mark.shows("stop")
async def test_terminated_in_the_run_ends_cancelled(
    rq_server: RedisServer, rq_worker: Workers
) -> None:
    rq_worker()
    async with opened_engine(broker=rq_server.url) as (engine, watcher):
        fire = make_fire("rq_app.sleep", [600])
        await engine.dispatch([fire])
        await running(watcher, fire)
        with pytest.raises(ControlFailed, match="only be terminated"):
            await engine.cancel(fire.id, terminate=False)
        await engine.cancel(fire.id, terminate=True)
        assert (await watcher.finals([fire]))[fire.id].state is OutcomeState.CANCELLED


async def test_terminating_what_nobody_can_stop_says_so(
    rq_server: RedisServer, rq_worker: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("z4j_adapters.engines.rq.control.STOP_WITHIN_S", 0.3)
    simple = rq_worker(*SIMPLE)
    async with opened_engine(broker=rq_server.url) as (engine, watcher):
        fire = make_fire("rq_app.sleep", [600])
        await engine.dispatch([fire])
        await running(watcher, fire)
        with pytest.raises(ControlFailed, match="SimpleWorker cannot"):
            await engine.cancel(fire.id, terminate=True)
        simple.stop(signal.SIGKILL)
        with pytest.raises(ControlFailed, match="does not listen"):
            await engine.cancel(fire.id, terminate=True)
