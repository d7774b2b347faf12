"""Watches the tasks that Huey enqueues in Redis."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from z4j_adapters.transfer.monitored import MONITOR_HELP, MonitoredRedis, call_of
from z4j_adapters.transfer.pickles import SIZE_MAX, PickleRefused, Record, load
from z4j_adapters.transfer.watcher import Seen

__all__ = ["HueyWatcher"]

MESSAGE = "huey.registry.Message"
QUEUE = b"huey.redis."

HELP = f"""\
Watch the tasks that go to Huey's queues in Redis.

examples:
  z4j-adapter watch --from huey --redis-url redis://localhost:6379/0

{MONITOR_HELP}

what is compared: the task's name and its arguments, if they are plain.  Messages are unpickled
without running anything of them; those that are signed, or written by a serializer of your own, are
not seen.  Huey's consumer looks for what is due once a minute (--scheduler-interval)."""


class HueyWatcher(MonitoredRedis):
    """Reads what is put into Huey's lists and sorted sets."""

    summary = "the tasks of Huey in Redis"
    help = HELP

    def jobs(self, words: list[bytes], at: int) -> Iterator[Seen]:
        """LPUSH key message, or ZADD key score message (of queues with priorities)."""
        if len(words) < 3 or words[0] not in (b"LPUSH", b"ZADD") or not words[1].startswith(QUEUE):
            return
        message = _message(words[-1])
        if message is None or message.args is None or message.args[2] is not None:  # It has an eta.
            return
        args, kwargs = call_of(message.args[6], message.args[7])
        yield Seen(str(message.args[1]), at, str(message.args[0]), args, kwargs)


def _message(data: bytes) -> Record | None:
    for written in (data, data[-SIZE_MAX:][8:]):  # A sorted set's members begin with a number.
        for unpacked in (written, _unpacked(written)):
            try:
                value = load(unpacked, [MESSAGE])
            except PickleRefused:
                continue
            if isinstance(value, Record) and value.path == MESSAGE:
                return value
    return None


def _unpacked(data: bytes) -> bytes:
    try:  # zlib or gzip.
        return zlib.decompressobj(wbits=47).decompress(data, SIZE_MAX)
    except zlib.error:
        return b""
