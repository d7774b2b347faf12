"""The Huey instance whose settings hold: the user's, or one of our own."""

from __future__ import annotations

import copy
import importlib
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import huey
import redis
from huey import storage as storages
from redis.backoff import NoBackoff
from redis.retry import Retry

from z4j_adapters._errors import ConfigurationError

__all__ = ["HueyOptions", "is_redis", "load_huey", "own_storage", "where"]

CONNECT_TIMEOUT_S, ANSWER_TIMEOUT_S = 2.0, 5.0

REDIS_KINDS = {
    "redis": huey.RedisHuey,
    "redis-priority": huey.PriorityRedisHuey,
    "redis-expire": huey.RedisExpireHuey,
    "redis-priority-expire": huey.PriorityRedisExpireHuey,
}


@dataclass(frozen=True, slots=True)
class HueyOptions:
    """How to find Huey; one of `app`, `broker` and `sqlite`."""

    app: str | None = None
    """module:attribute of the user's instance."""
    workdir: Path | None = None
    broker: str | None = None
    sqlite: Path | None = None
    name: str = "huey"
    storage: str = "redis"
    """Key of REDIS_KINDS."""
    store_none: bool = False
    """The consumers' instance has it on."""
    local_time: bool = False
    """The consumers' instance has utc=False."""
    dedupe_ttl_s: float = 86_400.0
    worker_lost_after_s: float = 60.0


def load_huey(options: HueyOptions) -> Any:
    """Import the user's instance, or make one.

    Raises:
        ConfigurationError: Too much or too little is given, or it cannot be used.
    """
    given = [o for o in (options.app, options.broker, options.sqlite) if o is not None]
    if len(given) != 1:
        raise ConfigurationError(
            "give one of --broker URL, --sqlite FILE and --app MODULE:HUEY; your own instance "
            "knows its storage"
        )
    if options.app is not None:
        return _check(_import(options.app, options.workdir or Path.cwd()), options.app)
    settings = {"utc": not options.local_time, "store_none": options.store_none}
    if options.sqlite is not None:
        if not options.sqlite.is_file():
            raise ConfigurationError(
                f"--sqlite {options.sqlite}: no such file; the consumer makes it when it starts"
            )
        return huey.SqliteHuey(options.name, filename=str(options.sqlite), **settings)
    try:
        return REDIS_KINDS[options.storage](options.name, url=options.broker, **settings)
    except ValueError as error:
        raise ConfigurationError(f"--broker {options.broker}: {error}") from error


def _import(name: str, workdir: Path) -> Any:
    module, colon, attribute = name.partition(":")
    if not colon:  # As huey_consumer has it.
        module, _, attribute = name.rpartition(".")
    if not module or not attribute:
        raise ConfigurationError(f"--app {name} is not module:attribute, such as shop.tasks:huey")
    sys.path.insert(0, str(workdir))
    try:
        return getattr(importlib.import_module(module), attribute)
    except Exception as error:
        raise ConfigurationError(
            f"--app {name}: cannot import it from {workdir}: {type(error).__name__}: {error}"
        ) from error


def _check(instance: Any, name: str) -> Any:
    if not isinstance(instance, huey.Huey):
        raise ConfigurationError(f"--app {name} is a {type(instance).__name__}, not a Huey")
    if instance.immediate:
        raise ConfigurationError(f"--app {name}: its immediate mode is on, so it has no queue")
    known = (
        storages.RedisStorage.enqueue,
        storages.RedisPriorityQueue.enqueue,
        storages.SqliteStorage.enqueue,
    )
    if type(instance.storage).enqueue not in known:
        raise ConfigurationError(
            f"--app {name}: its storage {type(instance.storage).__name__} is none of Redis "
            "(RedisHuey, PriorityRedisHuey, and those with Expire) and SQLite (SqliteHuey)"
        )
    return instance


def is_redis(storage: Any) -> bool:
    """Whether it is a Redis, not a SQLite file."""
    return isinstance(storage, storages.RedisStorage)


def where(storage: Any) -> str:
    """Name the broker for people, without the password."""
    if not is_redis(storage):
        return f"SQLite file {storage.filename}"
    options = storage.pool.connection_kwargs
    if "path" in options:
        return f"redis at {options['path']}"
    return f"redis://{options.get('host', 'localhost')}:{options.get('port', 6379)}"


def own_storage(storage: Any) -> Any:
    """Copy a storage with connections of its own, that wait for no broker for long."""
    own = copy.copy(storage)
    if not is_redis(storage):
        own.lock, own._conn = threading.Lock(), None
        return own
    own.pool = _own_pool(storage.pool)
    own.conn = storage.redis_client(connection_pool=own.pool)
    own.conn.set_retry(Retry(NoBackoff(), 0))  # We say what is tried again.
    return own


def _own_pool(pool: Any) -> Any:
    if type(pool) not in (redis.ConnectionPool, redis.BlockingConnectionPool):
        return pool  # Sentinel's, or another that knows more than its arguments.
    options = dict(pool.connection_kwargs)
    options["socket_timeout"] = options.get("socket_timeout") or ANSWER_TIMEOUT_S
    options["socket_connect_timeout"] = options.get("socket_connect_timeout") or CONNECT_TIMEOUT_S
    return redis.ConnectionPool(connection_class=pool.connection_class, **options)
