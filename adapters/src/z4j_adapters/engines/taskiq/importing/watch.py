"""Watches the messages that TaskIQ sends through Redis or RabbitMQ."""

from __future__ import annotations

import json
from collections.abc import Iterator

from z4j_adapters.transfer.brokers import BROKERS_HELP, RedisOrRabbit
from z4j_adapters.transfer.monitored import MonitoredRedis, call_of
from z4j_adapters.transfer.traced import TracedRabbit
from z4j_adapters.transfer.watcher import Seen

__all__ = ["TaskiqWatcher"]

HELP = f"""\
Watch the messages that TaskIQ sends through taskiq-redis (lists, streams and pub/sub) or
taskiq-aio-pika.

examples:
  z4j-adapter watch --from taskiq --redis-url redis://localhost:6379/0
  z4j-adapter watch --from taskiq --rabbitmq-url amqp://shop:…@localhost/shop

{BROKERS_HELP}

what is compared: the task's name and its arguments.  Messages must be JSON, TaskIQ's default.
Retries, and messages that wait for their time (`delay`), are left out.  Other brokers are not
watched."""


class _Redis(MonitoredRedis):
    def jobs(self, words: list[bytes], at: int) -> Iterator[Seen]:
        """LPUSH key message, PUBLISH channel message, or XADD key … data message."""
        if words[0] in (b"LPUSH", b"PUBLISH", b"XADD"):
            yield from _seen(words[-1], at)


class _Rabbit(TracedRabbit):
    def jobs(self, message: bytes, at: int) -> Iterator[Seen]:
        """A message is the same there."""
        return _seen(message, at)


class TaskiqWatcher(RedisOrRabbit):
    """Reads what is pushed, added and published."""

    summary = "the messages of TaskIQ in Redis or RabbitMQ"
    help = HELP
    redis, rabbit = _Redis, _Rabbit


def _seen(text: bytes, at: int) -> Iterator[Seen]:
    if b'"task_name"' not in text:
        return
    message = json.loads(text)
    labels = message.get("labels") or {}
    if labels.get("_retries") or labels.get("delay"):
        return
    args, kwargs = call_of(message["args"], message["kwargs"])
    yield Seen(str(message["task_name"]), at, str(message["task_id"]), args, kwargs)
