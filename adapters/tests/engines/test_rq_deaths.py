"""RQ workers that die."""

from __future__ import annotations

import signal
import time

import pytest
from engines.rq_kit import SIMPLE, RqTasks, Workers, opened_engine, running
from harness import RedisServer
from rq.registry import StartedJobRegistry
from z4j_adapters import OutcomeState
from z4j_adapters.engines.rq import book
from z4j_adapters.testing import make_fire

pytestmark = pytest.mark.engine("rq", "Redis")

pytest_plugins = ["engines.rq_kit"]


async def test_a_killed_process_of_a_run_ends_it_lost(
    rq_server: RedisServer, rq_worker: Workers
) -> None:
    rq_worker()
    async with opened_engine(broker=rq_server.url) as (engine, watcher):
        fire = make_fire("rq_app.die")
        await engine.dispatch([fire])
        end = (await watcher.finals([fire]))[fire.id]
        assert end.state is OutcomeState.LOST
        assert "signal 9" in end.error


@pytest.mark.shows("worker killed")
async def test_a_killed_worker_ends_its_run_lost_after_the_stated_time(
    rq_server: RedisServer, rq_worker: Workers
) -> None:
    doomed = rq_worker(*SIMPLE)
    async with opened_engine(broker=rq_server.url, worker_lost_after_s=1.5) as (engine, watcher):
        fire = make_fire("rq_app.sleep", [600])
        await engine.dispatch([fire])
        await running(watcher, fire)
        doomed.stop(signal.SIGKILL)
        end = (await watcher.finals([fire]))[fire.id]
        assert end.state is OutcomeState.LOST
        assert f"worker {doomed.name} has not been heard of" in end.error


async def test_a_run_outlives_its_killed_worker_and_its_end_counts(
    rq_server: RedisServer, rq_worker: Workers
) -> None:
    doomed = rq_worker()
    async with opened_engine(broker=rq_server.url) as (engine, watcher):
        fire = make_fire("rq_app.sleep", [0.5])
        await engine.dispatch([fire])
        await running(watcher, fire)
        assert doomed.child
        doomed.child.kill()  # Its child, which runs the job, has a process group of its own.
        assert (await watcher.finals([fire]))[fire.id].state is OutcomeState.SUCCEEDED


async def test_a_worker_that_rq_has_given_up_takes_its_run_with_it(
    rq_server: RedisServer, rq_worker: Workers
) -> None:
    doomed = rq_worker(*SIMPLE)
    async with opened_engine(broker=rq_server.url) as (engine, watcher):
        fire = make_fire("rq_app.sleep", [600])
        await engine.dispatch([fire])
        await running(watcher, fire)
        doomed.stop(signal.SIGKILL)
        rq_server.client().delete(f"rq:worker:{doomed.name}")  # As Redis does when its time is up.
        end = (await watcher.finals([fire]))[fire.id]
        assert (end.state, "is gone" in end.error) == (OutcomeState.LOST, True)


async def test_what_rq_itself_finds_abandoned_ends_lost_or_is_run_again_if_it_may(
    rq_server: RedisServer, rq_worker: Workers, rq_record: RqTasks
) -> None:
    doomed = rq_worker(*SIMPLE, "first"), rq_worker(*SIMPLE, "second")
    async with opened_engine(broker=rq_server.url) as (engine, watcher):
        retry = {"retry_max": 1}
        lost = make_fire("rq_app.sleep", [600], queue="first")
        again = make_fire("rq_app.sleep_once", [600], queue="second", engine_options=retry)
        await engine.dispatch([lost, again])
        await running(watcher, lost, again)
        client = rq_server.client()
        for each, queue in zip(doomed, ("first", "second"), strict=True):
            each.stop(signal.SIGKILL)
            if queue == "second":  # The other's run would be lost already.
                client.delete(f"rq:worker:{each.name}")
            StartedJobRegistry(queue, connection=client).cleanup(time.time() + 3600)
        rq_worker(*SIMPLE, "second")
        ends = await watcher.finals([lost, again])
        assert "AbandonedJobError" in ends[lost.id].error
        assert ends[lost.id].state is OutcomeState.LOST
        assert ends[again.id].state is OutcomeState.SUCCEEDED
        assert [run[0] for run in rq_record.read()] == [again.id] * 2


async def test_a_job_whose_worker_died_before_the_start_ends_lost(
    rq_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(book, "IN_NO_QUEUE_S", 0.3)
    async with opened_engine(broker=rq_server.url) as (engine, watcher):
        fire = make_fire("rq_app.echo")
        await engine.dispatch([fire])
        rq_server.client().lpop("rq:queue:default")  # As a worker with several queues takes it.
        end = (await watcher.finals([fire]))[fire.id]
        assert (end.state, "in no queue" in end.error) == (OutcomeState.LOST, True)
