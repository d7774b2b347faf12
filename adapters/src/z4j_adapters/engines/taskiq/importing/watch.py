"""Watches the messages that TaskIQ sends through Redis."""

from __future__ import annotations

import json
from collections.abc import Iterator

from z4j_adapters.transfer.monitored import MONITOR_HELP, MonitoredRedis, call_of
from z4j_adapters.transfer.watcher import Seen

__all__ = ["TaskiqWatcher"]

HELP = f"""\
Watch the messages that TaskIQ sends through taskiq-redis: lists, streams and pub/sub.

examples:
  z4j-adapter watch --from taskiq --redis-url redis://localhost:6379/0

{MONITOR_HELP}

what is compared: the task's name and its arguments.  Messages must be JSON, TaskIQ's default.
Other brokers are not watched."""


class TaskiqWatcher(MonitoredRedis):
    """Reads what is pushed, added and published."""

    summary = "the messages of TaskIQ in Redis"
    help = HELP

    def jobs(self, words: list[bytes], at: int) -> Iterator[Seen]:
        """LPUSH key message, PUBLISH channel message, or XADD key … data message."""
        if words[0] not in (b"LPUSH", b"PUBLISH", b"XADD") or b'"task_name"' not in words[-1]:
            return
        message = json.loads(words[-1])
        if (message.get("labels") or {}).get("_retries"):
            return
        args, kwargs = call_of(message["args"], message["kwargs"])
        yield Seen(str(message["task_name"]), at, str(message["task_id"]), args, kwargs)
