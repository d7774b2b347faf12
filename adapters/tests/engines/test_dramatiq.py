"""Dramatiq with a real Redis and unmodified workers, where it is hard."""

from __future__ import annotations

import json
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import z4j_adapters
from conftest import RecordedTasks
from engines.dramatiq_servers import DramatiqWorker, opened
from fake_scheduler import FakeScheduler, pb
from harness import Process, RedisServer, eventually
from z4j_adapters import ControlFailed, FireRef, OutcomeState, ResultCode
from z4j_adapters.testing import make_fire

pytestmark = pytest.mark.engine("dramatiq", "Redis")

Workers = Callable[..., DramatiqWorker]
RUNNING, SUCCEEDED = OutcomeState.RUNNING, OutcomeState.SUCCEEDED


@pytest.fixture
def worker(tmp_path: Path, server: RedisServer, record: RecordedTasks) -> Iterator[Workers]:
    """Makes workers, with what settings the test likes."""
    made: list[DramatiqWorker] = []

    def make(**settings: Any) -> DramatiqWorker:
        made.append(DramatiqWorker(tmp_path, server.url, record.path, **settings))
        return made[-1]

    yield make
    for each in made:
        each.kill()


async def test_a_retry_stays_running_until_its_end(server: RedisServer, worker: Workers) -> None:
    worker().start()
    async with opened(broker=server.url) as (engine, watcher):
        fires = [make_fire("contract.second_try") for _ in range(20)]
        await engine.dispatch(fires)
        await watcher.finals(fires)
        states = {f.id: [o.state for o in watcher.outcomes if o.fire_id == f.id] for f in fires}
        assert states == {fire.id: [RUNNING, SUCCEEDED] for fire in fires}


async def test_a_failure_without_retries_says_where_its_text_would_be(
    server: RedisServer, worker: Workers
) -> None:
    worker().start()
    async with opened(broker=server.url) as (engine, watcher):
        fire = make_fire("contract.fail", engine_options={"max_retries": 0})
        await engine.dispatch([fire])
        end = (await watcher.finals([fire]))[fire.id]
        assert end.state is OutcomeState.FAILED
        assert "contract.fail" in end.error and "store_results" in end.error


async def test_stored_results_bring_the_error_of_the_last_attempt_and_stay_there(
    server: RedisServer, worker: Workers
) -> None:
    worker(results=server.url).start()
    async with opened(broker=server.url, result_backend=server.url) as (engine, watcher):
        fire = make_fire("contract.mail", queue="mail", engine_options={"store_results": True})
        await engine.dispatch([fire])
        end = (await watcher.finals([fire]))[fire.id]
        assert (end.state, end.error) == (OutcomeState.FAILED, "LookupError: no such address")
        assert [k for k in server.client().scan_iter() if len(k) == 32]


@pytest.mark.shows("expiry")
async def test_expired_in_the_queue_ends_expired_and_does_not_run(
    server: RedisServer, worker: Workers, record: RecordedTasks
) -> None:
    async with opened(broker=server.url) as (engine, watcher):
        now_us = int(time.time() * 1e6)
        late = make_fire("contract.echo", due_us=now_us - 60_000_000, expires_s=10.0)
        soon = make_fire("contract.echo", due_us=now_us, expires_s=0.1)
        good = make_fire("contract.echo", ["good"], expires_s=600.0)
        await engine.dispatch([late, soon, good])
        waiting = engine._redis_book._traces
        await eventually(
            "soon to be seen waiting after its expiry",
            lambda: soon.id in waiting and waiting[soon.id].waiting_at_s > now_us / 1e6 + 1.2,
        )
        worker().start()
        ends = await watcher.finals([late, soon, good])
        assert ends[late.id].state is OutcomeState.EXPIRED
        assert ends[soon.id].state is OutcomeState.EXPIRED
        assert ends[good.id].state is SUCCEEDED
        assert [run[0] for run in record.read()] == [good.id]


async def test_a_failure_after_the_expiry_of_a_run_that_began_before_it_is_no_expiry(
    server: RedisServer, worker: Workers
) -> None:
    worker().start()
    async with opened(broker=server.url) as (engine, watcher):
        options = {"time_limit": 1, "max_retries": 0}
        fire = make_fire("contract.sleep", [2.5], expires_s=1.0, engine_options=options)
        await engine.dispatch([fire])
        end = (await watcher.finals([fire]))[fire.id]
        assert end.state is OutcomeState.FAILED


