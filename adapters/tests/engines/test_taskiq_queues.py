"""TaskIQ's queues as they are told, and purges, on a real Redis without workers."""

from __future__ import annotations

import pytest

pytest.importorskip("taskiq_redis", reason="TaskIQ's own environment", exc_type=ImportError)

from engines.taskiq_help import opened
from harness import RedisServer
from z4j_adapters import ControlFailed, OutcomeState
from z4j_adapters.testing import make_fire


@pytest.mark.parametrize("kind", ["list", "stream"])
async def test_a_purge_takes_others_messages_too_and_leaves_other_queues_alone(
    redis_server: RedisServer, kind: str
) -> None:
    client = redis_server.client()
    client.flushdb()
    async with opened(broker=redis_server.url, kind=kind) as (engine, watcher):
        ours, other = make_fire("contract.echo"), make_fire("contract.echo", queue="post")
        await engine.dispatch([ours, other])
        if kind == "list":
            client.lpush("taskiq", "no message of anybody's")
        else:
            client.xadd("taskiq", {"data": "no message of anybody's"})
        depths = {queue.name: queue.depth for queue in await engine.list_queues()}
        assert depths == {"post": 1, "taskiq": 2}
        assert await engine.purge_queue("taskiq") == 2
        end = (await watcher.finals([ours]))[ours.id]
        assert (end.state, end.fire_ref) == (OutcomeState.CANCELLED, ours.ref)
        await engine.dispatch([make_fire("contract.echo") for _ in range(3)])
        depths = {queue.name: queue.depth for queue in await engine.list_queues()}
        assert depths == {"post": 1, "taskiq": 3}


async def test_what_is_in_a_workers_hands_is_told_and_not_purged(redis_server: RedisServer) -> None:
    client = redis_server.client()
    client.flushdb()
    async with opened(broker=redis_server.url, kind="stream") as (engine, _):
        await engine.dispatch([make_fire("contract.echo") for _ in range(3)])
        client.xreadgroup("taskiq", "worker", {"taskiq": ">"}, count=1)
        (queue,) = await engine.list_queues()
        assert (queue.depth, queue.in_progress, queue.workers) == (2, 1, None)
        assert await engine.purge_queue("taskiq") == 2
        (queue,) = await engine.list_queues()
        assert (queue.depth, queue.in_progress) == (0, 1)
        assert client.xlen("taskiq") == 1


async def test_a_stream_that_others_read_too_is_not_purged(redis_server: RedisServer) -> None:
    client = redis_server.client()
    client.flushdb()
    async with opened(broker=redis_server.url, kind="stream") as (engine, _):
        await engine.dispatch([make_fire("contract.echo")])
        client.xgroup_create("taskiq", "audit", "0")
        with pytest.raises(ControlFailed, match=r"other consumer groups.*audit"):
            await engine.purge_queue("taskiq")
        assert client.xlen("taskiq") == 1
