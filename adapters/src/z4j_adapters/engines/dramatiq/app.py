"""The Dramatiq broker whose settings hold: the user's, or one of our own."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dramatiq
from dramatiq import Broker
from dramatiq.cli import import_broker
from dramatiq.middleware import Middleware, Pipelines
from dramatiq.results import Results

from z4j_adapters._errors import ConfigurationError

__all__ = ["DramatiqOptions", "Setup", "load_setup"]

# Before, a worker would declare and consume the queue that the notes go to, as any other.
RABBIT_NOTES_SINCE = (2, 2)


@dataclass(frozen=True, slots=True)
class DramatiqOptions:
    """How to find Dramatiq; exactly one of `app` and `broker`."""

    app: str | None = None
    """As on the command line of `dramatiq`: module, or module:broker."""
    workdir: Path | None = None
    broker: str | None = None
    """redis://…, rediss://…, unix://… or amqp://…, amqps://…"""
    namespace: str = "dramatiq"
    """Of the keys in Redis; an app has its own."""
    max_priority: int | None = None
    """As the workers' RabbitmqBroker(max_priority=); an app has its own."""
    result_backend: str | None = None
    """redis://… of the workers' Results middleware; an app has its own."""
    queues: tuple[str, ...] = ()
    """Publish to these only; empty: any."""
    outcomes: bool = True
    dedupe_ttl_s: float = 86_400.0
    lost_after_s: float = 60.0


@dataclass(frozen=True, slots=True)
class Setup:
    """What the options came to."""

    broker: Any
    is_redis: bool
    has_app: bool
    results: Any
    """Result backend, or None."""
    queues: tuple[str, ...]
    outcomes_hint: str
    """Why workers can leave no notes of successes; empty: they can, and messages ask for them."""

    def named_queues(self) -> list[str]:
        """Name the queues that may be published to; empty: any."""
        if self.queues or not self.has_app:
            return sorted(self.queues)
        return sorted(self.broker.get_declared_queues())

    @property
    def has_enqueue_hooks(self) -> bool:
        """Whether a middleware of the app wants to see each message before or after its push."""
        names = ("before_enqueue", "after_enqueue")
        return any(
            getattr(type(m), name) is not getattr(Middleware, name)
            for m in self.broker.middleware
            for name in names
        )


def load_setup(options: DramatiqOptions) -> Setup:
    """Import the user's app, or make a broker from its URL alone.

    Raises:
        ConfigurationError: Neither is given, or it cannot work.
    """
    if (options.app is None) == (options.broker is None):
        raise ConfigurationError(
            "give --broker URL, or --app MODULE[:BROKER] to use your Dramatiq broker; not both"
        )
    if options.app is not None:
        broker = _import_app(options.app, options.workdir or Path.cwd())
    else:
        broker = _new_broker(options)
    is_redis = _is_redis(broker)
    results = next((m.backend for m in broker.middleware if isinstance(m, Results)), None)
    if options.result_backend:
        results = _new_results(options.result_backend)
    has_app = options.app is not None
    hint = _outcomes_hint(options, broker, is_redis=is_redis)
    return Setup(broker, is_redis, has_app, results, options.queues, hint)


def _import_app(name: str, workdir: Path) -> Broker:
    sys.path.insert(0, str(workdir))
    try:
        _, broker = import_broker(name)
    except Exception as error:
        raise ConfigurationError(
            f"--app {name}: cannot import it from {workdir}: {type(error).__name__}: {error}"
        ) from error
    return broker


def _new_broker(options: DramatiqOptions) -> Any:
    url = options.broker or ""
    scheme = url.partition(":")[0]
    try:
        if scheme in ("redis", "rediss", "unix"):
            from dramatiq.brokers.redis import RedisBroker

            return RedisBroker(url=url, middleware=[], namespace=options.namespace)
        if scheme in ("amqp", "amqps"):
            from dramatiq.brokers.rabbitmq import RabbitmqBroker

            return RabbitmqBroker(url=url, middleware=[], max_priority=options.max_priority)
    except ImportError as error:
        raise ConfigurationError(f"--broker {scheme}: {error}; install dramatiq[all]") from error
    except Exception as error:
        raise ConfigurationError(f"--broker: {type(error).__name__}: {error}") from error
    raise ConfigurationError(f"--broker: {scheme!r} is none of redis, rediss, unix, amqp, amqps")


def _new_results(url: str) -> Any:
    from dramatiq.results.backends import RedisBackend

    try:
        return RedisBackend(url=url)
    except Exception as error:
        raise ConfigurationError(f"--result-backend: {type(error).__name__}: {error}") from error


def _is_redis(broker: Any) -> bool:
    """Tell the brokers apart without importing the library of the other."""
    names = {cls.__name__ for cls in type(broker).__mro__}
    if not names & {"RedisBroker", "RabbitmqBroker"}:
        raise ConfigurationError(
            f"the app's broker is a {type(broker).__name__}; this adapter knows Redis and RabbitMQ"
        )
    return "RedisBroker" in names


def _outcomes_hint(options: DramatiqOptions, broker: Any, *, is_redis: bool) -> str:
    if not options.outcomes:
        return "turned off by --no-outcomes"
    if options.app is not None and not any(isinstance(m, Pipelines) for m in broker.middleware):
        return (
            "the app's broker has no Pipelines middleware, by which workers tell of successes: "
            "add dramatiq.middleware.Pipelines, which is one of Dramatiq's defaults"
        )
    version = tuple(int(part) for part in re.findall(r"\d+", dramatiq.__version__)[:2])
    if not is_redis and version < RABBIT_NOTES_SINCE:
        return (
            "on RabbitMQ workers can tell of successes since Dramatiq 2.2; this is "
            f"{dramatiq.__version__}"
        )
    return ""
