"""Watching an engine that has a choice of brokers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar

from z4j_adapters._options import Parser
from z4j_adapters.transfer.model import Source, SourceError
from z4j_adapters.transfer.monitored import MONITOR_HELP
from z4j_adapters.transfer.traced import TRACE_HELP
from z4j_adapters.transfer.watcher import Sight, Watcher

__all__ = ["BROKERS_HELP", "RedisOrRabbit"]

BROKERS_HELP = f"""\
Redis:
{MONITOR_HELP}

RabbitMQ:
{TRACE_HELP}"""


class RedisOrRabbit(Watcher):
    """Watches whichever of the two is named."""

    packages: ClassVar[Mapping[str, str]] = {"redis": "redis", "pika": "pika"}
    redis: ClassVar[type[Watcher]]
    rabbit: ClassVar[type[Watcher]]

    @classmethod
    def arguments(cls, parser: Parser) -> None:
        """Add --redis-url and --rabbitmq-url."""
        parser.option("redis-url", metavar="URL", help="Redis of the jobs")
        parser.option("rabbitmq-url", metavar="URL", help="or RabbitMQ: amqp://USER:…@HOST/VHOST")

    def open(self) -> Source:
        """Open that of the two."""
        named = [bool(url) for url in (self.options.redis_url, self.options.rabbitmq_url)]
        if sum(named) != 1:
            raise SourceError("WRONG_USAGE", "give one of --redis-url and --rabbitmq-url")
        self._chosen = (self.redis if named[0] else self.rabbit)(self.options)
        return self._chosen.open()

    def look(self, wait_s: float) -> Iterator[Sight]:
        """See Watcher."""
        return self._chosen.look(wait_s)

    def close(self) -> Iterator[Sight]:
        """See Watcher."""
        return self._chosen.close()
