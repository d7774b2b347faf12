"""`z4j-adapter watch` of engines whose jobs are gone at once: real libraries, a real Redis."""

from __future__ import annotations

import asyncio
import pickle
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from harness import RedisServer, wait_for
from transfer.instants import contents
from transfer.watching import watching
from z4j_adapters.transfer.monitored import words_of

CALL = [1, 'quote " and \\ and\nline', "ümläut ☃"], {"k": [2, None]}


def send_huey(url: str, kind: str = "RedisHuey") -> None:
    """Sends CALL, and takes it away as a consumer does."""
    import huey

    app = getattr(huey, kind)("shop", url=url)

    @app.task(name="mail", context=False)
    def mail(*args: Any, **kwargs: Any) -> None:
        """Never runs."""

    mail(*CALL[0], **CALL[1])
    mail.schedule(args=(9,), delay=3600)
    assert app.dequeue().args == tuple(CALL[0])


def send_huey_with_priorities(url: str) -> None:
    """Into a sorted set."""
    send_huey(url, "PriorityRedisHuey")


def send_dramatiq(url: str) -> None:
    """Sends CALL, and takes it away as a worker does."""
    import dramatiq
    from dramatiq.brokers.redis import RedisBroker

    broker = RedisBroker(url=url)

    @dramatiq.actor(broker=broker, actor_name="mail")
    def mail(*args: Any, **kwargs: Any) -> None:
        """Never runs."""

    mail.send(*CALL[0], **CALL[1])
    mail.send_with_options(args=(9,), delay=3_600_000)
    consumer = broker.consume("default", timeout=100)
    message = next(iter(consumer))
    assert list(message.args) == CALL[0]
    consumer.ack(message)
    consumer.close()


def send_taskiq(url: str, kind: str = "ListQueueBroker") -> None:
    """Sends CALL by a broker of taskiq-redis."""
    import taskiq_redis

    async def send() -> None:
        broker = getattr(taskiq_redis, kind)(url)

        @broker.task("mail")
        async def mail(*args: Any, **kwargs: Any) -> None:
            """Never runs."""

        await broker.startup()
        await mail.kiq(*CALL[0], **CALL[1])
        await broker.shutdown()

    asyncio.run(send())


def send_taskiq_by_stream(url: str) -> None:
    """Into a stream."""
    send_taskiq(url, "RedisStreamBroker")


def send_taskiq_by_pubsub(url: str) -> None:
    """To those who listen."""
    send_taskiq(url, "PubSubBroker")


def send_arq(url: str) -> None:
    """Enqueues CALL as a cron job of arq's worker does, and takes it away."""
    from arq.connections import RedisSettings, create_pool

    async def send() -> None:
        pool = await create_pool(RedisSettings.from_dsn(url))
        job = await pool.enqueue_job("cron:mail", *CALL[0], _job_id="one", **CALL[1])
        assert job
        await pool.delete("arq:job:one", "arq:queue")
        await pool.aclose()

    asyncio.run(send())


ENGINES: dict[str, tuple[str, Callable[[str], None]]] = {
    "huey": ("huey", send_huey),
    "huey with priorities": ("huey", send_huey_with_priorities),
    "dramatiq": ("dramatiq", send_dramatiq),
    "taskiq": ("taskiq", send_taskiq),
    "taskiq by stream": ("taskiq", send_taskiq_by_stream),
    "taskiq by pub/sub": ("taskiq", send_taskiq_by_pubsub),
    "arq": ("arq", send_arq),
}


@pytest.mark.parametrize("name", ENGINES)
def test_a_job_is_seen_with_its_call_though_it_is_gone_at_once(
    name: str, tmp_path: Path, server: RedisServer
) -> None:
    engine, send = ENGINES[name]
    if find_spec(engine) is None:
        pytest.skip(f"{engine} is not installed here")
    with watching(tmp_path, "--from", engine, "--redis-url", server.url) as watch:
        began = time.time()
        send(server.url)
        (seen,) = watch.wait_seen(1)
    assert seen["task"].rpartition(".")[2] == "mail"
    assert (seen["args"], seen["kwargs"]) == CALL
    assert began - 0.1 < seen["at"] / 1e6 < time.time()


def test_a_watch_leaves_redis_byte_for_byte_as_it_was(tmp_path: Path, server: RedisServer) -> None:
    client = server.client()
    client.lpush("huey.redis.shop", b"not a message", pickle.dumps(["nor", "this"]))
    client.zadd("huey.redis.more", {b"x": 1})
    before = contents(client)
    with watching(tmp_path, "--from", "huey", "--redis-url", server.url) as watch:
        client.lpush("huey.redis.other", b"\x80\x04 damaged")
        client.delete("huey.redis.other")
    assert contents(client) == before
    assert not watch.lines("seen")


def test_jobs_of_another_database_are_left_out(tmp_path: Path, server: RedisServer) -> None:
    pytest.importorskip("huey")
    with watching(tmp_path, "--from", "huey", "--redis-url", server.url) as watch:
        send_huey(server.url.removesuffix("0") + "3")
        send_huey(server.url)
        watch.wait_seen(1)
    assert len(watch.lines("seen")) == 1


def test_a_lost_connection_is_told_as_a_span(tmp_path: Path, server: RedisServer) -> None:
    with watching(tmp_path, "--from", "dramatiq", "--redis-url", server.url) as watch:
        server.stop()
        server.start()
        wait_for("the span", lambda: watch.lines("lost"), 30)
    assert watch.lines("lost")[0]["from"] < watch.lines("lost")[0]["to"]


@pytest.mark.parametrize("value", [b"", b'a "b" \\ c', bytes(range(256)), "☃".encode()])
def test_words_of_a_command_are_read_back_as_they_were(value: bytes, server: RedisServer) -> None:
    with server.client().monitor() as monitor:
        server.client().set(b"key", value)
        while True:
            line = monitor.connection.read_response().decode()
            words = words_of(line.partition("] ")[2])
            if words[0].upper() == b"SET":
                break
    assert words[1:] == [b"key", value]
