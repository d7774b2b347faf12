"""arq with a real Redis and unmodified workers, where it is hard."""

from __future__ import annotations

import asyncio
import time

import pytest
from arq import create_pool
from arq.connections import RedisSettings
from arq.jobs import Job
from conftest import RecordedTasks
from engines.arq_harness import HERE, Workers, began, opened, states
from engines.arq_harness import server as server
from engines.arq_harness import worker as worker
from harness import RedisServer, eventually
from z4j_adapters import ControlFailed, FireRef, OutcomeState
from z4j_adapters.testing import make_fire

pytestmark = pytest.mark.engine("arq", "Redis")

CANCELLED, EXPIRED, FAILED = OutcomeState.CANCELLED, OutcomeState.EXPIRED, OutcomeState.FAILED


LOST, RUNNING, SUCCEEDED = OutcomeState.LOST, OutcomeState.RUNNING, OutcomeState.SUCCEEDED


async def test_the_queue_is_served_in_the_order_of_the_hand_over(
    server: RedisServer, worker: Workers, record: RecordedTasks
) -> None:
    async with opened(broker=server.url) as (engine, watcher):
        fires = [make_fire("contract.echo", [n]) for n in range(150)]
        await engine.dispatch(fires[:100])
        await engine.dispatch(fires[100:])
        worker(max_jobs=1)
        await watcher.finals(fires)
        assert [run[1] for run in record.read()] == [[n] for n in range(150)]


@pytest.mark.shows("expiry")
async def test_expired_in_the_queue_ends_expired_and_does_not_run(
    server: RedisServer, worker: Workers, record: RecordedTasks
) -> None:
    async with opened(broker=server.url) as (engine, watcher):
        late = make_fire("contract.echo", due_us=int((time.time() - 60) * 1e6), expires_s=10.0)
        good = make_fire("contract.echo", ["good"], expires_s=600.0)
        await engine.dispatch([late, good])
        worker()
        ends = await watcher.finals([late, good])
        assert ends[late.id].state is EXPIRED
        assert ends[good.id].state is SUCCEEDED
        assert states(watcher, late) == [EXPIRED]
        assert [run[0] for run in record.read()] == [good.id]


async def test_failures_end_failed_with_their_words_and_the_adapter_loads_no_class_for_them(
    server: RedisServer, worker: Workers, record: RecordedTasks
) -> None:
    worker()
    names = ("fail_oddly", "sleep_short", "return_oddly", "nobody_knows_this")
    fires = {name: make_fire(f"contract.{name}", [60] if "sleep" in name else []) for name in names}
    async with opened(broker=server.url) as (engine, watcher):
        await engine.dispatch(list(fires.values()))
        ends = await watcher.finals(list(fires.values()))
        assert {end.state for end in ends.values()} == {FAILED}
        errors = {name: ends[fire.id].error for name, fire in fires.items()}
        assert "period 2026-01" in errors["fail_oddly"]
        assert errors["sleep_short"] == "TimeoutError"
        assert "arq calls it failed" in errors["return_oddly"]
        assert "'contract.nobody_knows_this' not found" in errors["nobody_knows_this"]
        assert states(watcher, fires["nobody_knows_this"]) == [FAILED]
        assert states(watcher, fires["fail_oddly"]) == [RUNNING, FAILED]
    assert not [run for run in record.read() if run[0] == "unpickled"]


async def test_a_retry_stays_running_until_its_end(server: RedisServer, worker: Workers) -> None:
    worker()
    async with opened(broker=server.url) as (engine, watcher):
        fire = make_fire("contract.retry")
        await engine.dispatch([fire])
        await watcher.finals([fire])
        assert states(watcher, fire) == [RUNNING, SUCCEEDED]


async def test_without_kept_results_nothing_is_claimed_and_the_hint_names_the_task(
    server: RedisServer, worker: Workers, record: RecordedTasks
) -> None:
    worker()
    async with opened(broker=server.url) as (engine, watcher):
        fire, kept = make_fire("contract.echo_unkept"), make_fire("contract.echo")
        await engine.dispatch([fire, kept])
        await watcher.finals([kept])
        await eventually("the hint", lambda: not engine.capabilities().outcomes)
        assert (
            "contract.echo_unkept ended and left no result" in engine.capabilities().outcomes_hint
        )
        assert [run[0] for run in record.read()].count(fire.id) == 1
        assert not [s for s in states(watcher, fire) if s.is_final]
        await eventually("no more questions", lambda: not engine._asked)


