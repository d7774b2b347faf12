"""arq with a real Redis and unmodified workers, where it is hard."""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from arq import create_pool
from arq.connections import RedisSettings
from arq.jobs import Job
from conftest import RecordedTasks
from engines.arq_harness import HERE, ArqWorker, opened
from fake_scheduler import FakeScheduler, pb
from harness import Process, RedisServer, eventually
from z4j_adapters import ControlFailed, Fire, FireRef, OutcomeState, ResultCode
from z4j_adapters.testing import Watcher, make_fire

pytestmark = pytest.mark.engine("arq", "Redis")

Workers = Callable[..., ArqWorker]

CANCELLED, EXPIRED, FAILED = OutcomeState.CANCELLED, OutcomeState.EXPIRED, OutcomeState.FAILED
LOST, RUNNING, SUCCEEDED = OutcomeState.LOST, OutcomeState.RUNNING, OutcomeState.SUCCEEDED


@pytest.fixture
def server(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[RedisServer]:
    """A Redis of the test's own; it keeps nothing through a kill unless the test asks for it."""
    server = RedisServer(tmp_path, durable=getattr(request, "param", False))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def worker(tmp_path: Path, server: RedisServer, record: RecordedTasks) -> Iterator[Workers]:
    """Makes workers, with what settings the test likes."""
    made: list[ArqWorker] = []

    def make(**settings: Any) -> ArqWorker:
        made.append(ArqWorker(tmp_path, server.url, record.path, **settings))
        made[-1].start()
        return made[-1]

    yield make
    for each in made:
        each.stop()


def states(watcher: Watcher, fire: Fire) -> list[OutcomeState]:
    """What was said of a fire, in order."""
    return [o.state for o in watcher.outcomes if o.fire_id == fire.id]


def began(record: RecordedTasks, fire: Fire) -> list[int]:
    """Tries in which it began."""
    return [args[1] for job_id, args, _ in record.read() if job_id == fire.id]


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


@pytest.mark.shows("worker killed")
async def test_a_killed_workers_jobs_run_again_or_end_lost_where_arq_must_not(
    server: RedisServer, worker: Workers, record: RecordedTasks
) -> None:
    """The second worker waits for the in-progress keys: the longest timeout and 10 s."""
    first = worker(job_timeout=1.0)
    async with opened(broker=server.url) as (engine, watcher):
        again, once = make_fire("contract.sleep", [0.8]), make_fire("contract.sleep_once", [0.8])
        unkept = make_fire("contract.sleep_unkept", [0.8])
        fires = [again, once, unkept]
        await engine.dispatch(fires)
        await eventually("begin", lambda: all(began(record, fire) for fire in fires))
        await eventually("report", lambda: all(states(watcher, fire) for fire in fires))
        first.stop(signal.SIGKILL)
        worker(job_timeout=1.0)
        ends = await watcher.finals([again, once])
        assert ends[again.id].state is SUCCEEDED
        assert ends[once.id].state is LOST
        assert "began once and did not end" in ends[once.id].error
        assert states(watcher, again) == [RUNNING, SUCCEEDED]
        assert (began(record, again), began(record, once)) == ([1, 2], [1])
        await eventually("second run", lambda: began(record, unkept) == [1, 2])


async def test_jobs_of_a_stopped_worker_run_again_at_the_next(
    server: RedisServer, worker: Workers, record: RecordedTasks
) -> None:
    first = worker()
    async with opened(broker=server.url) as (engine, watcher):
        fire = make_fire("contract.sleep", [0.5])
        await engine.dispatch([fire])
        await eventually("begin", lambda: began(record, fire))
        first.stop(signal.SIGTERM)
        worker()
        await watcher.finals([fire])
        assert states(watcher, fire) == [RUNNING, SUCCEEDED]
        assert began(record, fire) == [1, 2]


async def test_two_thousand_fires_sent_twice_run_once_each(
    server: RedisServer, worker: Workers, record: RecordedTasks
) -> None:
    worker()
    async with opened(broker=server.url) as (engine, watcher):
        fires = [make_fire("contract.echo", [n % 9]) for n in range(2000)]
        batches = [fires[start : start + 500] for start in range(0, 2000, 500)]
        both = await asyncio.gather(*(engine.dispatch(batch) for batch in batches * 2))
        codes = Counter(r.code for results in both for r in results)
        assert codes == {ResultCode.ACCEPTED: 2000, ResultCode.DUPLICATE: 2000}
        ends = await watcher.finals(fires)
        assert {end.state for end in ends.values()} == {SUCCEEDED}
        assert Counter(run[0] for run in record.read()) == {fire.id: 1 for fire in fires}


@pytest.mark.parametrize("server", [True], indirect=True, ids=["durable"])
@pytest.mark.shows("broker restarted")
async def test_a_redis_restart_mid_burst_loses_nothing(
    server: RedisServer, worker: Workers, record: RecordedTasks
) -> None:
    async with opened(broker=server.url) as (engine, watcher):
        before = [make_fire("contract.echo", ["before"]) for _ in range(100)]
        await engine.dispatch(before)
        server.stop(signal.SIGKILL)
        during = [make_fire("contract.echo", ["during"]) for _ in range(100)]
        results = await engine.dispatch(during)
        assert {r.code for r in results} == {ResultCode.UNAVAILABLE}
        assert f"127.0.0.1:{server.port}" in engine.health()
        server.start()
        await eventually("recovery", lambda: engine.health() == "", 10)
        codes = Counter(r.code for r in await engine.dispatch(before))
        codes += Counter(r.code for r in await engine.dispatch(during))
        assert codes == {ResultCode.DUPLICATE: 100, ResultCode.ACCEPTED: 100}
        worker()
        await watcher.finals(before + during)
        assert Counter(run[0] for run in record.read()) == {f.id: 1 for f in before + during}


async def test_an_adapter_that_comes_after_finds_what_one_before_it_handed_over(
    server: RedisServer, worker: Workers
) -> None:
    ended, waiting = make_fire("contract.echo"), make_fire("contract.sleep", [1.0])
    stranger = make_fire("contract.echo")
    worker()
    async with opened(broker=server.url) as (engine, watcher):
        await engine.dispatch([ended, waiting])
        await watcher.finals([ended])
    async with opened(broker=server.url) as (engine, watcher):
        asked = [FireRef(fire.id, fire.ref) for fire in (ended, waiting, stranger)]
        found = {o.fire_id: o for o in await engine.lookup_outcomes(asked)}
        assert found[ended.id].state is SUCCEEDED
        assert found[ended.id].fire_ref == ended.ref
        assert stranger.id not in found
        # From the look-up on it is watched as if it were its own.
        assert (await watcher.finals([waiting]))[waiting.id].state is SUCCEEDED


async def test_an_adapter_killed_again_and_again_mid_burst_loses_and_repeats_nothing(
    tmp_path: Path, server: RedisServer, worker: Workers, record: RecordedTasks
) -> None:
    worker()
    node = FakeScheduler()
    await node.start()
    src = Path(__file__).resolve().parents[2] / "src"
    command = [sys.executable, "-m", "z4j_adapters", "arq", "--broker", server.url]
    command += ["--scheduler", node.address]
    fires = [make_fire("contract.echo", ["command", n % 7]) for n in range(1000)]
    adapter = Process(command, tmp_path, "adapter", PYTHONPATH=str(src))

    def told() -> int:
        return sum(len(results) for results in node.results.values())

    try:
        for turn in range(3):
            adapter.start()
            await node.until("hello", lambda turn=turn: len(node.hellos) > turn, 30)
            for start in range(0, 1000, 250):
                node.dispatch(fires[start : start + 250])
            if turn < 2:
                before = told()
                await node.until("results", lambda before=before: told() > before)
                adapter.stop(signal.SIGKILL)
        final = pb.Outcome.STATE_SUCCEEDED
        await node.until(
            "every end",
            lambda: len({o.fire_id for o in node.outcomes if o.state == final}) == 1000,
            30,
        )
        assert adapter.stop(signal.SIGTERM) == 0, adapter.log()
    finally:
        adapter.stop(signal.SIGKILL)
        await node.stop()
    assert {o.state for o in node.outcomes} <= {pb.Outcome.STATE_RUNNING, final}
    assert Counter(run[0] for run in record.read()) == {fire.id: 1 for fire in fires}


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