@pytest.mark.shows("worker killed")
async def test_a_killed_workers_run_is_run_again_by_dramatiq_and_stays_running_until_then(
    server: RedisServer, worker: Workers, record: RecordedTasks
) -> None:
    quick = {"heartbeat_timeout": 1000, "maintenance_chance": 1_000_000}
    first = worker(**quick)
    first.start()
    async with opened(broker=server.url, lost_after_s=0.5) as (engine, watcher):
        fire = make_fire("contract.sleep", [1.5])
        await engine.dispatch([fire])
        await eventually("start", record.read)
        first.kill()
        worker(**quick).start()
        await watcher.finals([fire])
        assert [o.state for o in watcher.outcomes] == [RUNNING, SUCCEEDED]
        assert [run[0] for run in record.read()] == [fire.id, fire.id]


async def test_what_was_flushed_ends_lost_and_not_succeeded(server: RedisServer) -> None:
    async with opened(broker=server.url, lost_after_s=0.7) as (engine, watcher):
        fire = make_fire("contract.echo")
        await engine.dispatch([fire])
        engine._setup.broker.flush("default")
        end = (await watcher.finals([fire]))[fire.id]
        assert end.state is OutcomeState.LOST
        assert "flushed" in end.error


@pytest.mark.shows("broker restarted")
async def test_a_redis_restart_loses_nothing_and_work_resumes_by_itself(
    server: RedisServer, worker: Workers, record: RecordedTasks
) -> None:
    async with opened(broker=server.url) as (engine, watcher):
        before = [make_fire("contract.echo", ["before"]) for _ in range(200)]
        await engine.dispatch(before)
        server.stop(signal.SIGKILL)
        during = [make_fire("contract.echo", ["during"]) for _ in range(200)]
        results = await engine.dispatch(during)
        assert {r.code for r in results} == {ResultCode.UNAVAILABLE}
        assert "unreachable since" in results[0].message
        assert f"127.0.0.1:{server.port}" in engine.health()
        server.start()
        await eventually("recovery", lambda: engine.health() == "")
        codes = Counter(r.code for r in await engine.dispatch(before + during))
        assert codes == {ResultCode.DUPLICATE: 200, ResultCode.ACCEPTED: 200}
        worker().start()
        await watcher.finals(before + during, 60)
        assert Counter(run[0] for run in record.read()) == {f.id: 1 for f in before + during}


async def test_2000_fires_handed_over_by_an_adapter_and_its_successor_run_once_and_end_once(
    server: RedisServer, worker: Workers, record: RecordedTasks
) -> None:
    worker(threads=8).start()
    fires = [make_fire("contract.echo", ["burst"]) for _ in range(2000)]
    async with opened(broker=server.url) as (first, _):
        for start in (0, 500, 1000):
            await first.dispatch(fires[start : start + 500])
    async with opened(broker=server.url) as (second, watcher):
        codes: Counter[ResultCode] = Counter()
        for start in (1000, 1500, 0, 500):
            results = await second.dispatch(fires[start : start + 500])
            codes += Counter(r.code for r in results)
        assert codes == {ResultCode.DUPLICATE: 1500, ResultCode.ACCEPTED: 500}
        ends = await watcher.finals(fires, 60)
        assert {end.state for end in ends.values()} == {SUCCEEDED}
        finals = Counter(o.fire_id for o in watcher.outcomes if o.state.is_final)
        assert set(finals.values()) == {1}
    assert Counter(run[0] for run in record.read()) == {fire.id: 1 for fire in fires}


async def test_the_command_killed_in_a_burst_and_started_again_runs_each_fire_once(
    tmp_path: Path, server: RedisServer, worker: Workers, record: RecordedTasks
) -> None:
    worker().start()
    node = FakeScheduler()
    await node.start()
    command = [sys.executable, "-m", "z4j_adapters", "dramatiq", "--broker", server.url]
    source = str(Path(z4j_adapters.__file__).parent.parent)
    adapter = Process(
        [*command, "--scheduler", node.address], tmp_path, "adapter", PYTHONPATH=source
    )
    fires = [make_fire("contract.echo", ["command", n % 7]) for n in range(600)]
    ended: set[bytes] = set()

    def all_succeeded() -> bool:
        ended.update(o.fire_id for o in node.outcomes if o.state == pb.Outcome.STATE_SUCCEEDED)
        return len(ended) == len(fires)

    try:
        for life in (1, 2):
            adapter.start()
            await node.until("hello", lambda n=life: len(node.hellos) == n, 30)
            node.dispatch(fires)
            if life == 1:
                await node.until("results", lambda: node.results)
                adapter.stop(signal.SIGKILL)
        await node.until("outcomes", all_succeeded, 60)
        assert adapter.stop() == 0, adapter.log()
    finally:
        adapter.stop(signal.SIGKILL)
        await node.stop()
    assert Counter(run[0] for run in record.read()) == {fire.id: 1 for fire in fires}


