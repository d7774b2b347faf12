"""Huey with a real Redis and unmodified consumers of an app with `attach`, where it is hard."""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from engines.huey_harness import NAME, SRC, HueyConsumer, HueyTasks, opened
from fake_scheduler import FakeScheduler, pb
from harness import Process, RedisServer, assert_frozen_redis_is_unavailable, eventually
from z4j_adapters import ControlFailed, Fire, FireRef, OutcomeState, Result, ResultCode
from z4j_adapters.engines.huey import waiting
from z4j_adapters.engines.huey.engine import HueyEngine
from z4j_adapters.testing import make_fire

pytestmark = pytest.mark.engine("huey", "Redis")

QUEUE = "huey.redis.contractapp"

Make = Callable[..., HueyConsumer]


@pytest.fixture
def record(tmp_path: Path) -> HueyTasks:
    """Where consumers record runs."""
    return HueyTasks(tmp_path / "runs.jsonl")


@pytest.fixture
def consumer(tmp_path: Path, server: RedisServer, record: HueyTasks) -> Iterator[Make]:
    """Makes consumers, with what arguments and settings the test likes."""
    made: list[HueyConsumer] = []

    def make(*args: str, **settings: Any) -> HueyConsumer:
        if "filename" not in settings:
            settings.setdefault("url", server.url)
        made.append(HueyConsumer(tmp_path, record.path, *args, **settings))
        return made[-1]

    yield make
    for each in made:
        each.stop(signal.SIGKILL)


async def handed_over(engine: HueyEngine, fires: Sequence[Fire]) -> list[Result]:
    """Hands over in batches until the broker has all, as the scheduler does."""
    results: list[Result] = []
    for start in range(0, len(fires), 500):
        batch = fires[start : start + 500]
        told = await engine.dispatch(batch)
        while any(result.code is ResultCode.UNAVAILABLE for result in told):
            await asyncio.sleep(0.02)
            told = await engine.dispatch(batch)
        results += told
    return results


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


@pytest.mark.shows("worker killed")
@pytest.mark.parametrize(
    "workers",
    [
        "thread",
        "process",
        pytest.param("thread, on SQLite", marks=pytest.mark.engine("huey", "SQLite")),
    ],
)
async def test_a_run_whose_consumer_is_killed_ends_lost_after_the_stated_time(
    tmp_path: Path, redis_server: RedisServer, consumer: Make, workers: str
) -> None:
    redis_server.client().flushall()
    where: dict[str, Any] = {"broker": redis_server.url}
    settings: dict[str, Any] = {"url": redis_server.url}
    if "SQLite" in workers:
        where = {"sqlite": tmp_path / "huey.db"}
        settings = {"kind": "SqliteHuey", "filename": str(tmp_path / "huey.db")}
    victim = consumer("-w", "1", "-k", workers.split(",")[0], **settings)
    victim.start()
    async with opened(worker_lost_after_s=1.0, **where) as (engine, watcher):
        fire = make_fire("huey_app.sleep", [600])
        await engine.dispatch([fire])
        await eventually("start", lambda: watcher.outcomes)
        assert watcher.outcomes[0].state is OutcomeState.RUNNING
        await asyncio.sleep(1.5)  # Longer than a dead worker would be given.
        assert len(watcher.outcomes) == 1
        victim.stop_session()
        killed_at = time.monotonic()
        end = (await watcher.finals([fire]))[fire.id]
        assert end.state is OutcomeState.LOST and "was not heard of for 1 s" in end.error
        assert 0.7 < time.monotonic() - killed_at < 6


async def test_a_worker_process_that_dies_or_is_timed_out_ends_its_run_and_no_other(
    server: RedisServer, consumer: Make
) -> None:
    consumer("-w", "3", "-k", "process").start()
    async with opened(broker=server.url, worker_lost_after_s=1.0) as (engine, watcher):
        other, fatal = make_fire("huey_app.sleep", [2.0]), make_fire("huey_app.die")
        endless = make_fire("huey_app.sleep", [600], engine_options={"timeout": 0.3})
        await engine.dispatch([other, fatal, endless])
        ends = await watcher.finals([other, fatal, endless])
        assert ends[endless.id].state is OutcomeState.FAILED
        assert ends[endless.id].error == "TaskTimeout(timeout (0.3s))"
        assert ends[fatal.id].state is OutcomeState.LOST
        assert ends[other.id].state is OutcomeState.SUCCEEDED


