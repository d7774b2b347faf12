"""What RQ's command line would make of the same words: Redis, classes, serializer, settings."""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from rq import Queue
from rq.cli.helpers import get_redis_from_config, read_config_file
from rq.job import Job
from rq.serializers import resolve_serializer
from rq.utils import import_attribute

from z4j_adapters._errors import ConfigurationError
from z4j_adapters.engines.rq.options import KEEP_MIN_S

__all__ = ["RqApp", "RqOptions"]

# RQ knows these names since 2.9.
SERIALIZERS = {
    "pickle": "rq.serializers.DefaultSerializer",
    "json": "rq.serializers.JSONSerializer",
}


@dataclass(frozen=True, slots=True)
class RqOptions:
    """How to find RQ; at least one of `broker` and `config`."""

    broker: str | None = None
    config: str | None = None
    """Module of RQ settings, as in `rq worker --config`."""
    workdir: Path | None = None
    """Folder to import the user's modules from; None: the current one."""
    serializer: str = "pickle"
    queue_class: str | None = None
    job_class: str | None = None
    tasks: tuple[str, ...] = ()
    """Modules whose functions are tasks."""
    check_imports: bool = False
    """Refuse tasks that cannot be imported from `workdir`."""
    queues: tuple[str, ...] = ()
    """Publish to these only; empty: those of the settings, or any."""
    result_ttl_s: int = 500
    """For schedules that do not say."""
    dedupe_ttl_s: float = 86_400.0
    worker_lost_after_s: float | None = None
    """Silence of a worker after which its run is lost; None: when RQ itself gives it up."""

    @property
    def imports(self) -> bool:
        """Whether anything of the user's is imported."""
        named = (self.config, self.queue_class, self.job_class, *self.tasks)
        return any(named) or self.check_imports or "." in self.serializer


class RqApp:
    """The user's RQ, or a plain one on the broker alone."""

    def __init__(self, options: RqOptions) -> None:
        """Import what the options name.

        Raises:
            ConfigurationError: Something cannot be found, or no Redis is named.
        """
        if not options.broker and not options.config:
            raise ConfigurationError("give --broker URL, or --config MODULE with your RQ settings")
        if options.result_ttl_s < KEEP_MIN_S:
            raise ConfigurationError(
                f"--result-ttl must be at least {KEEP_MIN_S} s: RQ would delete jobs before their "
                "end can be seen"
            )
        self.workdir = options.workdir or Path.cwd()
        if options.workdir or options.imports:
            sys.path.insert(0, str(self.workdir))
        settings = self._import("config", options.config, read_config_file, {})
        self._url: str | None = options.broker
        self._settings: dict[str, Any] = settings
        named = settings.get("QUEUES") or ()
        names = (named,) if isinstance(named, str) else tuple(named)
        self.queues: tuple[str, ...] = options.queues or names
        self.default_queue = "default"
        if self.queues and "default" not in self.queues:
            self.default_queue = self.queues[0]
        self.serializer: Any = self._import(
            "serializer",
            SERIALIZERS.get(options.serializer, options.serializer),
            resolve_serializer,
            None,
        )
        self.queue_class: Any = self._import(
            "queue-class", options.queue_class, import_attribute, Queue
        )
        self.job_class: Any = self._import("job-class", options.job_class, import_attribute, Job)
        self.tasks = sorted(
            name
            for module in options.tasks
            for name in _functions(self._import("tasks", module, importlib.import_module, None))
        )
        try:
            self.broker = _shown(self.new_client())
        except Exception as error:
            raise ConfigurationError(f"broker: {type(error).__name__}: {error}") from error

    def new_client(self) -> Any:
        """Make a client that answers with bytes, and gives up early: others say what is retried."""
        client: Any = (
            redis.Redis.from_url(self._url) if self._url else get_redis_from_config(self._settings)
        )
        arguments = client.connection_pool.connection_kwargs
        arguments["decode_responses"] = False
        arguments["socket_timeout"] = arguments.get("socket_timeout") or 5.0
        arguments["socket_connect_timeout"] = arguments.get("socket_connect_timeout") or 2.0
        client.set_retry(Retry(NoBackoff(), 0))
        return client

    def queue(self, name: str, client: Any) -> Any:
        """Make RQ's queue of that name; nothing is read."""
        return self.queue_class(
            name, connection=client, serializer=self.serializer, job_class=self.job_class
        )

    def _import(
        self, option: str, name: str | None, find: Callable[[str], Any], default: Any
    ) -> Any:
        if not name:
            return default
        try:
            return find(name)
        except Exception as error:
            raise ConfigurationError(
                f"--{option} {name}: cannot import it from {self.workdir}: "
                f"{type(error).__name__}: {error}"
            ) from error


def _functions(module: Any) -> list[str]:
    """Name a module's own public functions as RQ's workers find them."""
    return [
        f"{module.__name__}.{name}"
        for name, value in vars(module).items()
        if inspect.isfunction(value)
        and value.__module__ == module.__name__
        and not name.startswith("_")
    ]


def _shown(client: Any) -> str:
    """Write where a client connects to, without its password."""
    pool = client.connection_pool
    if service := getattr(pool, "service_name", None):
        return f"sentinel://{service}"
    where = pool.connection_kwargs
    if path := where.get("path"):
        return f"unix://{path}"
    host, port = where.get("host", "localhost"), where.get("port", 6379)
    return f"redis://{host}:{port}/{where.get('db') or 0}"
