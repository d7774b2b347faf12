"""arq's queues as they are told, and purges, on a real Redis."""

from __future__ import annotations

import pytest
from arq.connections import RedisSettings, create_pool
from arq.jobs import JobStatus, ResultNotFound
from engines.arq_harness import opened
from harness import RedisServer
from z4j_adapters import ControlFailed, FireRef, OutcomeState
from z4j_adapters.testing import make_fire


async def test_a_purge_takes_others_jobs_too_and_leaves_what_waits_for_its_time(
    server: RedisServer,
) -> None:
    pool = await create_pool(RedisSettings.from_dsn(server.url))
    theirs = await pool.enqueue_job("contract.echo")
    later = await pool.enqueue_job("contract.echo", _defer_by=3600)
    assert theirs and later
    ours, other = make_fire("contract.echo"), make_fire("contract.echo", queue="post")
    async with opened(broker=server.url) as (engine, watcher):
        await engine.dispatch([ours, other])
        depths = {
            queue.name: (queue.depth, queue.in_progress) for queue in await engine.list_queues()
        }
        assert depths == {"arq:queue": (2, 0), "post": (1, 0)}
        assert await engine.purge_queue("arq:queue") == 2
        assert {queue.name: queue.depth for queue in await engine.list_queues()}["post"] == 1
        assert (await watcher.finals([ours]))[ours.id].state is OutcomeState.CANCELLED
    assert await later.status() is JobStatus.deferred
    with pytest.raises(ResultNotFound):
        await theirs.result(timeout=1)
    await pool.connection_pool.disconnect()


async def test_an_adapter_that_comes_later_learns_that_a_fire_was_purged(
    server: RedisServer,
) -> None:
    fire = make_fire("contract.echo", queue="post")
    async with opened(broker=server.url) as (first, _):
        await first.dispatch([fire])
    async with opened(broker=server.url) as (second, watcher):
        assert await second.purge_queue("post") == 1
        end = (await watcher.finals([fire]))[fire.id]
        assert (end.state, end.fire_ref) == (OutcomeState.CANCELLED, fire.ref)
    async with opened(broker=server.url) as (third, _):
        (told,) = await third.lookup_outcomes([FireRef(fire.id, fire.ref)])
        assert told.state is OutcomeState.CANCELLED


async def test_an_adapter_with_queues_of_its_own_purges_no_other(server: RedisServer) -> None:
    async with opened(broker=server.url) as (first, _):
        await first.dispatch([make_fire("contract.echo", queue="post")])
    async with opened(broker=server.url, queues=("mail",)) as (engine, _):
        assert [queue.name for queue in await engine.list_queues()] == ["mail"]
        with pytest.raises(ControlFailed, match="no queue 'post'; there are: mail"):
            await engine.purge_queue("post")