async def test_a_restarted_adapter_finds_what_ended_without_it_and_what_still_waits(
    server: RedisServer, worker: Workers
) -> None:
    async with opened(broker=server.url) as (first, _):
        good, bad = make_fire("contract.echo"), make_fire("contract.fail")
        waiting = make_fire("contract.echo", queue="nobody")
        await first.dispatch([good, bad, waiting])
    process = worker()
    process.start()
    left = server.client()
    await eventually("the note", lambda: left.llen("dramatiq:z4j_outcomes"))
    await eventually("the dead letter", lambda: left.zcard("dramatiq:default.XQ"))
    async with opened(broker=server.url) as (second, watcher):
        refs = [FireRef(fire.id, fire.ref) for fire in (good, bad, waiting)]
        told = {o.fire_id: o.state for o in await second.lookup_outcomes(refs)}
        assert told[good.id] is SUCCEEDED
        assert waiting.id not in told
        assert (await watcher.finals([bad]))[bad.id].state is OutcomeState.FAILED
        again = {o.fire_id: o.state for o in await second.lookup_outcomes(refs)}
        assert again == {good.id: SUCCEEDED, bad.id: OutcomeState.FAILED}


@pytest.mark.shows("cancel")
async def test_cancelled_in_the_queue_ends_cancelled_and_what_a_worker_has_cannot_be(
    server: RedisServer, worker: Workers, record: RecordedTasks
) -> None:
    async with opened(broker=server.url) as (engine, watcher):
        busy, cancelled = make_fire("contract.sleep", [0.7]), make_fire("contract.echo")
        await engine.dispatch([busy, cancelled])
        await engine.cancel(cancelled.id, terminate=False)
        worker().start()
        await eventually("start", record.read)
        with pytest.raises(ControlFailed, match="no way to stop it"):
            await engine.cancel(busy.id, terminate=True)
        ends = await watcher.finals([busy, cancelled])
        assert ends[cancelled.id].state is OutcomeState.CANCELLED
        assert ends[busy.id].state is SUCCEEDED
        with pytest.raises(ControlFailed, match="not in its queue any more"):
            await engine.cancel(busy.id, terminate=False)
        with pytest.raises(ControlFailed, match="does not know the fire"):
            await engine.cancel(make_fire("contract.echo").id, terminate=False)
        assert [run[0] for run in record.read()] == [busy.id]


async def test_the_task_can_read_its_schedule_and_due_time(
    server: RedisServer, worker: Workers, record: RecordedTasks
) -> None:
    worker().start()
    async with opened(broker=server.url) as (engine, watcher):
        fire = make_fire("contract.options", due_us=1_767_225_600_000_001)
        await engine.dispatch([fire])
        await watcher.finals([fire])
        assert record.read()[0][1] == [fire.template.schedule, "2026-01-01T00:00:00.000001+00:00"]


async def test_a_key_of_another_type_in_the_way_leaves_no_mark_and_says_so(
    server: RedisServer,
) -> None:
    async with opened(broker=server.url) as (engine, _):
        client = server.client()
        client.set("dramatiq:default", "not a list")
        fire = make_fire("contract.echo")
        result = (await engine.dispatch([fire]))[0]
        assert result.code is ResultCode.UNAVAILABLE and "WRONGTYPE" in result.message
        assert client.keys("z4j:*") == [] and client.hlen("dramatiq:default.msgs") == 0
        client.delete("dramatiq:default")
        assert (await engine.dispatch([fire]))[0].code is ResultCode.ACCEPTED
        value = client.get(f"z4j:dramatiq:{fire.id}")
        assert value == b"default\ncontract.echo\n" + fire.ref
        message = json.loads(client.hget("dramatiq:default.msgs", fire.id))
        assert message["message_id"] == message["options"]["redis_message_id"] == fire.id
