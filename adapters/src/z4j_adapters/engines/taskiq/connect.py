"""Blocking connections to what TaskIQ's brokers and result backends reach with asyncio's."""

from __future__ import annotations

from typing import Any

import redis
from redis.sentinel import Sentinel

from z4j_adapters._errors import ConfigurationError
from z4j_adapters.engines.taskiq.broker import is_rabbit

__all__ = ["redis_client", "where_is"]

# What redis-py's two kinds of connection have in common.
_PORTABLE = frozenset(
    (
        "host",
        "port",
        "path",
        "db",
        "username",
        "password",
        "credential_provider",
        "client_name",
        "socket_timeout",
        "socket_connect_timeout",
        "socket_keepalive",
        "socket_keepalive_options",
        "health_check_interval",
        "ssl_keyfile",
        "ssl_certfile",
        "ssl_cert_reqs",
        "ssl_ca_certs",
        "ssl_ca_path",
        "ssl_ca_data",
        "ssl_check_hostname",
        "ssl_min_version",
        "ssl_ciphers",
        "ssl_password",
    )
)
_CONNECTIONS = {
    "Connection": redis.Connection,
    "SSLConnection": redis.SSLConnection,
    "UnixDomainSocketConnection": redis.UnixDomainSocketConnection,
}


def redis_client(owner: Any) -> Any:
    """Make a blocking client that reaches what a broker or a result backend reaches.

    Raises:
        ConfigurationError: It has connections of an unknown kind.
    """
    if hasattr(owner, "master_name"):
        return _master_of(owner.sentinel, owner.master_name)
    pool = _pool(owner)
    connection = _CONNECTIONS.get(pool.connection_class.__name__)
    if connection is None:
        raise ConfigurationError(f"cannot connect like {pool.connection_class.__name__}")
    kwargs = _portable(pool.connection_kwargs)
    made: Any = redis.Redis  # Its stubs know no `from_pool`.
    return made.from_pool(redis.ConnectionPool(connection_class=connection, **kwargs))


def where_is(broker: Any) -> str:
    """Name the broker for people, without its password."""
    if is_rabbit(broker):
        return str(broker.url or "amqp://localhost").rpartition("@")[2].removeprefix("amqp://")
    if hasattr(broker, "master_name"):
        hosts = ", ".join(_address(each) for each in broker.sentinel.sentinels)
        return f"{broker.master_name} of {hosts}"
    return _address(broker)


def _master_of(sentinel: Any, name: str) -> Any:
    made = Sentinel(
        [],
        min_other_sentinels=sentinel.min_other_sentinels,
        ssl=bool(sentinel.connection_kwargs.get("ssl")),
        **_portable(sentinel.connection_kwargs),
    )
    made.sentinels = [redis_client(each) for each in sentinel.sentinels]
    return made.master_for(name)


def _portable(kwargs: dict[str, Any]) -> dict[str, Any]:
    """What both kinds of connection understand, and bounds on how long they may wait."""
    ours = {name: value for name, value in kwargs.items() if name in _PORTABLE}
    ours["socket_timeout"] = ours.get("socket_timeout") or 5.0
    ours["socket_connect_timeout"] = ours.get("socket_connect_timeout") or 2.0
    return {**ours, "protocol": 2}


def _pool(owner: Any) -> Any:
    return owner.redis_pool if hasattr(owner, "redis_pool") else owner.connection_pool


def _address(owner: Any) -> str:
    kwargs = _pool(owner).connection_kwargs
    return str(kwargs.get("path") or f"{kwargs.get('host')}:{kwargs.get('port')}")
