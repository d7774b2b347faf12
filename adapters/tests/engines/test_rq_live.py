"""RQ with a real Redis and unmodified workers, where it is hard."""

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
from conftest import RecordedTasks
from engines.rq_kit import RqTasks, RqWorker, opened_engine
from fake_scheduler import FakeScheduler, id_bytes, pb
from harness import Process, RedisServer, eventually
from rq import Queue
from rq.registry import CanceledJobRegistry, ScheduledJobRegistry, StartedJobRegistry
from z4j_adapters import ControlFailed, Fire, FireRef, OutcomeState, ResultCode
from z4j_adapters.engines.rq import book
from z4j_adapters.engines.rq.app import RqApp, RqOptions
from z4j_adapters.engines.rq.dispatch import HandedOver, dedupe_key
from z4j_adapters.engines.rq.engine import RqEngine
from z4j_adapters.testing import Watcher, make_fire

SIMPLE = ("--worker-class", "rq.SimpleWorker")
Workers = Callable[..., RqWorker]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    """A Redis of the test's own that does not wait for a disk: RQ writes much."""
    server = RedisServer(tmp_path, durable=False)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def record(tmp_path: Path) -> RqTasks:
    """Where the workers record runs."""
    return RqTasks(tmp_path / "runs.jsonl")


@pytest.fixture
def worker(tmp_path: Path, server: RedisServer, record: RecordedTasks) -> Iterator[Workers]:
    """Starts workers, with what arguments the test likes."""
    made: list[RqWorker] = []

    def make(*args: str) -> RqWorker:
        made.append(RqWorker(tmp_path, server.url, record.path, *args))
        made[-1].start()
        return made[-1]

    yield make
    for each in made:
        each.stop(signal.SIGKILL)


def states(watcher: Watcher, fire: Fire) -> list[OutcomeState]:
    """All that was reported of a fire."""
    return [o.state for o in watcher.outcomes if o.fire_id == fire.id]


async def running(watcher: Watcher, *fires: Fire) -> None:
    """Awaits that they run."""
    await eventually(
        "the start", lambda: all(OutcomeState.RUNNING in states(watcher, f) for f in fires)
    )


# --- Ends -------------------------------------------------------------------------------------


async def test_the_task_can_read_its_schedule_and_due_time(
    server: RedisServer, worker: Workers, record: RqTasks
) -> None:
    worker(*SIMPLE, "--serializer", "rq.serializers.JSONSerializer")
    async with opened_engine(broker=server.url, serializer="json") as (engine, watcher):
        fire = make_fire("rq_app.meta", due_us=1_767_225_600_000_001)
        await engine.dispatch([fire])
        await watcher.finals([fire])
        due = "2026-01-01T00:00:00.000001+00:00"
        meta = {"z4j_schedule": fire.template.schedule, "z4j_due_at": due}
        assert record.read() == [(fire.id, [meta], {})]


async def test_errors_are_told_as_type_and_message_without_the_traceback(
    server: RedisServer, worker: Workers
) -> None:
    worker(*SIMPLE)
    async with opened_engine(broker=server.url) as (engine, watcher):
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
    server: RedisServer, worker: Workers, record: RqTasks
) -> None:
    worker(*SIMPLE)
    async with opened_engine(broker=server.url) as (engine, watcher):
        fire = make_fire("rq_app.fail_once", engine_options={"retry_max": 1})
        await engine.dispatch([fire])
        await watcher.finals([fire])
        assert states(watcher, fire) == [OutcomeState.RUNNING, OutcomeState.SUCCEEDED]
        assert [run[1] for run in record.read()] == [[1], [0]]


async def test_expired_in_the_queue_ends_expired_and_does_not_run(
    server: RedisServer, worker: Workers, record: RqTasks
) -> None:
    async with opened_engine(broker=server.url) as (engine, watcher):
        late = make_fire("rq_app.echo", due_us=int((time.time() - 60) * 1e6), expires_s=10.0)
        short = make_fire("rq_app.echo", ["short"], expires_s=0.4)
        good = make_fire("rq_app.echo", ["good"], expires_s=600.0)
        await engine.dispatch([late, short, good])
        ends = await watcher.finals([late, short])
        assert {end.state for end in ends.values()} == {OutcomeState.EXPIRED}
        worker(*SIMPLE)
        assert (await watcher.finals([good]))[good.id].state is OutcomeState.SUCCEEDED
        assert [run[0] for run in record.read()] == [good.id]


async def test_a_run_that_rq_has_forgotten_is_not_taken_for_expired(server: RedisServer) -> None:
    handed_over_ms = int((time.time() - 3600) * 1000)
    async with opened_engine(broker=server.url) as (engine, _):
        fire = make_fire("rq_app.echo")
        value = HandedOver.head(handed_over_ms, handed_over_ms + 60_000, "500") + fire.ref
        server.client().set(dedupe_key(fire.id), value)
        assert await engine.lookup_outcomes([FireRef(fire.id, fire.ref)]) == []


