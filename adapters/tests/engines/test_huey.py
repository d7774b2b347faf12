"""Huey with a real Redis and unmodified consumers of an app with `attach`, where it is hard."""

from __future__ import annotations

import asyncio
import time
from collections import Counter

import pytest
from engines.huey_harness import (
    NAME,
    HueyTasks,
    Make,
    handed_over,
    opened,
)
from engines.huey_harness import consumer as consumer
from engines.huey_harness import record as record
from harness import RedisServer, eventually
from z4j_adapters import ControlFailed, FireRef, OutcomeState, ResultCode
from z4j_adapters.engines.huey import waiting
from z4j_adapters.testing import make_fire

pytestmark = pytest.mark.engine("huey", "Redis")


async def test_two_thousand_fires_sent_twice_by_two_adapters_run_once(
    redis_server: RedisServer, consumer: Make, record: HueyTasks
) -> None:
    redis_server.client().flushall()
    consumer("-w", "2", url=redis_server.url).start()
    fires = [make_fire("huey_app.echo", ["twice"]) for _ in range(2000)]
    async with (
        opened(broker=redis_server.url) as (one, watcher),
        opened(broker=redis_server.url) as (two, _),
    ):
        answers = await asyncio.gather(handed_over(one, fires), handed_over(two, fires))
        codes = Counter(r.code for answer in answers for r in answer)
        assert codes == {ResultCode.ACCEPTED: 2000, ResultCode.DUPLICATE: 2000}
        await watcher.finals(fires, 60)
    assert Counter(run[0] for run in record.read()) == {fire.id: 1 for fire in fires}


@pytest.mark.shows("expiry")
async def test_every_way_to_end_is_told_as_it_was(
    server: RedisServer, consumer: Make, record: HueyTasks
) -> None:
    async with opened(broker=server.url) as (engine, watcher):
        late = make_fire("huey_app.echo", due_us=int((time.time() - 60) * 1e6), expires_s=10.0)
        ends = {
            "huey_app.add": (OutcomeState.SUCCEEDED, ""),
            "huey_app.fail": (OutcomeState.FAILED, "ValueError(as it should)"),
            "huey_app.cancel": (OutcomeState.CANCELLED, "no need"),
            "huey_app.unwanted": (OutcomeState.CANCELLED, "cancelled by a pre_execute hook"),
            "huey_app.leave": (OutcomeState.FAILED, "SystemExit(3)"),
            "huey_app.unstorable": (OutcomeState.SUCCEEDED, ""),
            "huey_app.yearly": (OutcomeState.SUCCEEDED, ""),
        }
        arguments = {"huey_app.add": [1, 2]}
        fires = [make_fire(task, arguments.get(task, ())) for task in ends]
        timely = make_fire("huey_app.echo", ["timely"], expires_s=600.0)
        await engine.dispatch([*fires, late, timely])
        consumer("-w", "3").start()
        seen = await watcher.finals([*fires, late, timely])
        assert {f.template.task: (seen[f.id].state, seen[f.id].error) for f in fires} == ends
        assert seen[late.id].state is OutcomeState.EXPIRED
        assert seen[timely.id].state is OutcomeState.SUCCEEDED
        assert [run[0] for run in record.read()] == [timely.id]


async def test_a_retry_stays_running_until_its_end(
    server: RedisServer, consumer: Make, record: HueyTasks
) -> None:
    consumer("-w", "1").start()
    async with opened(broker=server.url) as (engine, watcher):
        at_once = make_fire("huey_app.flaky", ["now"], engine_options={"retries": 2})
        later = make_fire(
            "huey_app.flaky", ["later"], engine_options={"retries": 1, "retry_delay": 0.1}
        )
        never = make_fire("huey_app.fail", engine_options={"retries": 2})
        fires = [at_once, later, never]
        await engine.dispatch(fires)
        ends = await watcher.finals(fires)
        assert [ends[f.id].state.name for f in fires] == ["SUCCEEDED", "SUCCEEDED", "FAILED"]
        for fire in fires:
            states = [o.state for o in watcher.outcomes if o.fire_id == fire.id]
            assert states == [OutcomeState.RUNNING, ends[fire.id].state]
        assert sorted(run[1] for run in record.read()) == [
            ["later", 0], ["later", 1], ["now", 0], ["now", 1], ["now", 2],
        ]  # fmt: skip


