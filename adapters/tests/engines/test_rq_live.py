"""How runs in real RQ workers end, and what is told of it."""

from __future__ import annotations

import time
from typing import Any

import pytest
from engines.rq_kit import SIMPLE, RqTasks, Workers, opened_engine, states
from harness import RedisServer
from rq import Queue
from z4j_adapters import FireRef, OutcomeState
from z4j_adapters.engines.rq import book
from z4j_adapters.engines.rq.app import RqApp, RqOptions
from z4j_adapters.engines.rq.dispatch import HandedOver, dedupe_key
from z4j_adapters.engines.rq.engine import RqEngine
from z4j_adapters.testing import make_fire

pytestmark = pytest.mark.engine("rq", "Redis")

pytest_plugins = ["engines.rq_kit"]


async def test_the_task_can_read_its_schedule_and_due_time(
    rq_server: RedisServer, rq_worker: Workers, rq_record: RqTasks
) -> None:
    rq_worker(*SIMPLE, "--serializer", "rq.serializers.JSONSerializer")
    async with opened_engine(broker=rq_server.url, serializer="json") as (engine, watcher):
        fire = make_fire("rq_app.meta", due_us=1_767_225_600_000_001)
        await engine.dispatch([fire])
        await watcher.finals([fire])
        due = "2026-01-01T00:00:00.000001+00:00"
        meta = {"z4j_schedule": fire.template.schedule, "z4j_due_at": due}
        assert rq_record.read() == [(fire.id, [meta], {})]


async def test_errors_are_told_as_type_and_message_without_the_traceback(
    rq_server: RedisServer, rq_worker: Workers
) -> None:
    rq_worker(*SIMPLE)
    async with opened_engine(broker=rq_server.url) as (engine, watcher):
        tasks = ("rq_app.fail_at_length", "rq_app.no_such", "rq_app.sleep")
        limit = {"timeout": 1}
        fires = [
            make_fire(tasks[0]),
            make_fire(tasks[1]),
            make_fire(tasks[2], [30], engine_options=limit),
        ]
        await engine.dispatch(fires)
        ends = await watcher.finals(fires)
        assert {end.state for end in ends.values()} == {OutcomeState.FAILED}
        long, unknown, late = (ends[fire.id].error for fire in fires)
        assert long == "RuntimeError: the first line\nand the second"
        assert unknown == "ValueError: Invalid attribute name: no_such"
        assert late.startswith("rq.timeouts.JobTimeoutException: Task exceeded maximum timeout")


async def test_a_run_that_rq_retries_stays_running_until_its_end(
    rq_server: RedisServer, rq_worker: Workers, rq_record: RqTasks
) -> None:
    rq_worker(*SIMPLE)
    async with opened_engine(broker=rq_server.url) as (engine, watcher):
        fire = make_fire("rq_app.fail_once", engine_options={"retry_max": 1})
        await engine.dispatch([fire])
        await watcher.finals([fire])
        assert states(watcher, fire) == [OutcomeState.RUNNING, OutcomeState.SUCCEEDED]
        assert [run[1] for run in rq_record.read()] == [[1], [0]]


@pytest.mark.shows("expiry")
async def test_expired_in_the_queue_ends_expired_and_does_not_run(
    rq_server: RedisServer, rq_worker: Workers, rq_record: RqTasks
) -> None:
    async with opened_engine(broker=rq_server.url) as (engine, watcher):
        late = make_fire("rq_app.echo", due_us=int((time.time() - 60) * 1e6), expires_s=10.0)
        short = make_fire("rq_app.echo", ["short"], expires_s=0.4)
        good = make_fire("rq_app.echo", ["good"], expires_s=600.0)
        await engine.dispatch([late, short, good])
        ends = await watcher.finals([late, short])
        assert {end.state for end in ends.values()} == {OutcomeState.EXPIRED}
        rq_worker(*SIMPLE)
        assert (await watcher.finals([good]))[good.id].state is OutcomeState.SUCCEEDED
        assert [run[0] for run in rq_record.read()] == [good.id]


async def test_a_run_that_rq_has_forgotten_is_not_taken_for_expired(rq_server: RedisServer) -> None:
    handed_over_ms = int((time.time() - 3600) * 1000)
    async with opened_engine(broker=rq_server.url) as (engine, _):
        fire = make_fire("rq_app.echo")
        value = HandedOver.head(handed_over_ms, handed_over_ms + 60_000, "500") + fire.ref
        rq_server.client().set(dedupe_key(fire.id), value)
        assert await engine.lookup_outcomes([FireRef(fire.id, fire.ref)]) == []


async def test_a_job_deleted_from_rq_ends_lost(rq_server: RedisServer) -> None:
    async with opened_engine(broker=rq_server.url) as (engine, watcher):
        fire = make_fire("rq_app.echo")
        await engine.dispatch([fire])
        Queue(connection=rq_server.client()).empty()
        end = (await watcher.finals([fire]))[fire.id]
        assert end.state is OutcomeState.LOST
        assert "deleted" in end.error


async def test_a_fire_handed_over_between_two_looks_is_not_taken_for_lost(
    rq_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = RqOptions(broker=rq_server.url)
    engine, fire = RqEngine(options), make_fire("rq_app.echo")
    state, look = book.RqBook(RqApp(options), 500, None), book.RqBook._jobs

    def look_then_hand_over(*args: Any) -> Any:
        jobs = look(*args)
        engine._outbox.publish([fire])
        return jobs

    monkeypatch.setattr(book.RqBook, "_jobs", look_then_hand_over)
    assert state.read({fire.id: "500"}) == []
    state.close()
    await engine.close()
