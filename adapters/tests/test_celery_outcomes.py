"""How the end of a run is learned from Celery: events, lost workers, the result backend."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Opened
from harness import CeleryWorker, RedisServer, eventually
from z4j_adapters import FireRef, OutcomeState, ResultCode
from z4j_adapters.testing import make_fire

pytestmark = pytest.mark.engine("celery", "Redis")


async def test_a_killed_pool_process_ends_the_fire_lost(
    opened: Opened, worker: Callable[..., CeleryWorker]
) -> None:
    worker("--concurrency", "1", "-E").start()
    async with opened() as (engine, watcher):
        fire = make_fire("contract.die")
        await engine.dispatch([fire])
        end = (await watcher.finals([fire]))[fire.id]
        assert end.state is OutcomeState.LOST, end
        assert "WorkerLostError" in end.error


@pytest.mark.shows("worker killed")
async def test_a_killed_worker_ends_its_runs_lost(
    opened: Opened, worker: Callable[..., CeleryWorker]
) -> None:
    victim = worker("--concurrency", "1", "-E")
    victim.start()
    async with opened(worker_lost_after_s=5.0) as (engine, watcher):
        fire = make_fire("contract.sleep", [600])
        await engine.dispatch([fire])
        await eventually("start", lambda: watcher.outcomes)
        await eventually("beats", lambda: engine.worker_beats >= 2)
        victim.stop(signal.SIGKILL)
        end = (await watcher.finals([fire]))[fire.id]
        assert end.state is OutcomeState.LOST
        assert "not been heard of" in end.error


async def test_the_result_backend_tells_where_workers_send_no_events(
    opened: Opened, server: RedisServer, worker: Callable[..., CeleryWorker]
) -> None:
    silent = worker(
        *("--concurrency", "1", "--without-gossip", "--without-heartbeat", "--without-mingle"),
        worker_enable_remote_control=False,
        result_backend=server.url,
    )
    silent.start()
    async with opened(result_backend=server.url) as (engine, watcher):
        fires = [make_fire("contract.echo"), make_fire("contract.fail"), make_fire("nobody.knows")]
        await engine.dispatch(fires)
        ends = await watcher.finals(fires)
        assert [ends[fire.id].state for fire in fires] == [
            OutcomeState.SUCCEEDED,
            OutcomeState.FAILED,
            OutcomeState.FAILED,
        ]
        assert ends[fires[1].id].error == "ValueError(as it should)"
        assert "nobody.knows" in ends[fires[2].id].error
        assert engine.capabilities().outcomes


async def test_results_stored_while_nobody_listened_are_found(
    opened: Opened, server: RedisServer, worker: Callable[..., CeleryWorker]
) -> None:
    """An adapter dies after the hand-over; the next gets the fire again after it ran."""
    fire = make_fire("contract.echo")
    async with opened(result_backend=server.url) as (engine, _):
        await engine.dispatch([fire])
    done = worker("--concurrency", "1", result_backend=server.url)
    done.start()
    await eventually("run", lambda: server.client().exists(f"celery-task-meta-{fire.id}"))
    async with opened(result_backend=server.url) as (engine, watcher):
        assert (await engine.dispatch([fire]))[0].code is ResultCode.DUPLICATE
        assert (await watcher.finals([fire]))[fire.id].state is OutcomeState.SUCCEEDED


@pytest.mark.shows("look-up")
async def test_an_end_that_no_adapter_heard_is_looked_up(
    opened: Opened, server: RedisServer, worker: Callable[..., CeleryWorker]
) -> None:
    """An adapter dies after the hand-over; the next one is asked what became of the fires."""
    fires = [make_fire("contract.echo"), make_fire("contract.fail"), make_fire("contract.echo")]
    async with opened(result_backend=server.url) as (engine, _):
        await engine.dispatch(fires[:2])
    worker("--concurrency", "1", result_backend=server.url).start()
    keys = [f"celery-task-meta-{fire.id}" for fire in fires[:2]]
    await eventually("runs", lambda: server.client().exists(*keys) == 2)
    async with opened(result_backend=server.url) as (engine, watcher):
        assert engine.capabilities().lookup
        refs = [FireRef(fire.id, fire.ref) for fire in fires]
        for _ in range(2):  # An end is told as often as it is asked for.
            found = await engine.lookup_outcomes(refs)
            assert [(o.fire_id, o.fire_ref, o.state) for o in found] == [
                (fires[0].id, fires[0].ref, OutcomeState.SUCCEEDED),
                (fires[1].id, fires[1].ref, OutcomeState.FAILED),
            ]
        assert found[1].error == "ValueError(as it should)"
        await engine.dispatch(fires[2:])  # Asked after before: its own end is heard all the same.
        assert (await watcher.finals(fires[2:]))[fires[2].id].state is OutcomeState.SUCCEEDED


async def test_a_backend_that_tells_nobody_is_read(
    opened: Opened, tmp_path: Path, worker: Callable[..., CeleryWorker]
) -> None:
    """Files: neither pub/sub nor batches; workers send no events either."""
    results = tmp_path / "results"
    results.mkdir()
    mute = ("--without-gossip", "--without-heartbeat", "--without-mingle")
    settings = {"worker_enable_remote_control": False, "result_backend": f"file://{results}"}
    worker("--concurrency", "1", *mute, **settings).start()
    async with opened(result_backend=f"file://{results}") as (engine, watcher):
        assert engine.capabilities().lookup
        good, bad = make_fire("contract.echo"), make_fire("contract.fail")
        await engine.dispatch([good, bad])
        ends = await watcher.finals([good, bad])
        assert ends[good.id].state is OutcomeState.SUCCEEDED
        assert ends[bad.id].state is OutcomeState.FAILED
        assert "as it should" in ends[bad.id].error


async def test_where_neither_events_nor_results_speak_the_hint_says_what_to_change(
    opened: Opened, worker: Callable[..., CeleryWorker], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("z4j_adapters.engines.celery.workers.ANSWER_WITHIN_S", 1.0)
    worker("--concurrency", "1", worker_enable_remote_control=False).start()
    async with opened() as (engine, _):
        assert engine.capabilities().outcomes
        await eventually("the hint", lambda: not engine.capabilities().outcomes)
        assert "-E" in engine.capabilities().outcomes_hint
        assert "result backend" in engine.capabilities().outcomes_hint


async def test_an_adapter_started_later_reports_what_another_dispatched(
    opened: Opened, worker: Callable[..., CeleryWorker]
) -> None:
    fires = [make_fire("contract.echo", ["later"], queue="celery", priority=-50) for _ in range(5)]
    async with opened() as (engine, _):
        await engine.dispatch(fires)
    async with opened() as (engine, watcher):
        worker("--concurrency", "1", "-E").start()
        ends = await watcher.finals(fires)
        assert {ends[fire.id].fire_ref for fire in fires} == {fire.ref for fire in fires}
        assert Counter(o.state for o in watcher.outcomes) == {
            OutcomeState.RUNNING: 5,
            OutcomeState.SUCCEEDED: 5,
        }
