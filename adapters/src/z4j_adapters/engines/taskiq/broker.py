"""The TaskIQ broker whose settings hold: the user's, or one of our own."""

from __future__ import annotations

import inspect
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from taskiq import AsyncBroker
from taskiq.cli.utils import import_object, import_tasks
from taskiq_redis import (
    ListQueueBroker,
    ListQueueSentinelBroker,
    PubSubBroker,
    PubSubSentinelBroker,
    RedisAsyncResultBackend,
    RedisStreamBroker,
    RedisStreamSentinelBroker,
)

from z4j_adapters._errors import ConfigurationError

__all__ = ["TaskiqOptions", "is_rabbit", "is_stream", "load_broker"]

LISTS = (ListQueueBroker, ListQueueSentinelBroker)
STREAMS = (RedisStreamBroker, RedisStreamSentinelBroker)
BROADCASTS = (PubSubBroker, PubSubSentinelBroker)


@dataclass(frozen=True, slots=True)
class TaskiqOptions:
    """How to find TaskIQ; one of `app` and `broker`."""

    app: str | None = None
    """As in `taskiq worker`: module:attribute, a broker or a function that makes one."""
    modules: tuple[str, ...] = ()
    """That hold tasks, as in `taskiq worker`."""
    fs_discover: bool = False
    workdir: Path | None = None
    broker: str | None = None
    """redis://, rediss://, unix://, amqp:// or amqps://."""
    kind: str = "list"
    """Of what a Redis queue is made: list or stream."""
    group: str = "taskiq"
    """Consumer group of a stream."""
    exchange: str = "taskiq"
    """RabbitMQ's."""
    result_backend: str | None = None
    """redis://…; replaces the app's."""
    result_prefix: str | None = None
    queues: tuple[str, ...] = ()
    """Publish to these only, and to the first by default; empty: any, and the broker's own."""
    dedupe_ttl_s: float = 86_400.0
    lost_after_s: float = 21_600.0


def load_broker(options: TaskiqOptions) -> Any:
    """Import the user's broker, or make one for the URL alone.

    Raises:
        ConfigurationError: Neither is given, the import fails, or nobody could take tasks there.
    """
    if (options.app is None) == (options.broker is None):
        raise ConfigurationError(
            "give --broker URL, or --app MODULE:BROKER to use your broker object (not both)"
        )
    if options.lost_after_s >= options.dedupe_ttl_s:
        raise ConfigurationError("--dedupe-ttl must be longer than --lost-after")
    broker = _import_broker(options) if options.app else _make_broker(options)
    if not (isinstance(broker, (*LISTS, *STREAMS)) or is_rabbit(broker)):
        why = "it broadcasts" if isinstance(broker, BROADCASTS) else "it is not supported"
        raise ConfigurationError(
            f"{type(broker).__name__} cannot take fires ({why}): use taskiq-redis' ListQueueBroker "
            "or RedisStreamBroker, or taskiq-aio-pika's AioPikaBroker"
        )
    if is_rabbit(broker) and not broker._task_queues:
        from taskiq_aio_pika import Queue

        broker.with_queue(Queue())  # As its startup does.
    if options.result_backend:
        broker.with_result_backend(
            RedisAsyncResultBackend(options.result_backend, prefix_str=options.result_prefix)
        )
    return broker


def is_rabbit(broker: Any) -> bool:
    """Whether it is taskiq-aio-pika's."""
    return any(cls.__name__ == "AioPikaBroker" for cls in type(broker).__mro__)


def is_stream(broker: Any) -> bool:
    """Whether its queues are Redis streams."""
    return isinstance(broker, STREAMS)


def _make_broker(options: TaskiqOptions) -> Any:
    url = str(options.broker)
    if url.startswith(("amqp://", "amqps://")):
        from taskiq_aio_pika import AioPikaBroker, Exchange, Queue

        queues = options.queues or ("taskiq",)
        rabbit = AioPikaBroker(url, exchange=Exchange(name=options.exchange))
        return rabbit.with_queues(*(Queue(name=name) for name in queues))
    queue = options.queues[0] if options.queues else "taskiq"
    try:
        if options.kind == "list":
            return ListQueueBroker(url, queue_name=queue)
        return RedisStreamBroker(url, queue_name=queue, consumer_group_name=options.group)
    except ValueError as error:
        raise ConfigurationError(f"--broker: {error}") from error


def _import_broker(options: TaskiqOptions) -> Any:
    workdir = options.workdir or Path.cwd()
    sys.path.insert(0, str(workdir))
    try:
        broker = import_object(str(options.app))
        if inspect.isfunction(broker):
            broker = broker()
        _import_modules(options, workdir)
    except Exception as error:
        raise ConfigurationError(
            f"--app {options.app}: cannot import it from {workdir}: {type(error).__name__}: {error}"
        ) from error
    if not isinstance(broker, AsyncBroker):
        raise ConfigurationError(f"--app {options.app} is no TaskIQ broker: {broker!r}")
    return broker


def _import_modules(options: TaskiqOptions, workdir: Path) -> None:
    """As `taskiq worker` does, but a module that cannot be imported is an error."""
    for module in options.modules:
        __import__(module)
    if options.fs_discover:
        before = Path.cwd()
        os.chdir(workdir)  # TaskIQ looks for files where it runs.
        try:
            import_tasks([], ["**/tasks.py"], True)
        finally:
            os.chdir(before)
