"""Watches the messages that Dramatiq enqueues in Redis."""

from __future__ import annotations

import json
from collections.abc import Iterator

from z4j_adapters.transfer.monitored import MONITOR_HELP, MonitoredRedis, call_of
from z4j_adapters.transfer.watcher import Seen

__all__ = ["DramatiqWatcher"]

HELP = f"""\
Watch the messages that go to Dramatiq's queues in Redis.

examples:
  z4j-adapter watch --from dramatiq --redis-url redis://localhost:6379/0

{MONITOR_HELP}

what is compared: the actor's name and its arguments.  Retries, and messages that wait for their
time (`delay`), are left out.  RabbitMQ is not watched."""


class DramatiqWatcher(MonitoredRedis):
    """Reads what Dramatiq's script puts into its hashes of messages."""

    summary = "the messages of Dramatiq in Redis"
    help = HELP

    def jobs(self, words: list[bytes], at: int) -> Iterator[Seen]:
        """HSET namespace:queue.msgs id message, which the script of an enqueue does."""
        if len(words) != 4 or words[0] != b"HSET" or not words[1].endswith(b".msgs"):
            return
        message = json.loads(words[3])
        options = message.get("options") or {}
        if options.get("retries") or "eta" in options:
            return
        args, kwargs = call_of(message["args"], message["kwargs"])
        yield Seen(str(message["actor_name"]), at, str(message["message_id"]), args, kwargs)
