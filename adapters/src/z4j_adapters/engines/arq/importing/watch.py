"""Watches the jobs that arq enqueues."""

from __future__ import annotations

import argparse
from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

from z4j_adapters.transfer.monitored import MONITOR_HELP, MonitoredRedis, call_of
from z4j_adapters.transfer.pickles import load
from z4j_adapters.transfer.watcher import Seen

__all__ = ["ArqWatcher"]

JOB = b"arq:job:"
CRON = "cron:"
WAITING_MAX = 10_000  # Jobs whose place in a queue is still to come.

HELP = f"""\
Watch the jobs that arq puts into its queues.

examples:
  z4j-adapter watch --from arq --redis-url redis://localhost:6379/0

{MONITOR_HELP}

what is compared: the function's name and its arguments, if they are plain.  A cron job counts for
the instant at which it is due, and is known by its name: "cron:" and the function's; one that
cron(…, name=…) names otherwise is not recognised.  Jobs are unpickled without running anything of
them; those of a serializer of your own are not seen."""


class ArqWatcher(MonitoredRedis):
    """Reads how jobs are stored and queued."""

    summary = "the jobs of arq in Redis"
    help = HELP

    def __init__(self, options: argparse.Namespace) -> None:
        super().__init__(options)
        self._stored: OrderedDict[bytes, dict[str, Any]] = OrderedDict()

    def jobs(self, words: list[bytes], at: int) -> Iterator[Seen]:
        """PSETEX arq:job:ID ms job, then ZADD queue due_ms ID."""
        if len(words) != 4:
            return
        if words[0] == b"PSETEX" and words[1].startswith(JOB):
            self._stored[words[1].removeprefix(JOB)] = load(words[3])
            if len(self._stored) > WAITING_MAX:
                self._stored.popitem(last=False)
        elif words[0] == b"ZADD" and (job := self._stored.pop(words[3], None)):
            args, kwargs = call_of(job["a"], job["k"])
            due = round(float(words[2]) * 1000)
            yield Seen(str(job["f"]).removeprefix(CRON), due, words[3].decode(), args, kwargs)
