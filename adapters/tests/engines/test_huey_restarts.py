"""Huey's brokers and adapters that go and come: nothing is lost, nothing runs twice."""

from __future__ import annotations

import asyncio
import signal
from collections import Counter
from pathlib import Path

import pytest
from command_run import run_to_the_end_and_leave
from engines.huey_harness import (
    NAME,
    HueyTasks,
    Make,
    handed_over,
    opened,
)
from engines.huey_harness import consumer as consumer
from engines.huey_harness import record as record
from harness import RedisServer, assert_frozen_redis_is_unavailable, eventually
from z4j_adapters import FireRef, OutcomeState, ResultCode
from z4j_adapters.testing import make_fire

pytestmark = pytest.mark.engine("huey", "Redis")


@pytest.mark.shows("broker restarted")
async def test_a_redis_restart_loses_nothing_and_work_resumes_by_itself(
    server: RedisServer, consumer: Make, record: HueyTasks
) -> None:
    async with opened(broker=server.url) as (engine, watcher):
        before = [make_fire("huey_app.echo", ["before"]) for _ in range(100)]
        await engine.dispatch(before)
        server.stop(signal.SIGKILL)
        during = [make_fire("huey_app.echo", ["during"]) for _ in range(100)]
        results = await engine.dispatch(during)
        assert {r.code for r in results} == {ResultCode.UNAVAILABLE}
        assert "unreachable since" in results[0].message
        server.start()
        await eventually("recovery", lambda: engine.health() == "")
        codes = Counter(r.code for r in await engine.dispatch(before + during))
        assert codes == {ResultCode.DUPLICATE: 100, ResultCode.ACCEPTED: 100}
        consumer("-w", "2").start()
        await watcher.finals(before + during, 60)
        assert Counter(run[0] for run in record.read()) == {f.id: 1 for f in before + during}


async def test_with_consumers_at_work_a_redis_restart_doubles_no_run_and_hides_no_loss(
    server: RedisServer, consumer: Make, record: HueyTasks
) -> None:
    """Redis may have given a message away that the consumer did not get: that one is lost."""
    consumer("-w", "4").start()
    async with opened(broker=server.url, worker_lost_after_s=2.0) as (engine, watcher):
        fires = [make_fire("huey_app.echo", ["burst", n % 5]) for n in range(900)]
        await handed_over(engine, fires[:600])
        await eventually("some runs", lambda: len(record.read()) > 50)
        server.stop(signal.SIGKILL)
        server.start()
        results = await handed_over(engine, fires)
        assert Counter(r.code for r in results) == {
            ResultCode.DUPLICATE: 600,
            ResultCode.ACCEPTED: 300,
        }
        ends = await watcher.finals(fires, 60)
        runs = Counter(run[0] for run in record.read())
        assert max(runs.values()) == 1
        for fire in fires:
            succeeded = ends[fire.id].state is OutcomeState.SUCCEEDED
            assert succeeded == (fire.id in runs), ends[fire.id]
        assert sum(o.state is not OutcomeState.SUCCEEDED for o in ends.values()) <= 4


async def test_an_adapter_closed_in_a_burst_is_followed_by_one_that_knows_all(
    redis_server: RedisServer, consumer: Make, record: HueyTasks
) -> None:
    redis_server.client().flushall()
    fires = [make_fire("huey_app.echo", ["burst"]) for _ in range(1000)]
    async with opened(broker=redis_server.url) as (engine, _):
        first = asyncio.ensure_future(engine.dispatch(fires[:500]))
        await asyncio.sleep(0.005)
        await engine.close()
        await asyncio.gather(first, return_exceptions=True)
    consumer("-w", "2", url=redis_server.url).start()
    async with opened(broker=redis_server.url) as (engine, watcher):
        await handed_over(engine, fires)
        await watcher.finals(fires)
    assert Counter(run[0] for run in record.read()) == {fire.id: 1 for fire in fires}
    async with opened(broker=redis_server.url) as (engine, _):
        found = await engine.lookup_outcomes([FireRef(fire.id, fire.ref) for fire in fires[:500]])
        assert {(o.fire_id, o.fire_ref, o.state) for o in found if o.state.is_final} == {
            (fire.id, fire.ref, OutcomeState.SUCCEEDED) for fire in fires[:500]
        }


async def test_a_frozen_redis_neither_blocks_the_loop_nor_lies(server: RedisServer) -> None:
    async with opened(broker=f"{server.url}?socket_timeout=0.3") as (engine, _):
        await engine.dispatch([make_fire("huey_app.echo")])
        await assert_frozen_redis_is_unavailable(engine, server, make_fire("huey_app.echo"))


async def test_the_command_runs_fires_and_leaves_on_sigterm_with_outcomes_delivered(
    tmp_path: Path, server: RedisServer, consumer: Make, record: HueyTasks
) -> None:
    consumer("-w", "2").start()
    fires = [make_fire("huey_app.echo", ["command", n % 7]) for n in range(200)]
    arguments = ["huey", "--broker", server.url, "--name", NAME]
    await run_to_the_end_and_leave(tmp_path, arguments, fires)
    assert Counter(run[0] for run in record.read()) == {fire.id: 1 for fire in fires}
