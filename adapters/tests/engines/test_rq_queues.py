"""RQ's queues and workers as they are told, and purges, on a real Redis."""

from __future__ import annotations

from engines.rq_kit import Workers, opened_engine
from harness import RedisServer, eventually
from rq import Queue, Worker
from rq.exceptions import NoSuchJobError
from rq.job import Job
from z4j_adapters import FireRef, OutcomeState
from z4j_adapters.testing import make_fire

pytest_plugins = ["engines.rq_kit"]


async def test_a_purge_deletes_the_jobs_of_others_too_and_leaves_other_queues_alone(
    rq_server: RedisServer,
) -> None:
    client = rq_server.client()
    mail = Queue("mail", connection=client)
    theirs = [mail.enqueue("rq_app.echo", n) for n in range(3)]
    async with opened_engine(broker=rq_server.url) as (engine, watcher):
        ours = make_fire("rq_app.echo", queue="mail")
        other = make_fire("rq_app.echo", queue="post")
        await engine.dispatch([ours, other])
        depths = {q.name: (q.depth, q.in_progress, q.workers) for q in await engine.list_queues()}
        assert depths == {"default": (0, 0, 0), "mail": (4, 0, 0), "post": (1, 0, 0)}
        assert await engine.purge_queue("mail") == 4
        assert {q.name: q.depth for q in await engine.list_queues()}["post"] == 1
        assert (await watcher.finals([ours]))[ours.id].state is OutcomeState.CANCELLED
    assert Job.fetch(ours.id, connection=client).get_status() == "canceled"
    assert 0 < client.ttl(Job.key_for(ours.id)) <= 86_400
    for job in theirs:
        try:
            Job.fetch(job.id, connection=client)
        except NoSuchJobError:
            continue
        raise AssertionError("another's job is still there")


async def test_an_adapter_that_comes_later_learns_that_a_fire_was_purged(
    rq_server: RedisServer,
) -> None:
    fire = make_fire("rq_app.echo")
    async with opened_engine(broker=rq_server.url) as (first, _):
        await first.dispatch([fire])
        async with opened_engine(broker=rq_server.url) as (second, watcher):
            assert await second.purge_queue("default") == 1
            end = (await watcher.finals([fire]))[fire.id]
            assert (end.state, end.fire_ref) == (OutcomeState.CANCELLED, fire.ref)
    async with opened_engine(broker=rq_server.url) as (third, _):
        (told,) = await third.lookup_outcomes([FireRef(fire.id, fire.ref)])
        assert told.state is OutcomeState.CANCELLED


async def test_workers_are_told_with_their_queues_until_they_leave(
    rq_server: RedisServer, rq_worker: Workers
) -> None:
    worker = rq_worker("mail", "post", "--quiet")
    async with opened_engine(broker=rq_server.url) as (engine, _):
        (told,) = await engine.list_workers()
        assert (told.name, told.queues) == (worker.name, ("mail", "post"))
        assert (told.running, told.concurrency) == (0, 1)
        assert told.heartbeat is not None
        queues = {q.name: q.workers for q in await engine.list_queues()}
        assert queues == {"default": 0, "mail": 1, "post": 1}
        worker.stop()
        await eventually("farewell", lambda: Worker.count(connection=rq_server.client()) == 0)
        assert await engine.list_workers() == []
