"""arq and what fails around it: killed workers and adapters, a Redis that restarts."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections import Counter
from pathlib import Path

import pytest
from conftest import RecordedTasks
from engines.arq_harness import Workers, began, opened, states
from engines.arq_harness import server as server
from engines.arq_harness import worker as worker
from fake_scheduler import FakeScheduler, pb
from harness import Process, RedisServer, eventually
from z4j_adapters import FireRef, OutcomeState, ResultCode
from z4j_adapters.testing import make_fire

pytestmark = pytest.mark.engine("arq", "Redis")

CANCELLED, EXPIRED, FAILED = OutcomeState.CANCELLED, OutcomeState.EXPIRED, OutcomeState.FAILED


LOST, RUNNING, SUCCEEDED = OutcomeState.LOST, OutcomeState.RUNNING, OutcomeState.SUCCEEDED


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
        await eventually("recovery", lambda: engine.health() == "")
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
