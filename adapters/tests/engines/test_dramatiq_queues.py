"""Dramatiq's queues on Redis as they are told, and purges, without workers."""

from __future__ import annotations

from dramatiq import Message
from dramatiq.brokers.redis import RedisBroker
from engines.dramatiq_servers import opened
from harness import RedisServer, eventually
from z4j_adapters import FireRef, OutcomeState, ResultCode
from z4j_adapters.testing import make_fire


async def test_a_purge_takes_others_messages_too_and_leaves_what_is_delayed_or_taken(
    redis_server: RedisServer,
) -> None:
    redis_server.client().flushdb()
    theirs = RedisBroker(url=redis_server.url)
    for delay in (None, 3_600_000):
        theirs.enqueue(Message("default", "any", (), {}, {}), delay=delay)
    async with opened(broker=redis_server.url) as (engine, watcher):
        ours, other = make_fire("contract.echo"), make_fire("contract.echo", queue="post")
        await engine.dispatch([ours, other])
        taken = next(theirs.consume("default"))  # Fetches one: the oldest.
        assert taken is not None
        depths = {q.name: (q.depth, q.in_progress) for q in await engine.list_queues()}
        assert depths == {"default": (1, 1), "post": (1, 0)}
        assert await engine.purge_queue("default") == 1
        assert (await watcher.finals([ours]))[ours.id].state is OutcomeState.CANCELLED
        depths = {q.name: (q.depth, q.in_progress) for q in await engine.list_queues()}
        assert depths == {"default": (0, 1), "post": (1, 0)}
        assert theirs.client.llen("dramatiq:default.DQ") == 1


async def test_a_retry_that_waits_is_known_as_its_fire_also_to_an_adapter_that_comes_later(
    redis_server: RedisServer,
) -> None:
    redis_server.client().flushdb()
    theirs = RedisBroker(url=redis_server.url)
    fire = make_fire("contract.echo")
    async with opened(broker=redis_server.url) as (first, watcher):
        await first.dispatch([fire])
        taken = next(theirs.consume("default"))
        assert taken is not None
        # As the Retries middleware does: the next attempt enters the queue, then the last one goes.
        retried = taken._message.copy(options={"retries": 1, "redis_message_id": "another"})
        redis_server.client().hset("dramatiq:default.msgs", "another", retried.encode())
        redis_server.client().rpush("dramatiq:default", "another")
        theirs.consume("default").ack(taken)
        assert await first.purge_queue("default") == 1
        end = (await watcher.finals([fire]))[fire.id]
        assert (end.state, end.fire_ref) == (OutcomeState.CANCELLED, fire.ref)
    async with opened(broker=redis_server.url) as (later, _):
        (told,) = await later.lookup_outcomes([FireRef(fire.id, fire.ref)])
        assert told.state is OutcomeState.CANCELLED


async def test_a_fire_that_never_entered_its_queue_is_forgotten_and_not_called_lost(
    server: RedisServer,
) -> None:
    server.client().set("dramatiq:default", "a text")  # The hand-over fails, and leaves nothing.
    fire = make_fire("contract.echo")
    async with opened(broker=server.url, lost_after_s=0.2) as (engine, watcher):
        assert (await engine.dispatch([fire]))[0].code is ResultCode.UNAVAILABLE
        await eventually("an end of asking", lambda: not engine._asked)
        assert watcher.outcomes == []