async def test_a_job_deleted_from_rq_ends_lost(server: RedisServer) -> None:
    async with opened_engine(broker=server.url) as (engine, watcher):
        fire = make_fire("rq_app.echo")
        await engine.dispatch([fire])
        Queue(connection=server.client()).empty()
        end = (await watcher.finals([fire]))[fire.id]
        assert end.state is OutcomeState.LOST
        assert "deleted" in end.error


async def test_a_fire_handed_over_between_two_looks_is_not_taken_for_lost(
    server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = RqOptions(broker=server.url)
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


# --- Workers that die -------------------------------------------------------------------------


async def test_a_killed_process_of_a_run_ends_it_lost(server: RedisServer, worker: Workers) -> None:
    worker()
    async with opened_engine(broker=server.url) as (engine, watcher):
        fire = make_fire("rq_app.die")
        await engine.dispatch([fire])
        end = (await watcher.finals([fire]))[fire.id]
        assert end.state is OutcomeState.LOST
        assert "signal 9" in end.error


async def test_a_killed_worker_ends_its_run_lost_after_the_stated_time(
    server: RedisServer, worker: Workers
) -> None:
    doomed = worker(*SIMPLE)
    async with opened_engine(broker=server.url, worker_lost_after_s=1.5) as (engine, watcher):
        fire = make_fire("rq_app.sleep", [600])
        await engine.dispatch([fire])
        await running(watcher, fire)
        doomed.stop(signal.SIGKILL)
        end = (await watcher.finals([fire]))[fire.id]
        assert end.state is OutcomeState.LOST
        assert f"worker {doomed.name} has not been heard of" in end.error


async def test_a_run_outlives_its_killed_worker_and_its_end_counts(
    server: RedisServer, worker: Workers
) -> None:
    doomed = worker()
    async with opened_engine(broker=server.url) as (engine, watcher):
        fire = make_fire("rq_app.sleep", [0.5])
        await engine.dispatch([fire])
        await running(watcher, fire)
        assert doomed.child
        doomed.child.kill()  # Its child, which runs the job, has a process group of its own.
        assert (await watcher.finals([fire]))[fire.id].state is OutcomeState.SUCCEEDED


async def test_a_worker_that_rq_has_given_up_takes_its_run_with_it(
    server: RedisServer, worker: Workers
) -> None:
    doomed = worker(*SIMPLE)
    async with opened_engine(broker=server.url) as (engine, watcher):
        fire = make_fire("rq_app.sleep", [600])
        await engine.dispatch([fire])
        await running(watcher, fire)
        doomed.stop(signal.SIGKILL)
        server.client().delete(f"rq:worker:{doomed.name}")  # As Redis does when its time is up.
        end = (await watcher.finals([fire]))[fire.id]
        assert (end.state, "is gone" in end.error) == (OutcomeState.LOST, True)


async def test_what_rq_itself_finds_abandoned_ends_lost_or_is_run_again_if_it_may(
    server: RedisServer, worker: Workers, record: RqTasks
) -> None:
    doomed = worker(*SIMPLE, "first"), worker(*SIMPLE, "second")
    async with opened_engine(broker=server.url) as (engine, watcher):
        retry = {"retry_max": 1}
        lost = make_fire("rq_app.sleep", [600], queue="first")
        again = make_fire("rq_app.sleep_once", [600], queue="second", engine_options=retry)
        await engine.dispatch([lost, again])
        await running(watcher, lost, again)
        client = server.client()
        for each, queue in zip(doomed, ("first", "second"), strict=True):
            each.stop(signal.SIGKILL)
            if queue == "second":  # The other's run would be lost already.
                client.delete(f"rq:worker:{each.name}")
            StartedJobRegistry(queue, connection=client).cleanup(time.time() + 3600)
        worker(*SIMPLE, "second")
        ends = await watcher.finals([lost, again])
        assert "AbandonedJobError" in ends[lost.id].error
        assert ends[lost.id].state is OutcomeState.LOST
        assert ends[again.id].state is OutcomeState.SUCCEEDED
        assert [run[0] for run in record.read()] == [again.id] * 2


async def test_a_job_whose_worker_died_before_the_start_ends_lost(
    server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(book, "IN_NO_QUEUE_S", 0.3)
    async with opened_engine(broker=server.url) as (engine, watcher):
        fire = make_fire("rq_app.echo")
        await engine.dispatch([fire])
        server.client().lpop("rq:queue:default")  # As a worker with several queues takes it.
        end = (await watcher.finals([fire]))[fire.id]
        assert (end.state, "in no queue" in end.error) == (OutcomeState.LOST, True)


# --- Restarts ---------------------------------------------------------------------------------


async def test_a_redis_restart_in_a_burst_loses_nothing_and_work_resumes_by_itself(
    tmp_path: Path, record: RqTasks
) -> None:
    server = RedisServer(tmp_path)
    server.start()
    fires = [make_fire("rq_app.echo", ["burst"]) for _ in range(600)]
    batches = [fires[n : n + 50] for n in range(0, 600, 50)]
    worker = RqWorker(tmp_path, server.url, record.path, *SIMPLE)
    try:
        async with opened_engine(broker=server.url) as (engine, watcher):
            await engine.dispatch(batches[0])
            handing_over = [asyncio.ensure_future(engine.dispatch(b)) for b in batches[1:]]
            await handing_over[2]
            server.stop(signal.SIGKILL)
            results = [r for answer in await asyncio.gather(*handing_over) for r in answer]
            refused = [r for r in results if r.code is ResultCode.UNAVAILABLE]
            assert refused and "unreachable since" in refused[-1].message
            server.start()
            await eventually("recovery", lambda: engine.health() == "", 10)
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
    assert Counter(run[0] for run in record.read()) == {fire.id: 1 for fire in fires}


async def test_a_frozen_redis_neither_blocks_the_loop_nor_lies(server: RedisServer) -> None:
    async with opened_engine(broker=f"{server.url}?socket_timeout=0.3") as (engine, _):
        await engine.dispatch([make_fire("rq_app.echo")])
        assert server.child
        server.child.send_signal(signal.SIGSTOP)
        try:
            handing_over = asyncio.ensure_future(engine.dispatch([make_fire("rq_app.echo")]))
            longest, last = 0.0, time.monotonic()
            while not handing_over.done():
                await asyncio.sleep(0.005)
                longest, last = max(longest, time.monotonic() - last), time.monotonic()
            assert (await handing_over)[0].code is ResultCode.UNAVAILABLE
            assert longest < 0.25
        finally:
            server.child.send_signal(signal.SIGCONT)
        await eventually("recovery", lambda: engine.health() == "")


async def test_2000_fires_handed_over_twice_by_adapters_that_come_and_go_run_once_each(
    server: RedisServer, worker: Workers, record: RqTasks
) -> None:
    worker(*SIMPLE)
    fires = [make_fire("rq_app.echo", ["twice"]) for _ in range(2000)]
    batches = [fires[n : n + 200] for n in range(0, 2000, 200)]
    ended: dict[str, OutcomeState] = {}
    for batch in batches:
        # Closed in the middle of the hand-over: what became of it is unknown.
        async with opened_engine(broker=server.url) as (engine, _):
            handing_over = asyncio.ensure_future(engine.dispatch(batch))
            await asyncio.sleep(0)
        await asyncio.gather(handing_over, return_exceptions=True)
    async with opened_engine(broker=server.url) as (engine, watcher):
        for batch in batches:
            codes = {r.code for r in await engine.dispatch(batch)}
            assert codes <= {ResultCode.ACCEPTED, ResultCode.DUPLICATE}
        ended = {i: end.state for i, end in (await watcher.finals(fires, 60)).items()}
    assert set(ended.values()) == {OutcomeState.SUCCEEDED}
    assert Counter(run[0] for run in record.read()) == {fire.id: 1 for fire in fires}


async def test_an_adapter_started_later_tells_the_ends_of_fires_it_is_asked_after(
    server: RedisServer, worker: Workers
) -> None:
    async with opened_engine(broker=server.url) as (engine, _):
        fires = [make_fire("rq_app.echo", [n]) for n in range(50)]
        await engine.dispatch(fires)
    async with opened_engine(broker=server.url) as (engine, watcher):
        assert await engine.lookup_outcomes([FireRef(f.id, f.ref) for f in fires]) == []
        worker(*SIMPLE)
        ends = await watcher.finals(fires)
        assert {(o.state, o.fire_ref) for o in ends.values()} == {
            (OutcomeState.SUCCEEDED, fire.ref) for fire in fires
        }


async def test_an_end_is_found_after_its_fire_has_left_the_memory_of_what_was_handed_over(
    server: RedisServer, worker: Workers
) -> None:
    worker(*SIMPLE)
    fire, stranger = make_fire("rq_app.fail"), make_fire("rq_app.fail")
    async with opened_engine(broker=server.url) as (engine, watcher):
        await engine.dispatch([fire])
        await watcher.finals([fire])
    server.client().delete(dedupe_key(fire.id))
    async with opened_engine(broker=server.url) as (engine, _):
        found = await engine.lookup_outcomes([FireRef(f.id, f.ref) for f in (fire, stranger)])
        assert [(o.fire_id, o.fire_ref, o.state) for o in found] == [
            (fire.id, fire.ref, OutcomeState.RUNNING),
            (fire.id, fire.ref, OutcomeState.FAILED),
        ]


async def test_the_command_killed_thrice_in_a_burst_loses_nothing_and_runs_nothing_twice(
    tmp_path: Path, server: RedisServer, worker: Workers, record: RqTasks
) -> None:
    worker(*SIMPLE)
    node = FakeScheduler()
    await node.start()
    command = [sys.executable, "-m", "z4j_adapters", "rq", "--broker", server.url]
    src = Path(__file__).resolve().parents[2] / "src"
    adapter = Process(
        [*command, "--scheduler", node.address], tmp_path, "adapter", PYTHONPATH=str(src)
    )
    fires = [make_fire("rq_app.echo", ["burst", n % 7]) for n in range(600)]
    done = pb.Outcome.STATE_SUCCEEDED

    async def hand_over_unfinished() -> None:
        hellos = len(node.hellos)
        adapter.start()
        await node.until("hello", lambda: len(node.hellos) > hellos, 30)
        ended = {o.fire_id for o in node.outcomes if o.state == done}
        for n in range(0, 600, 50):
            if left := [f for f in fires[n : n + 50] if id_bytes(f) not in ended]:
                node.dispatch(left)

    try:
        for killed in (1, 2, 3):
            before = sum(map(len, node.results.values()))
            await hand_over_unfinished()
            some = before + 50 * killed
            await node.until("results", lambda n=some: sum(map(len, node.results.values())) >= n)
            adapter.stop(signal.SIGKILL)
        await hand_over_unfinished()
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
    assert Counter(run[0] for run in record.read()) == {fire.id: 1 for fire in fires}


# --- Control ----------------------------------------------------------------------------------


async def test_cancelled_before_the_start_ends_cancelled_and_never_runs(
    server: RedisServer, worker: Workers, record: RqTasks
) -> None:
    async with opened_engine(broker=server.url) as (engine, watcher):
        gone, good = make_fire("rq_app.echo", ["gone"]), make_fire("rq_app.echo", ["good"])
        await engine.dispatch([gone, good])
        await engine.cancel(gone.id, terminate=False)
        await engine.cancel(gone.id, terminate=False)  # Asked for again: it is so.
        assert CanceledJobRegistry(connection=server.client()).get_job_ids() == [gone.id]
        worker(*SIMPLE)
        ends = await watcher.finals([gone, good])
        assert ends[gone.id].state is OutcomeState.CANCELLED
        assert [run[0] for run in record.read()] == [good.id]
        with pytest.raises(ControlFailed, match="has ended: RQ says finished"):
            await engine.cancel(good.id, terminate=True)
        with pytest.raises(ControlFailed, match="no such job"):
            await engine.cancel(make_fire("rq_app.echo").id, terminate=False)


async def test_cancelled_while_it_waits_for_its_retry_ends_cancelled(
    server: RedisServer, worker: Workers
) -> None:
    worker(*SIMPLE)
    async with opened_engine(broker=server.url) as (engine, watcher):
        retries = {"retry_max": 1, "retry_intervals": [600]}
        fire = make_fire("rq_app.fail_once", engine_options=retries)
        await engine.dispatch([fire])
        registry = ScheduledJobRegistry(connection=server.client())
        await eventually("the retry to be scheduled", registry.get_job_ids)
        await engine.cancel(fire.id, terminate=False)
        await watcher.finals([fire])
        assert states(watcher, fire) == [OutcomeState.RUNNING, OutcomeState.CANCELLED]
        assert registry.get_job_ids() == []


async def test_terminated_in_the_run_ends_cancelled(server: RedisServer, worker: Workers) -> None:
    worker()
    async with opened_engine(broker=server.url) as (engine, watcher):
        fire = make_fire("rq_app.sleep", [600])
        await engine.dispatch([fire])
        await running(watcher, fire)
        with pytest.raises(ControlFailed, match="only be terminated"):
            await engine.cancel(fire.id, terminate=False)
        await engine.cancel(fire.id, terminate=True)
        assert (await watcher.finals([fire]))[fire.id].state is OutcomeState.CANCELLED


async def test_terminating_what_nobody_can_stop_says_so(
    server: RedisServer, worker: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("z4j_adapters.engines.rq.control.STOP_WITHIN_S", 0.3)
    simple = worker(*SIMPLE)
    async with opened_engine(broker=server.url) as (engine, watcher):
        fire = make_fire("rq_app.sleep", [600])
        await engine.dispatch([fire])
        await running(watcher, fire)
        with pytest.raises(ControlFailed, match="SimpleWorker cannot"):
            await engine.cancel(fire.id, terminate=True)
        simple.stop(signal.SIGKILL)
        with pytest.raises(ControlFailed, match="does not listen"):
            await engine.cancel(fire.id, terminate=True)
