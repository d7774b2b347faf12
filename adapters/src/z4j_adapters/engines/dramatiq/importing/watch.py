"""Watches the messages that Dramatiq enqueues in Redis or RabbitMQ."""

from __future__ import annotations

import json
from collections.abc import Iterator

from z4j_adapters.transfer.brokers import BROKERS_HELP, RedisOrRabbit
from z4j_adapters.transfer.monitored import MonitoredRedis, call_of
from z4j_adapters.transfer.traced import TracedRabbit
from z4j_adapters.transfer.watcher import Seen

__all__ = ["DramatiqWatcher"]

HELP = f"""\
Watch the messages that go to Dramatiq's queues in Redis or RabbitMQ.

examples:
  z4j-adapter watch --from dramatiq --redis-url redis://localhost:6379/0
  z4j-adapter watch --from dramatiq --rabbitmq-url amqp://shop:…@localhost/shop

{BROKERS_HELP}

what is compared: the actor's name and its arguments.  Retries, and messages that wait for their
time (`delay`), are left out."""


class _Redis(MonitoredRedis):
    def jobs(self, words: list[bytes], at: int) -> Iterator[Seen]:
        """HSET namespace:queue.msgs id message, which the script of an enqueue does."""
        if len(words) == 4 and words[0] == b"HSET" and words[1].endswith(b".msgs"):
            yield from _seen(words[3], at)


class _Rabbit(TracedRabbit):
    def jobs(self, message: bytes, at: int) -> Iterator[Seen]:
        """A message is the same there."""
        return _seen(message, at)


class DramatiqWatcher(RedisOrRabbit):
    """Reads what Dramatiq's script puts into its hashes of messages, or what is published."""

    summary = "the messages of Dramatiq in Redis or RabbitMQ"
    help = HELP
    redis, rabbit = _Redis, _Rabbit


def _seen(text: bytes, at: int) -> Iterator[Seen]:
    message = json.loads(text)
    options = message.get("options") or {}
    if options.get("retries") or "eta" in options:
        return
    args, kwargs = call_of(message["args"], message["kwargs"])
    yield Seen(str(message["actor_name"]), at, str(message["message_id"]), args, kwargs)
