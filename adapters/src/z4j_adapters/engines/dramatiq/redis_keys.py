"""Names of the keys in Redis, Dramatiq's and ours, and connections to it."""

from __future__ import annotations

from typing import Any

import redis

from z4j_adapters.engines.dramatiq.envelope import NOTE_QUEUE

__all__ = ["Keys", "new_client"]

CONNECT_TIMEOUT_S, ANSWER_TIMEOUT_S = 2.0, 5.0


class Keys:
    """Of one namespace.

    A queue is a list of message ids and a hash of messages; delayed messages have both once more,
    dead ones a sorted set by time and a hash.  What a worker took stands in a set of its own.
    """

    def __init__(self, namespace: str) -> None:
        self._head = namespace
        self.heartbeats = f"{namespace}:__heartbeats__"
        self.notes = self.queue(NOTE_QUEUE)
        self.queues = f"z4j:dramatiq:queues:{namespace}"
        """Names of the queues that were published to; Dramatiq itself keeps none."""

    def queue(self, queue: str) -> str:
        """List of ids."""
        return f"{self._head}:{queue}"

    def messages(self, queue: str) -> str:
        """Hash of messages by id; `queue` may end in .DQ or .XQ."""
        return f"{self._head}:{queue}.msgs"

    def dead(self, queue: str) -> str:
        """Sorted set of ids by the time in ms at which they were dead-lettered."""
        return f"{self._head}:{queue}.XQ"

    def taken(self, worker: str, queue: str) -> str:
        """Set of ids that the worker took and did not finish."""
        return f"{self._head}:__acks__.{worker}.{queue}"

    @staticmethod
    def fire(fire_id: str) -> str:
        """Our dedupe key; holds queue, actor and fire_ref, a newline between."""
        return f"z4j:dramatiq:{fire_id}"

    @staticmethod
    def end(fire_id: str) -> str:
        """How the fire ended, once we know."""
        return f"z4j:dramatiq:{fire_id}:end"


def new_client(broker: Any) -> Any:
    """Make a client of our own for the RedisBroker's server, with bounds on how long it waits."""
    pool = broker.client.connection_pool
    if type(pool) not in (redis.ConnectionPool, redis.BlockingConnectionPool):
        return redis.Redis(connection_pool=pool)  # Sentinel's know more than their arguments.
    settings = dict(pool.connection_kwargs)
    settings["socket_timeout"] = settings.get("socket_timeout") or ANSWER_TIMEOUT_S
    settings["socket_connect_timeout"] = settings.get("socket_connect_timeout") or CONNECT_TIMEOUT_S
    settings["decode_responses"] = False
    return redis.Redis(
        connection_pool=redis.ConnectionPool(connection_class=pool.connection_class, **settings)
    )
