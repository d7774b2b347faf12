"""`z4j-adapter watch` of engines on RabbitMQ: real libraries, a real broker."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pika")
pytest.importorskip("dramatiq")
pytest.importorskip("taskiq_aio_pika")

import pika
from harness import RABBIT_SERVER, RabbitServer, wait_for
from transfer.watching import watching

pytestmark = [
    pytest.mark.skipif(not RABBIT_SERVER.exists(), reason="rabbitmq-server is not installed"),
    pytest.mark.timeout(300),
]
CALL = [1, "ümläut ☃"], {"k": [2, None]}
UNTRACED = "quiet"


@pytest.fixture(scope="module")
def rabbit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RabbitServer]:
    """One whose tracer is on, but for the vhost UNTRACED."""
    server = RabbitServer(tmp_path_factory.mktemp("rabbit"))
    try:
        server.start()
        server.control("trace_on")
        server.control("add_vhost", UNTRACED)
        server.control("set_permissions", "-p", UNTRACED, "guest", ".*", ".*", ".*")
        yield server
    finally:
        server.stop()


def send_dramatiq(url: str) -> str:
    """Sends CALL, and one for later; the queue of CALL."""
    import dramatiq
    from dramatiq.brokers.rabbitmq import RabbitmqBroker

    broker = RabbitmqBroker(url=url.removesuffix("//"))

    @dramatiq.actor(broker=broker, actor_name="mail")
    def mail(*args: Any, **kwargs: Any) -> None:
        """Never runs."""

    mail.send(*CALL[0], **CALL[1])
    mail.send_with_options(args=(9,), delay=3_600_000)
    broker.close()
    return "default"


def send_taskiq(url: str) -> str:
    """Sends CALL by a broker of taskiq-aio-pika; its queue."""
    from taskiq_aio_pika import AioPikaBroker

    async def send() -> None:
        broker = AioPikaBroker(url)

        @broker.task("mail")
        async def mail(*args: Any, **kwargs: Any) -> None:
            """Never runs."""

        await broker.startup()
        await mail.kiq(*CALL[0], **CALL[1])
        await broker.shutdown()

    asyncio.run(send())
    return "taskiq"


ENGINES: dict[str, Callable[[str], str]] = {"dramatiq": send_dramatiq, "taskiq": send_taskiq}


@pytest.mark.parametrize("engine", ENGINES)
def test_a_published_job_is_seen_with_its_call_and_stays_for_the_worker(
    engine: str, tmp_path: Path, rabbit: RabbitServer
) -> None:
    with watching(tmp_path, "--from", engine, "--rabbitmq-url", rabbit.url) as watch:
        began = time.time()
        queue = ENGINES[engine](rabbit.url)
        (seen,) = watch.wait_seen(1)
    assert seen["task"] == "mail" and (seen["args"], seen["kwargs"]) == CALL
    assert began - 0.1 < seen["at"] / 1e6 < time.time()
    assert len(watch.lines("seen")) == 1
    where = pika.URLParameters(rabbit.url.removesuffix("//"))
    with pika.BlockingConnection(where) as connection:
        waiting = connection.channel().queue_declare(queue, passive=True).method.message_count
    assert waiting == 1


def test_nothing_of_a_watch_is_left_in_the_broker(tmp_path: Path, rabbit: RabbitServer) -> None:
    before = rabbit.control("list_bindings")
    with watching(tmp_path, "--from", "dramatiq", "--rabbitmq-url", rabbit.url):
        assert rabbit.control("list_bindings") != before
    assert rabbit.control("list_bindings") == before


def test_a_lost_connection_is_told_as_a_span_and_the_watch_goes_on(
    tmp_path: Path, rabbit: RabbitServer
) -> None:
    with watching(tmp_path, "--from", "dramatiq", "--rabbitmq-url", rabbit.url) as watch:
        rabbit.control("close_all_connections", "test")
        (lost,) = wait_for("the span", lambda: watch.lines("lost"), 40)
        send_dramatiq(rabbit.url)
        watch.wait_seen(1)
    assert lost["to"] - lost["from"] > 300_000  # It tries again after half a second.


def test_a_broker_that_copies_nothing_is_refused_with_what_to_turn_on(rabbit: RabbitServer) -> None:
    url = f"{rabbit.url.removesuffix('//')}/{UNTRACED}"
    code, said = refused("--from", "taskiq", "--rabbitmq-url", url)
    assert code == 2 and '"code":"NO_TRACE"' in said
    assert f"rabbitmqctl trace_on -p {UNTRACED}" in said and "guest:guest" not in said


def test_a_broker_must_be_named_and_be_there() -> None:
    for urls in ((), ("--redis-url", "redis://x/0", "--rabbitmq-url", "amqp://x/")):
        code, said = refused("--from", "dramatiq", *urls)
        assert code == 2 and "one of --redis-url and --rabbitmq-url" in said
    code, said = refused("--from", "dramatiq", "--rabbitmq-url", "amqp://u:secret@127.0.0.1:1/")
    assert code == 2 and '"code":"NO_SOURCE"' in said and "secret" not in said


def refused(*words: str) -> tuple[int, str]:
    """Exit code and output of a watch that cannot begin."""
    command = [sys.executable, "-m", "z4j_adapters", "watch", *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    return done.returncode, done.stdout
