"""TaskIQ with a real Redis and unmodified workers, where it is hard."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("taskiq_redis", reason="TaskIQ's own environment", exc_type=ImportError)

from conftest import RecordedTasks
from engines.taskiq_help import TaskiqWorker, opened
from fake_scheduler import FakeScheduler, pb
from harness import Process, RedisServer, eventually
from taskiq.kicker import AsyncKicker
from taskiq_redis import RedisStreamBroker
from z4j_adapters import ControlFailed, FireRef, OutcomeState, ResultCode
from z4j_adapters.testing import make_fire

KINDS = pytest.mark.parametrize(
    "kind",
    [
        pytest.param("list", marks=pytest.mark.engine("taskiq", "Redis lists")),
        pytest.param("stream", marks=pytest.mark.engine("taskiq", "Redis streams")),
    ],
)


@pytest.fixture
def worker(
    tmp_path: Path, server: RedisServer, record: RecordedTasks
) -> Iterator[Callable[..., TaskiqWorker]]:
    """Makes workers, with what arguments and settings the test likes."""
    made: list[TaskiqWorker] = []

    def make(*args: str, **settings: Any) -> TaskiqWorker:
        url = server.url
        given = {"broker": url, "results": url, "record": record.path, **settings}
        made.append(TaskiqWorker(tmp_path, *args, **given))
        return made[-1]

    yield make
    for each in made:
        each.stop()


def both(server: RedisServer, **options: Any) -> dict[str, Any]:
    """Options of an engine with results."""
    return {"broker": server.url, "result_backend": server.url, **options}


@KINDS
@pytest.mark.shows("broker restarted")
async def test_a_redis_restart_mid_burst_loses_nothing_and_repeats_nothing(
    kind: str, server: RedisServer, worker: Callable[..., TaskiqWorker], record: RecordedTasks
) -> None:
    fires = [make_fire("contract.echo", ["burst"]) for _ in range(2000)]
    parts = [fires[start : start + 500] for start in range(0, 2000, 500)]
    async with opened(**both(server, kind=kind)) as (engine, watcher):
        for part in parts[:2]:
            await engine.dispatch(part)
        server.stop(signal.SIGKILL)
        assert {r.code for r in await engine.dispatch(parts[2])} == {ResultCode.UNAVAILABLE}
        server.start()
        await eventually("recovery", lambda: engine.health() == "")
        answers = [await engine.dispatch(part) for part in parts]
        codes = Counter(r.code for answer in answers for r in answer)
        assert codes == {ResultCode.DUPLICATE: 1000, ResultCode.ACCEPTED: 1000}
        server.client().config_set("appendfsync", "everysec")  # Nothing is killed any more.
        worker(kind=kind).start()
        ends = await watcher.finals(fires, 60)
        assert {end.state for end in ends.values()} == {OutcomeState.SUCCEEDED}
    assert Counter(run[0] for run in record.read()) == {fire.id: 1 for fire in fires}


@pytest.mark.engine("taskiq", "Redis lists")
@pytest.mark.shows("worker killed")
async def test_a_list_workers_kill_mid_run_ends_lost_after_the_stated_time(
    server: RedisServer, worker: Callable[..., TaskiqWorker], record: RecordedTasks
) -> None:
    killed = worker()
    killed.start()
    async with opened(**both(server, lost_after_s=0.5)) as (engine, watcher):
        fire = make_fire("contract.sleep", [600])
        await engine.dispatch([fire])
        await eventually("start", record.read)
        killed.kill()
        end = (await watcher.finals([fire]))[fire.id]
        assert end.state is OutcomeState.LOST
        assert "'contract.sleep' left queue 'taskiq'" in end.error


@pytest.mark.engine("taskiq", "Redis streams")
@pytest.mark.shows("worker killed")
async def test_a_stream_workers_kill_mid_run_is_made_good_by_the_next_worker(
    server: RedisServer, worker: Callable[..., TaskiqWorker], record: RecordedTasks
) -> None:
    killed = worker(kind="stream")
    killed.start()
    async with opened(**both(server, kind="stream", lost_after_s=0.5)) as (engine, watcher):
        fire, next_fire = make_fire("contract.sleep", [0.6]), make_fire("contract.echo")
        await engine.dispatch([fire])
        await eventually("start", record.read)
        killed.kill()
        worker(kind="stream", idle_timeout=1000).start()
        await eventually("idle time", lambda: idle_ms(server) > 1000)
        await engine.dispatch([next_fire])  # taskiq-redis claims after a message, not before.
        ends = await watcher.finals([fire, next_fire])
        assert ends[fire.id].state is OutcomeState.SUCCEEDED
        assert Counter(run[0] for run in record.read()) == {fire.id: 2, next_fire.id: 1}


def idle_ms(server: RedisServer) -> int:
    """For how long the stream's pending entry has lain."""
    pending = server.client().xpending_range("taskiq", "taskiq", "-", "+", 1)
    return int(pending[0]["time_since_delivered"])