@pytest.mark.engine("huey", "Redis with priorities")
@pytest.mark.shows("priority")
async def test_higher_priorities_run_first_and_equal_ones_in_order(
    server: RedisServer, consumer: Make, record: HueyTasks
) -> None:
    async with opened(broker=server.url, storage="redis-priority") as (engine, watcher):
        assert engine.capabilities().priority
        priorities = [-100, 1, 0, 100] * 3
        fires = [make_fire("huey_app.echo", [n], priority=p) for n, p in enumerate(priorities)]
        await engine.dispatch(fires)
        consumer("-w", "1", kind="PriorityRedisHuey").start()
        await watcher.finals(fires)
        assert [run[1][0] for run in record.read()] == [3, 7, 11, 1, 5, 9, 2, 6, 10, 0, 4, 8]


@pytest.mark.shows("cancel")
async def test_revoked_before_the_start_ends_cancelled_and_a_run_cannot_be_stopped(
    server: RedisServer, consumer: Make, record: HueyTasks
) -> None:
    consumer("-w", "1").start()
    async with opened(broker=server.url) as (engine, watcher):
        busy, revoked = make_fire("huey_app.sleep", [1.0]), make_fire("huey_app.echo", ["no"])
        await engine.dispatch([busy, revoked])
        await eventually("start", lambda: watcher.outcomes)
        await engine.cancel(revoked.id, terminate=False)
        with pytest.raises(ControlFailed, match="Huey cannot stop a run"):
            await engine.cancel(busy.id, terminate=True)
        ends = await watcher.finals([busy, revoked])
        assert ends[revoked.id].state is OutcomeState.CANCELLED
        assert ends[busy.id].state is OutcomeState.SUCCEEDED
        with pytest.raises(ControlFailed, match="has ended"):
            await engine.cancel(busy.id, terminate=False)
        last = make_fire("huey_app.add", [1, 1])
        await engine.dispatch([last])
        await watcher.finals([last])
        assert record.read() == []
        assert server.client().hkeys("huey.results.contractapp") == [last.id.encode()]


async def test_revoked_in_a_queue_too_long_to_search_ends_cancelled_when_its_turn_comes(
    redis_server: RedisServer, consumer: Make, record: HueyTasks, monkeypatch: pytest.MonkeyPatch
) -> None:
    redis_server.client().flushall()
    monkeypatch.setattr(waiting, "MESSAGES_MAX", 1)
    async with opened(broker=redis_server.url) as (engine, watcher):
        fires = [make_fire("huey_app.echo", [n]) for n in range(3)]
        await engine.dispatch(fires)
        await engine.cancel(fires[1].id, terminate=False)
        consumer("-w", "1", url=redis_server.url).start()
        ends = await watcher.finals(fires)
        assert [ends[f.id].state.name for f in fires] == ["SUCCEEDED", "CANCELLED", "SUCCEEDED"]
        assert [run[1] for run in record.read()] == [[0], [2]]
        assert redis_server.client().hkeys("huey.results.contractapp") == []


async def test_a_look_up_before_the_end_leads_to_the_end(
    server: RedisServer, consumer: Make
) -> None:
    fire = make_fire("huey_app.fail")
    async with opened(broker=server.url) as (engine, _):
        await engine.dispatch([fire])
    async with opened(broker=server.url) as (engine, watcher):
        assert await engine.lookup_outcomes([FireRef(fire.id, fire.ref)]) == []
        consumer("-w", "1").start()
        end = (await watcher.finals([fire]))[fire.id]
        assert (end.fire_ref, end.state) == (fire.ref, OutcomeState.FAILED)


async def test_names_the_tasks_that_attached_consumers_know(
    server: RedisServer, consumer: Make
) -> None:
    async with opened(broker=server.url) as (engine, _):
        assert await engine.list_tasks() == []
        consumer("-w", "1").start()
        await eventually("an attached consumer", lambda: engine.capabilities().outcomes)
        assert "huey_app.echo" in await engine.list_tasks()
        assert engine.tasks() == await engine.list_tasks()
        assert engine.queues() == [NAME]