@pytest.mark.shows("cancel")
async def test_cancelled_before_its_start_it_leaves_the_queue_as_arqs_own_abort_would(
    server: RedisServer, worker: Workers, record: RecordedTasks
) -> None:
    async with opened(broker=server.url) as (engine, watcher):
        gone, stays = make_fire("contract.echo", ["gone"]), make_fire("contract.echo", ["stays"])
        await engine.dispatch([gone, stays])
        await engine.cancel(gone.id, terminate=False)
        worker()
        ends = await watcher.finals([gone, stays])
        assert (ends[gone.id].state, ends[stays.id].state) == (CANCELLED, SUCCEEDED)
        assert states(watcher, gone) == [CANCELLED]
        assert [run[1] for run in record.read()] == [["stays"]]
        for fire in (gone, stays):
            with pytest.raises(ControlFailed, match="has ended already"):
                await engine.cancel(fire.id, terminate=True)
        with pytest.raises(ControlFailed, match="does not know"):
            await engine.cancel(make_fire("contract.echo").id, terminate=True)
    pool = await create_pool(RedisSettings(port=server.port))
    with pytest.raises(asyncio.CancelledError):
        await Job(gone.id, pool).result(timeout=1)
    await pool.connection_pool.disconnect()
    async with opened(broker=server.url) as (engine, _):
        found = await engine.lookup_outcomes([FireRef(gone.id, gone.ref)])
        assert [o.state for o in found] == [CANCELLED]


@pytest.mark.shows("stop")
async def test_a_running_job_is_stopped_where_its_worker_allows_it(
    server: RedisServer, worker: Workers, record: RecordedTasks
) -> None:
    worker(allow_abort_jobs=True)
    async with opened(broker=server.url) as (engine, watcher):
        fire = make_fire("contract.sleep", [60])
        await engine.dispatch([fire])
        await eventually("begin", lambda: began(record, fire))
        with pytest.raises(ControlFailed, match="it has begun"):
            await engine.cancel(fire.id, terminate=False)
        await engine.cancel(fire.id, terminate=True)
        assert (await watcher.finals([fire], 5))[fire.id].state is CANCELLED
        assert began(record, fire) == [1]


async def test_a_worker_that_does_not_allow_it_runs_on_and_the_answer_says_why(
    server: RedisServer, worker: Workers, record: RecordedTasks
) -> None:
    worker()
    async with opened(broker=server.url) as (engine, watcher):
        fire = make_fire("contract.sleep", [4.0])
        await engine.dispatch([fire])
        await eventually("begin", lambda: began(record, fire))
        with pytest.raises(ControlFailed, match="allow_abort_jobs = True"):
            await engine.cancel(fire.id, terminate=True)
        assert not server.client().exists("arq:abort")
        assert (await watcher.finals([fire]))[fire.id].state is SUCCEEDED


async def test_app_mode_speaks_the_apps_own_serializer_on_its_own_queue(
    server: RedisServer, worker: Workers, record: RecordedTasks
) -> None:
    options = {"app": "arq_app.JsonSettings", "workdir": HERE, "broker": server.url}
    async with opened(**options) as (engine, watcher):
        assert "contract.echo" in await engine.list_tasks()
        assert engine.capabilities().terminate
        args, kwargs = ["🕰", {"nested": [1.5, None]}], {"ключ": "値"}
        good, gone = make_fire("contract.echo", args, kwargs), make_fire("contract.echo")
        late = make_fire("contract.echo", due_us=int((time.time() - 60) * 1e6), expires_s=10.0)
        bad = make_fire("contract.fail")
        await engine.dispatch([good, gone, late, bad])
        assert server.client().zcard("json") == 4
        await engine.cancel(gone.id, terminate=False)
        worker(app="arq_app.JsonSettings")
        ends = await watcher.finals([good, gone, late, bad])
        assert {ends[f.id].state for f in (good,)} == {SUCCEEDED}
        assert [ends[f.id].state for f in (gone, late, bad)] == [CANCELLED, EXPIRED, FAILED]
        assert record.read() == [(good.id, args, kwargs)]
        stopped = make_fire("contract.sleep", [60])
        await engine.dispatch([stopped])
        await eventually("begin", lambda: began(record, stopped))
        await engine.cancel(stopped.id, terminate=True)
        assert (await watcher.finals([stopped], 5))[stopped.id].state is CANCELLED
        # Without the app a result in JSON cannot be read.
    async with opened(broker=server.url, queues=("json",)) as (engine, watcher):
        fire = make_fire("contract.echo")
        await engine.dispatch([fire])
        await eventually("the hint", lambda: engine.capabilities().outcomes_hint)
        assert "give --app" in engine.capabilities().outcomes_hint