@KINDS
async def test_what_left_its_queue_without_a_result_is_lost_and_what_waits_there_is_not(
    kind: str, server: RedisServer, worker: Callable[..., TaskiqWorker]
) -> None:
    worker(kind=kind).start()
    async with opened(**both(server, kind=kind, lost_after_s=0.5)) as (engine, watcher):
        waits, dropped = make_fire("contract.echo", queue="nobody"), make_fire("contract.unknown")
        unstorable = make_fire("contract.unstorable")
        await engine.dispatch([waits, dropped, unstorable])
        ends = await watcher.finals([dropped, unstorable])
        assert {end.state for end in ends.values()} == {OutcomeState.LOST}
        assert [o for o in watcher.outcomes if o.fire_id == waits.id] == []


@KINDS
@pytest.mark.shows("cancel")
async def test_cancelled_before_a_worker_fetched_it_ends_cancelled_and_does_not_run(
    kind: str, server: RedisServer, worker: Callable[..., TaskiqWorker], record: RecordedTasks
) -> None:
    async with opened(**both(server, kind=kind)) as (engine, watcher):
        cancelled = make_fire("contract.echo", ["no"])
        good = make_fire("contract.echo", [cancelled.id])
        await engine.dispatch([cancelled, good])
        await engine.cancel(cancelled.id, terminate=False)
        assert {r.code for r in await engine.dispatch([cancelled])} == {ResultCode.DUPLICATE}
        worker(kind=kind).start()
        ends = await watcher.finals([cancelled, good])
        assert ends[cancelled.id].state is OutcomeState.CANCELLED
        assert [run[1] for run in record.read()] == [[cancelled.id]]
        with pytest.raises(ControlFailed, match="a worker has fetched it"):
            await engine.cancel(good.id, terminate=True)
        with pytest.raises(ControlFailed, match="remembers no such fire"):
            await engine.cancel(make_fire("contract.echo").id, terminate=False)
    async with opened(**both(server, kind=kind)) as (engine, _):
        (told,) = await engine.lookup_outcomes([FireRef(cancelled.id, cancelled.ref)])
        assert (told.state, told.fire_ref) == (OutcomeState.CANCELLED, cancelled.ref)


async def test_a_stream_without_workers_keeps_fires_and_an_old_one_is_not_run_again(
    server: RedisServer, worker: Callable[..., TaskiqWorker], record: RecordedTasks
) -> None:
    broker = RedisStreamBroker(server.url)  # Its startup would make the group.
    await AsyncKicker("contract.echo", broker, {}).kiq("of last year")
    await broker.shutdown()
    async with opened(**both(server, kind="stream")) as (engine, watcher):
        fire = make_fire("contract.echo", ["early"])
        await engine.dispatch([fire])
        worker(kind="stream").start()
        await watcher.finals([fire])
        assert [run[1] for run in record.read()] == [["early"]]


async def test_a_retried_run_ends_with_its_last_attempt(
    server: RedisServer, worker: Callable[..., TaskiqWorker], record: RecordedTasks
) -> None:
    worker().start()
    async with opened(**both(server)) as (engine, watcher):
        options = {"retry_on_error": True, "max_retries": 2}
        good = make_fire("contract.retry", engine_options=options)
        bad = make_fire("contract.retry")
        await engine.dispatch([good, bad])
        ends = await watcher.finals([good, bad])
        assert ends[good.id].state is OutcomeState.SUCCEEDED
        assert ends[bad.id].state is OutcomeState.FAILED
        assert ends[bad.id].error == "RuntimeError: again"
        assert Counter(run[0] for run in record.read()) == {good.id: 2, bad.id: 1}


