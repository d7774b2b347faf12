"""What arq's workers are set up with: the user's WorkerSettings, or arq's defaults and a URL."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import redis
from arq.connections import RedisSettings
from arq.constants import default_queue_name, expires_extra_ms
from arq.utils import import_string
from arq.worker import func, get_kwargs

from z4j_adapters._errors import ConfigurationError

__all__ = ["ArqApp", "ArqOptions", "load_app"]

CONNECT_S, ANSWER_S = 2.0, 5.0


@dataclass(frozen=True, slots=True)
class ArqOptions:
    """How to find arq's Redis; at least one of `app` and `broker`."""

    app: str | None = None
    """As on arq's command line: module.WorkerSettings."""
    workdir: Path | None = None
    broker: str | None = None
    queues: tuple[str, ...] = ()
    """Publish to these only; empty: any."""
    dedupe_ttl_s: float = 86_400.0


@dataclass(frozen=True, slots=True)
class ArqApp:
    """What publishing, reading and control need to know of the workers."""

    connect: Callable[[], Any]
    """Makes a client of redis-py that returns bytes; does not connect yet."""
    broker: str
    """Where, for people: no password."""
    queue: str
    """Of schedules that name none."""
    serializer: Callable[[dict[str, Any]], bytes] | None = None
    """None: pickle."""
    deserializer: Callable[[bytes], dict[str, Any]] | None = None
    """None: pickle."""
    expires_extra_ms: int = expires_extra_ms
    """How long a job may wait if its schedule does not say."""
    functions: tuple[str, ...] | None = None
    """Names of what workers can run; None: not known."""
    allow_abort_jobs: bool | None = None
    """Whether workers stop running jobs when asked; None: not known."""


def load_app(options: ArqOptions) -> ArqApp:
    """Import the user's settings, or take arq's defaults with the broker alone.

    Raises:
        ConfigurationError: Neither is given, or they cannot be used.
    """
    if options.app is None:
        if options.broker is None:
            raise ConfigurationError(
                "give --broker URL, or --app MODULE.WorkerSettings to use your arq settings"
            )
        connect, broker = _by_url(options.broker)
        queue = options.queues[0] if options.queues else default_queue_name
        return ArqApp(connect, broker, queue)
    settings = _import_settings(options.app, options.workdir or Path.cwd())
    try:
        return _app_of(settings, options)
    except ConfigurationError:
        raise
    except Exception as error:
        raise ConfigurationError(f"--app {options.app}: {type(error).__name__}: {error}") from error


def _import_settings(name: str, workdir: Path) -> dict[str, Any]:
    sys.path.insert(0, str(workdir))
    try:
        settings = import_string(name.replace(":", "."))
        read: dict[str, Any] = get_kwargs(settings)  # As the worker does: no inherited ones.
        return read
    except Exception as error:
        raise ConfigurationError(
            f"--app {name}: cannot import it from {workdir}: {type(error).__name__}: {error}"
        ) from error


def _app_of(settings: dict[str, Any], options: ArqOptions) -> ArqApp:
    if options.broker is not None:
        connect, broker = _by_url(options.broker)
    elif settings.get("redis_pool") is not None and settings.get("redis_settings") is None:
        raise ConfigurationError(
            f"--app {options.app} brings a connected redis_pool, which belongs to its event loop; "
            "give redis_settings there, or --broker URL"
        )
    else:
        connect, broker = _by_settings(settings.get("redis_settings") or RedisSettings())
    queue = settings.get("queue_name") or default_queue_name
    if options.queues and queue not in options.queues:
        queue = options.queues[0]
    functions = [func(each).name for each in settings.get("functions", ())]
    functions += [job.name for job in settings.get("cron_jobs") or ()]
    return ArqApp(
        connect,
        broker,
        queue,
        serializer=settings.get("job_serializer"),
        deserializer=settings.get("job_deserializer"),
        expires_extra_ms=int(settings.get("expires_extra_ms", expires_extra_ms)),
        functions=tuple(sorted(functions)),
        allow_abort_jobs=bool(settings.get("allow_abort_jobs", False)),
    )


def _by_url(url: str) -> tuple[Callable[[], Any], str]:
    def connect() -> Any:
        return redis.Redis.from_url(
            url, socket_timeout=ANSWER_S, socket_connect_timeout=CONNECT_S, decode_responses=False
        )

    try:
        connect()
        parts = urlsplit(url)
        where = f"{parts.hostname}:{parts.port or 6379}" if parts.hostname else ""
    except ValueError as error:
        raise ConfigurationError(f"--broker: {error}") from error
    return connect, f"{parts.scheme}://{where}{parts.path}"


def _by_settings(settings: RedisSettings) -> tuple[Callable[[], Any], str]:
    """Connect with the worker's settings, but without its patience: we say what is retried."""
    common: dict[str, Any] = {
        "db": settings.database,
        "username": settings.username,
        "password": settings.password,
        "socket_timeout": ANSWER_S,
        "socket_connect_timeout": settings.conn_timeout,
    }
    if settings.sentinel:
        hosts = list(settings.host)
        common["ssl"] = settings.ssl

        def by_sentinel() -> Any:
            return redis.Sentinel(hosts, **common).master_for(settings.sentinel_master)

        listed = ",".join(f"{host}:{port}" for host, port in hosts)
        return by_sentinel, f"sentinel://{listed}/{settings.sentinel_master}"
    common |= {"host": settings.host, "port": settings.port}
    common["unix_socket_path"] = settings.unix_socket_path
    if settings.ssl:
        common["ssl"] = True
        for name in ("keyfile", "certfile", "cert_reqs", "ca_certs", "ca_data", "check_hostname"):
            common[f"ssl_{name}"] = getattr(settings, f"ssl_{name}")
    scheme = "rediss" if settings.ssl else "redis"
    where = settings.unix_socket_path or f"{scheme}://{settings.host}:{settings.port}"
    return lambda: redis.Redis(**common), f"{where}/{settings.database}"
