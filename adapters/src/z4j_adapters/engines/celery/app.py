"""The Celery app whose settings hold: the user's, or one of our own."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from celery import Celery
from celery.app.utils import find_app

from z4j_adapters._errors import ConfigurationError

__all__ = [
    "CeleryOptions",
    "connect_options",
    "has_priority_queues",
    "is_redis",
    "load_app",
    "open_redis",
]


@dataclass(frozen=True, slots=True)
class CeleryOptions:
    """How to find Celery; at least one of `app` and `broker`."""

    app: str | None = None
    """As in `celery -A`."""
    workdir: Path | None = None
    broker: str | None = None
    result_backend: str | None = None
    queues: tuple[str, ...] = ()
    """Publish to these only; empty: any."""
    settings: tuple[tuple[str, object], ...] = ()
    """Celery settings that replace the app's."""
    dedupe_ttl_s: float = 86_400.0
    worker_lost_after_s: float = 60.0


def load_app(options: CeleryOptions) -> Any:
    """Import the user's app, or make one for the broker alone.

    Raises:
        ConfigurationError: Neither is given, or the import fails.
    """
    overrides = dict(options.settings)
    if options.broker:
        # An app may name its broker in any of the three; workers read, we write.
        for name in ("broker_url", "broker_read_url", "broker_write_url"):
            overrides[name] = options.broker
    if options.result_backend:
        overrides["result_backend"] = options.result_backend
    if options.app is None:
        if options.broker is None:
            raise ConfigurationError("give --broker URL, or --app MODULE to use your Celery app")
        app = Celery("z4j_adapter", set_as_current=False)
    else:
        app = _import_app(options.app, options.workdir or Path.cwd())
    app.conf.update(overrides)
    return app


def _import_app(name: str, workdir: Path) -> Any:
    sys.path.insert(0, str(workdir))
    try:
        app = find_app(name)
        app.loader.import_default_modules()
        app.finalize()
    except Exception as error:
        raise ConfigurationError(
            f"--app {name}: cannot import it from {workdir}: {type(error).__name__}: {error}"
        ) from error
    return app


def connect_options(app: Any) -> dict[str, object]:
    """Transport options that keep a dead broker from holding a thread for long.

    kombu retries for ever by default; whoever calls us decides when to try again.
    """
    options: dict[str, object] = {"max_retries": 1, "interval_start": 0}
    if is_redis(app):
        configured = app.conf.broker_transport_options
        options["socket_timeout"] = configured.get("socket_timeout") or 5.0
        options["socket_connect_timeout"] = configured.get("socket_connect_timeout") or 2.0
    return options


def open_redis(app: Any) -> tuple[Any, Any]:
    """Connect to a broker that is Redis.

    Returns:
        The connection, whose release ends it all, and a client of redis-py.
    """
    import redis

    # kombu's channel knows TLS, Sentinel, sockets and credentials; its pool is all we take.
    connection = app.connection_for_write(transport_options=connect_options(app))
    connection.connect()
    return connection, redis.Redis(connection_pool=connection.channel().pool)


def is_redis(app: Any) -> bool:
    """Whether the broker is Redis, directly or through Sentinel."""
    return bool(app.connection_for_write().transport.driver_type == "redis")


def has_priority_queues(app: Any) -> bool:
    """Whether queues of a broker that is no Redis were declared with priorities."""
    queues = (app.conf.task_queues or {}) and app.amqp.queues.values()
    return bool(app.conf.task_queue_max_priority) or any(
        queue.max_priority or "x-max-priority" in (queue.queue_arguments or {}) for queue in queues
    )
