"""Redis and adapters that come and go while RQ works."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections import Counter
from pathlib import Path

import pytest
from engines.rq_kit import SIMPLE, RqTasks, RqWorker, Workers, opened_engine
from fake_scheduler import FakeScheduler, pb
from harness import Process, RedisServer, assert_frozen_redis_is_unavailable, eventually
from z4j_adapters import FireRef, OutcomeState, ResultCode
from z4j_adapters.engines.rq.dispatch import dedupe_key
from z4j_adapters.testing import make_fire

pytestmark = pytest.mark.engine("rq", "Redis")

pytest_plugins = ["engines.rq_kit"]


@pytest.mark.shows("broker restarted")
async def test_a_redis_restart_in_a_burst_loses_nothing_and_work_resumes_by_itself(
    tmp_path: Path, rq_record: RqTasks
) -> None:
    server = RedisServer(tmp_path)
    server.start()
    fires = [make_fire("rq_app.echo", ["burst"]) for _ in range(600)]
    batches = [fires[n : n + 50] for n in range(0, 600, 50)]
    worker = RqWorker(tmp_path, server.url, rq_record.path, *SIMPLE)
    try:
        async with opened_engine(broker=server.url) as (engine, watcher):
            await engine.dispatch(batches[0])
            handing_over = [asyncio.ensure_future(engine.dispatch(b)) for b in batches[1:-1]]
            await handing_over[2]
            server.stop(signal.SIGKILL)
            handing_over.append(asyncio.ensure_future(engine.dispatch(batches[-1])))
            results = [r for answer in await asyncio.gather(*handing_over) for r in answer]
            refused = [r for r in results if r.code is ResultCode.UNAVAILABLE]
            assert refused and "unreachable since" in refused[-1].message
            server.start()
            await eventually("recovery", lambda: engine.health() == "")
            taken = {r.fire_id for r in results if r.code is ResultCode.ACCEPTED}
            for batch in batches:
                for result in await engine.dispatch(batch):
                    assert result.code is ResultCode.DUPLICATE or result.fire_id not in taken
            server.client().config_set("appendfsync", "no")  # RQ's workers write much.
            worker.start()
            ends = await watcher.finals(fires, 60)
            assert {end.state for end in ends.values()} == {OutcomeState.SUCCEEDED}
    finally:
        worker.stop(signal.SIGKILL)
        server.stop()
    assert Counter(run[0] for run in rq_record.read()) == {fire.id: 1 for fire in fires}


async def test_a_frozen_redis_neither_blocks_the_loop_nor_lies(rq_server: RedisServer) -> None:
    async with opened_engine(broker=f"{rq_server.url}?socket_timeout=0.3") as (engine, _):
        await engine.dispatch([make_fire("rq_app.echo")])
        await assert_frozen_redis_is_unavailable(engine, rq_server, make_fire("rq_app.echo"))


async def test_2000_fires_handed_over_twice_by_adapters_that_come_and_go_run_once_each(
    rq_server: RedisServer, rq_worker: Workers, rq_record: RqTasks
) -> None:
    rq_worker(*SIMPLE)
    fires = [make_fire("rq_app.echo", ["twice"]) for _ in range(2000)]
    batches = [fires[n : n + 200] for n in range(0, 2000, 200)]
    for batch in batches:
        # Closed in the middle of the hand-over: what became of it is unknown.
        async with opened_engine(broker=rq_server.url) as (engine, _):
            handing_over = asyncio.ensure_future(engine.dispatch(batch))
            await asyncio.sleep(0)
        await asyncio.gather(handing_over, return_exceptions=True)
    async with opened_engine(broker=rq_server.url) as (engine, watcher):
        for batch in batches:
            codes = {r.code for r in await engine.dispatch(batch)}
            assert codes <= {ResultCode.ACCEPTED, ResultCode.DUPLICATE}
        ends = await watcher.finals(fires, 60)
    assert {end.state for end in ends.values()} == {OutcomeState.SUCCEEDED}
    assert Counter(run[0] for run in rq_record.read()) == {fire.id: 1 for fire in fires}


async def test_an_adapter_started_later_tells_the_ends_of_fires_it_is_asked_after(
    rq_server: RedisServer, rq_worker: Workers
) -> None:
    async with opened_engine(broker=rq_server.url) as (engine, _):
        fires = [make_fire("rq_app.echo", [n]) for n in range(50)]
        await engine.dispatch(fires)
    async with opened_engine(broker=rq_server.url) as (engine, watcher):
        assert await engine.lookup_outcomes([FireRef(f.id, f.ref) for f in fires]) == []
        rq_worker(*SIMPLE)
        ends = await watcher.finals(fires)
        assert {(o.state, o.fire_ref) for o in ends.values()} == {
            (OutcomeState.SUCCEEDED, fire.ref) for fire in fires
        }


async def test_an_end_is_found_after_its_fire_has_left_the_memory_of_what_was_handed_over(
    rq_server: RedisServer, rq_worker: Workers
) -> None:
    rq_worker(*SIMPLE)
    fire, stranger = make_fire("rq_app.fail"), make_fire("rq_app.fail")
    async with opened_engine(broker=rq_server.url) as (engine, watcher):
        await engine.dispatch([fire])
        await watcher.finals([fire])
    rq_server.client().delete(dedupe_key(fire.id))
    async with opened_engine(broker=rq_server.url) as (engine, _):
        found = await engine.lookup_outcomes([FireRef(f.id, f.ref) for f in (fire, stranger)])
        assert [(o.fire_id, o.fire_ref, o.state) for o in found] == [
            (fire.id, fire.ref, OutcomeState.RUNNING),
            (fire.id, fire.ref, OutcomeState.FAILED),
        ]


async def test_the_command_killed_thrice_in_a_burst_loses_nothing_and_runs_nothing_twice(
    tmp_path: Path, rq_server: RedisServer, rq_worker: Workers, rq_record: RqTasks
) -> None:
    rq_worker(*SIMPLE)
    node = FakeScheduler()
    await node.start()
    command = [sys.executable, "-m", "z4j_adapters", "rq", "--broker", rq_server.url]
    src = Path(__file__).resolve().parents[2] / "src"
    adapter = Process(
        [*command, "--scheduler", node.address], tmp_path, "adapter", PYTHONPATH=str(src)
    )
    fires = [make_fire("rq_app.echo", ["burst", n % 7]) for n in range(600)]
    done = pb.Outcome.STATE_SUCCEEDED

    async def hand_over() -> None:
        hellos = len(node.hellos)
        adapter.start()
        await node.until("hello", lambda: len(node.hellos) > hellos, 30)
        for n in range(0, 600, 50):
            node.dispatch(fires[n : n + 50])

    try:
        for killed in (1, 2, 3):
            before = sum(map(len, node.results.values()))
            await hand_over()
            some = before + 50 * killed
            await node.until("results", lambda n=some: sum(map(len, node.results.values())) >= n)
            adapter.stop(signal.SIGKILL)
        await hand_over()
        await node.until(
            "the ends",
            lambda: len({o.fire_id for o in node.outcomes if o.state == done}) == 600,
            60,
        )
        assert adapter.stop(signal.SIGTERM) == 0, adapter.log()
    finally:
        adapter.stop(signal.SIGKILL)
        await node.stop()
    assert {o.state for o in node.outcomes} == {done, pb.Outcome.STATE_RUNNING}
    assert Counter(run[0] for run in rq_record.read()) == {fire.id: 1 for fire in fires}
