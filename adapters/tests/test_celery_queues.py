"""Celery's queues and workers as they are told, and purges, on a real Redis."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from celery import Celery
from conftest import Opened
from harness import CeleryWorker, RedisServer, eventually
from z4j_adapters import ControlFailed, FireRef, OutcomeState, ResultCode
from z4j_adapters.testing import make_fire


async def test_a_purge_takes_all_priorities_and_others_messages_and_leaves_other_queues_alone(
    server: RedisServer, opened: Opened
) -> None:
    Celery(broker=server.url).send_task("any", queue="mail")
    fires = [make_fire("contract.echo", queue="mail", priority=p) for p in (-100, 0, 0, 100)]
    async with opened() as (before, _):
        await before.dispatch([*fires, make_fire("contract.echo", queue="post")])
    async with opened() as (engine, watcher):
        states = {queue.name: queue for queue in await engine.list_queues()}
        assert {name: queue.depth for name, queue in states.items()} == {
            "celery": 0,
            "mail": 5,
            "post": 1,
        }
        assert states["mail"].in_progress is states["mail"].workers is None  # Nobody answered.
        assert await engine.list_workers() == []
        with pytest.raises(ControlFailed, match="no queue 'unacked'"):
            await engine.purge_queue("unacked")
        assert await engine.purge_queue("mail") == 5
        ends = await watcher.finals(fires)
        assert {end.state for end in ends.values()} == {OutcomeState.CANCELLED}
        assert {end.fire_ref for end in ends.values()} == {fire.ref for fire in fires}
        assert server.client().llen("post") == 1


async def test_an_adapter_that_comes_later_learns_that_a_fire_was_purged(
    server: RedisServer, opened: Opened
) -> None:
    purged, waiting = (make_fire("contract.echo", queue=queue) for queue in ("mail", "post"))
    async with opened() as (first, _):
        await first.dispatch([purged, waiting])
        # As if it were killed between removing and telling.
        assert first._inspector is not None
        assert first._inspector.remove("mail", 10).fires == [FireRef(purged.id, purged.ref)]
        first._inspector.close()
    async with opened(result_backend=server.url) as (second, _):
        asked = [FireRef(fire.id, fire.ref) for fire in (purged, waiting)]
        (told,) = await second.lookup_outcomes(asked)
        assert (told.fire_id, told.state) == (purged.id, OutcomeState.CANCELLED)
        assert told.fire_ref == purged.ref
        (again,) = await second.dispatch([purged])
        assert again.code is ResultCode.DUPLICATE  # It does not run.


async def test_workers_tell_what_they_have_and_what_they_can(
    server: RedisServer, opened: Opened, worker: Callable[..., CeleryWorker], tmp_path: Path
) -> None:
    worker("--queues", "mail,post", "--concurrency", "1").start()
    release = tmp_path / "release"
    async with opened() as (engine, watcher):
        fires = [make_fire("contract.hold", [str(release)], queue="mail") for _ in range(4)]
        await engine.dispatch(fires)
        await eventually(
            "a start", lambda: any(o.state is OutcomeState.RUNNING for o in watcher.outcomes)
        )
        (told,) = await engine.list_workers()
        assert told.name.endswith("@test")
        assert told.queues == ("mail", "post")
        assert (told.running, told.concurrency) == (1, 1)
        states = {queue.name: queue for queue in await engine.list_queues()}
        mail = states["mail"]
        # One runs, one was fetched ahead of time: Celery acknowledges what runs.
        assert (mail.depth, mail.in_progress, mail.workers) == (2, 2, 1)
        assert (states["post"].in_progress, states["post"].workers) == (0, 1)
        assert await engine.purge_queue("mail") == 2
        release.touch()
        ends = await watcher.finals(fires)
        states_of = sorted(end.state.value for end in ends.values())
        assert states_of == ["cancelled", "cancelled", "succeeded", "succeeded"]