async def test_a_run_that_the_consumers_shutdown_interrupts_ends_lost_at_once(
    server: RedisServer, consumer: Make
) -> None:
    stopped = consumer("-w", "1")
    stopped.start()
    async with opened(broker=server.url) as (engine, watcher):
        fire = make_fire("huey_app.sleep", [600])
        await engine.dispatch([fire])
        await eventually("start", lambda: watcher.outcomes)
        stopped.stop(signal.SIGTERM)
        end = (await watcher.finals([fire]))[fire.id]
        assert end.state is OutcomeState.LOST
        assert end.error == "the consumer was stopped during the run"


async def test_a_fire_that_left_the_queue_and_was_begun_by_nobody_ends_lost(
    server: RedisServer, consumer: Make
) -> None:
    busy = consumer("-w", "1")
    busy.start()
    async with opened(broker=server.url, worker_lost_after_s=0.6) as (engine, watcher):
        first, taken, queued = (
            make_fire("huey_app.sleep", [3.0]),
            *(make_fire("huey_app.echo", [n]) for n in range(2)),
        )
        await engine.dispatch([first])
        await eventually("start", lambda: watcher.outcomes)
        await engine.dispatch([taken, queued])
        assert server.client().rpop(QUEUE)  # As a consumer that dies with it in hand.
        ends = await watcher.finals([taken, queued])
        assert ends[taken.id].state is OutcomeState.LOST
        assert "no consumer began it" in ends[taken.id].error
        assert ends[queued.id].state is OutcomeState.SUCCEEDED


async def test_an_end_that_could_not_be_marked_at_once_is_marked_when_the_broker_is_back(
    server: RedisServer, consumer: Make
) -> None:
    consumer("-w", "1").start()
    async with opened(broker=server.url) as (engine, watcher):
        fire = make_fire("huey_app.sleep", [1.0])
        await engine.dispatch([fire])
        await eventually("start", lambda: watcher.outcomes)
        server.stop(signal.SIGKILL)
        await asyncio.sleep(1.2)  # The task ends meanwhile, and Huey cannot store it.
        server.start()
        assert (await watcher.finals([fire]))[fire.id].state is OutcomeState.SUCCEEDED


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
        await eventually("recovery", lambda: engine.health() == "", 10)
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


async def test_a_frozen_redis_neither_blocks_the_loop_nor_lies(server: RedisServer) -> None:
    async with opened(broker=f"{server.url}?socket_timeout=0.3") as (engine, _):
        await engine.dispatch([make_fire("huey_app.echo")])
        await assert_frozen_redis_is_unavailable(engine, server, make_fire("huey_app.echo"))


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


async def test_the_command_runs_fires_and_leaves_on_sigterm_with_outcomes_delivered(
    tmp_path: Path, server: RedisServer, consumer: Make, record: HueyTasks
) -> None:
    consumer("-w", "2").start()
    node = FakeScheduler()
    await node.start()
    command = [sys.executable, "-m", "z4j_adapters", "huey", "--broker", server.url]
    command += ["--name", NAME, "--scheduler", node.address]
    process = Process(command, tmp_path, "adapter", PYTHONPATH=str(SRC))
    process.start()
    try:
        await node.until("hello", lambda: node.hellos, 30)
        fires = [make_fire("huey_app.echo", ["command", n % 7]) for n in range(200)]
        node.dispatch(fires)
        final = pb.Outcome.STATE_SUCCEEDED
        await node.until(
            "outcomes", lambda: sum(o.state == final for o in node.outcomes) == 200, 60
        )
        assert process.child
        process.child.send_signal(signal.SIGTERM)
        await eventually("exit", lambda: process.child and process.child.poll() is not None)
        assert process.child.returncode == 0, process.log()
    finally:
        process.stop(signal.SIGKILL)
        await node.stop()
    assert Counter(run[0] for run in record.read()) == {fire.id: 1 for fire in fires}
