"""Watching what is published on RabbitMQ, by the copies of its firehose tracer."""

from __future__ import annotations

import argparse
import contextlib
import time
from abc import abstractmethod
from collections.abc import Iterator
from typing import Any

from z4j_adapters._options import Parser
from z4j_adapters.transfer.model import Source, SourceError
from z4j_adapters.transfer.polled import now_us
from z4j_adapters.transfer.values import redact
from z4j_adapters.transfer.watcher import Lost, Seen, Sight, Watcher

__all__ = ["TRACE_HELP", "TracedRabbit"]

EXCHANGE = "amq.rabbitmq.trace"
PROBE_EVERY_S, PROBE_WITHIN_S = 5.0, 10.0
RETRY_S = 0.5
WAITING_MAX = 100_000  # Copies that wait for us; RabbitMQ drops older ones.
TRACE_HELP = """\
On RabbitMQ nobody but a consumer sees a message, unless the broker copies what is published.
`rabbitmqctl trace_on -p VHOST` turns that on (and `trace_off` turns it off after the watch; a
restart of the node does, too).  It costs the broker a second message for each.  The watch binds a
queue of its own, gone when it ends, to amq.rabbitmq.trace; the user of the URL must be allowed to
read that exchange.  Every few seconds it publishes an empty message that goes to no queue, to see
that the copies come."""


class TracedRabbit(Watcher):
    """Reads copies of published messages."""

    packages = {"pika": "pika"}  # noqa: RUF012

    @classmethod
    def arguments(cls, parser: Parser) -> None:
        """Add --rabbitmq-url."""
        parser.option(
            "rabbitmq-url", required=True, metavar="URL", help="RabbitMQ: amqp://USER:…@HOST/VHOST"
        )

    def __init__(self, options: argparse.Namespace) -> None:
        super().__init__(options)
        self._news: list[Sight] = []
        self._good_us = 0

    @abstractmethod
    def jobs(self, message: bytes, at: int) -> Iterator[Seen]:
        """Yield the jobs that one message sends."""

    def open(self) -> Source:
        """Connect, and see that copies come."""
        import pika

        url = self.options.rabbitmq_url
        try:
            self._parameters = pika.URLParameters(url)
            # "amqp://host//" is how others than pika write it.
            self._parameters.virtual_host = self._parameters.virtual_host or "/"
            self._connect()
        except (pika.exceptions.AMQPError, OSError, ValueError) as error:
            what = str(error) or type(error).__name__
            raise SourceError(
                "NO_SOURCE",
                f"{redact(url)}: {what}",
                f"name the RabbitMQ of the jobs, and a user who may read {EXCHANGE}",
            ) from None
        return Source("", "", redact(url))

    def look(self, wait_s: float) -> Iterator[Sight]:
        """What was published since."""
        import pika

        try:
            self._connection.process_data_events(time_limit=wait_s)
            self._probe()
        except (pika.exceptions.AMQPError, OSError):
            self._connect_again(wait_s)
        news, self._news = self._news, []
        yield from news

    def close(self) -> Iterator[Sight]:
        """Leave; RabbitMQ deletes the queue."""
        with contextlib.suppress(Exception):
            self._connection.close()
        return iter(())

    def _connect(self) -> None:
        import pika

        self._connection = pika.BlockingConnection(self._parameters)
        self._channel = self._connection.channel()
        declared = self._channel.queue_declare(
            "", exclusive=True, arguments={"x-max-length": WAITING_MAX}
        )
        self._queue = declared.method.queue
        self._channel.queue_bind(self._queue, EXCHANGE, "publish.#")
        self._channel.basic_consume(self._queue, self._take, auto_ack=True)
        self._asked_s = self._answered_s = 0.0
        self._probe()
        while self._answered_s < self._asked_s:
            self._connection.process_data_events(time_limit=RETRY_S)
            self._probe()

    def _connect_again(self, wait_s: float) -> None:
        import pika

        time.sleep(min(wait_s, RETRY_S))
        good_us = self._good_us
        with contextlib.suppress(pika.exceptions.AMQPError, OSError):
            self._connect()
            self._news.append(Lost(good_us, now_us()))

    def _probe(self) -> None:
        """Publish a message that goes nowhere, now and then.

        Raises:
            SourceError: No copy of the last one came.
        """
        now = time.monotonic()
        if self._answered_s < self._asked_s:
            if now - self._asked_s > PROBE_WITHIN_S:
                vhost = self._parameters.virtual_host
                raise SourceError(
                    "NO_TRACE",
                    f"RabbitMQ copies nothing of what is published in the vhost {vhost}",
                    f"run `rabbitmqctl trace_on -p {vhost}` before the watch, `trace_off` after it",
                )
        elif now - self._asked_s > PROBE_EVERY_S or self._asked_s == 0:
            self._asked_s = now
            self._channel.basic_publish("", f"{self._queue}.probe", b"")

    def _take(self, _channel: Any, _method: Any, properties: Any, body: bytes) -> None:
        self._good_us = now_us()
        if (properties.headers or {}).get("routing_keys") == [f"{self._queue}.probe"]:
            self._answered_s = time.monotonic()
            return
        with contextlib.suppress(Exception):  # Whatever others publish there.
            self._news += list(self.jobs(body, self._good_us))