async def test_a_timeout_and_labels_reach_the_worker(
    server: RedisServer, worker: Callable[..., TaskiqWorker], record: RecordedTasks
) -> None:
    worker().start()
    async with opened(**both(server)) as (engine, watcher):
        slow = make_fire("contract.sleep", [60], engine_options={"timeout": 0.2})
        told = {"team": "pay", "n": 3, "share": 0.5, "dry": False}
        labels = make_fire("contract.labels", engine_options={"labels": told})
        await engine.dispatch([slow, labels])
        ends = await watcher.finals([slow, labels])
        assert ends[slow.id].state is OutcomeState.FAILED
        assert ends[slow.id].error.startswith("TimeoutError")
        assert next(run[2] for run in record.read() if run[0] == labels.id) == told


async def test_a_task_with_a_progress_tracker_is_seen_running(
    tmp_path: Path, server: RedisServer, worker: Callable[..., TaskiqWorker]
) -> None:
    worker().start()
    async with opened(**both(server)) as (engine, watcher):
        fire = make_fire("contract.progress", [str(tmp_path / "gate")])
        await engine.dispatch([fire])
        await eventually("start", lambda: watcher.outcomes)
        assert [o.state for o in watcher.outcomes] == [OutcomeState.RUNNING]
        (tmp_path / "gate").touch()
        await watcher.finals([fire])
        states = [o.state for o in watcher.outcomes]
        assert states == [OutcomeState.RUNNING, OutcomeState.SUCCEEDED]


@KINDS
async def test_adapters_killed_mid_burst_lose_nothing_and_repeat_nothing(
    kind: str,
    tmp_path: Path,
    server: RedisServer,
    worker: Callable[..., TaskiqWorker],
    record: RecordedTasks,
) -> None:
    worker(kind=kind).start()
    node = FakeScheduler()
    await node.start()
    command = [sys.executable, "-m", "z4j_adapters", "taskiq", "--broker", server.url]
    command += ["--result-backend", server.url, "--kind", kind, "--scheduler", node.address]
    src = Path(__file__).resolve().parents[2] / "src"
    process = Process(command, tmp_path, "adapter", PYTHONPATH=str(src))
    fires = [make_fire("contract.echo", ["killed", n % 7]) for n in range(1000)]
    ids = {fire.ref for fire in fires}

    def ended() -> set[bytes]:
        return {o.fire_ref for o in node.outcomes if o.state == pb.Outcome.STATE_SUCCEEDED}

    try:
        for life in range(1, 4):
            process.start()
            await node.until("hello", lambda life=life: len(node.hellos) == life, 30)
            for start in range(0, 1000, 100):
                node.dispatch(fires[start : start + 100])
            if life < 3:
                await node.until("some", lambda life=life: len(node.results) > 200 * life, 30)
                process.stop(signal.SIGKILL)
        await node.until("outcomes", lambda: ended() == ids, 60)
    finally:
        process.stop(signal.SIGKILL)
        await node.stop()
    assert Counter(run[0] for run in record.read()) == {fire.id: 1 for fire in fires}


async def test_a_frozen_redis_does_not_hold_the_event_loop_up(server: RedisServer) -> None:
    url = f"{server.url}?socket_timeout=0.3"
    async with opened(broker=url) as (engine, _):
        await engine.dispatch([make_fire("contract.echo")])
        assert server.child
        server.child.send_signal(signal.SIGSTOP)
        try:
            handing_over = asyncio.ensure_future(engine.dispatch([make_fire("contract.echo")]))
            turns = 0
            while not handing_over.done():
                await asyncio.sleep(0.005)
                turns += 1
            assert (await handing_over)[0].code is ResultCode.UNAVAILABLE
            assert turns > 10
        finally:
            server.child.send_signal(signal.SIGCONT)
        await eventually("recovery", lambda: engine.health() == "")
