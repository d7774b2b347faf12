"""The same one-second entries into Celery's queue: ours, then celery beat's, in one run."""

from __future__ import annotations

import base64
import json
import math
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path

import redis

from bench.rig import Row, create_many, interval, postgres_server, status
from tests.harness.celery_side import CeleryAdapter
from tests.harness.processes import ROOT, Program, wait_for
from tests.harness.redis_server import RedisServer

PEER = "celery beat"
SECONDS = 12


@dataclass(frozen=True)
class Sends:
    """What came into the queue from the first message to `end`; the last SECONDS are measured."""

    batches: list[tuple[float, list[bytes]]]
    end: float

    @property
    def count(self) -> int:
        """Of the messages in the measured time."""
        return sum(len(messages) for at, messages in self.batches if at >= self.end - SECONDS)

    @property
    def per_s(self) -> float:
        """Messages a second."""
        return self.count / SECONDS

    def lateness_ms(self) -> list[float]:
        """By how much each send came later than a second after the entry's send before it; sorted.

        An entry that did not come in the measured time counts once, with its waiting so far.
        """
        last: dict[int, float] = {}
        gaps = []
        for at, messages in self.batches:
            for message in messages:
                entry = json.loads(base64.b64decode(json.loads(message)["body"]))[0][0]
                if at >= self.end - SECONDS and entry in last:
                    gaps.append(at - last[entry])
                last[entry] = at
        gaps += [self.end - at for at in last.values() if at < self.end - SECONDS]
        return sorted(max(0.0, gap - 1.0) * 1000 for gap in gaps)


class QueueReader(threading.Thread):
    """Takes all messages from Celery's queue, as workers would, and notes when they were there."""

    def __init__(self, server: RedisServer) -> None:
        super().__init__(daemon=True)
        self._redis = redis.Redis(port=server.port)
        self._done = threading.Event()
        self._batches: list[tuple[float, list[bytes]]] = []
        self.count = 0

    def run(self) -> None:
        """Until finish()."""
        while not self._done.is_set():
            messages = self._redis.rpop("celery", 1000)
            if not messages:
                time.sleep(0.002)
                continue
            self._batches.append((time.time(), messages))
            self.count += len(messages)

    def measure(self) -> Sends:
        """Waits for SECONDS from half a second past a whole one: between two of our bursts."""
        end = math.ceil(time.time()) + 0.5 + SECONDS
        time.sleep(end + 0.1 - time.time())
        return Sends([batch for batch in self._batches if batch[0] < end], end)

    def finish(self) -> None:
        """Stops reading."""
        self._done.set()
        self.join()


def _ours(folder: Path, redis_server: RedisServer, entries: int) -> Sends:
    with ExitStack() as stack:
        server, _ = postgres_server(folder, stack)
        stack.enter_context(CeleryAdapter(folder, [server.address], redis_server.url))
        wait_for("the adapter", lambda: len(status(server).adapters) == 1)
        reader = QueueReader(redis_server)
        reader.start()
        stack.callback(reader.finish)
        lead_s = 3 + entries // 2000
        anchor = datetime.now(timezone.utc).replace(microsecond=0) + timedelta(seconds=lead_s)
        period = timedelta(seconds=1)
        create_many(server, entries, lambda i: interval("celery", period, anchor, f"[{i}]"))
        wait_for("the first fires", lambda: reader.count > 2 * entries)
        return reader.measure()


def _beats(folder: Path, redis_server: RedisServer, entries: int) -> Sends:
    with ExitStack() as stack:
        redis_server.client().flushall()
        reader = QueueReader(redis_server)
        reader.start()
        stack.callback(reader.finish)
        beat = Program(
            "beat",
            [sys.executable, "-m", "celery", "-A", "bench.beat_tasks", "beat", "-s",
             str(folder / "beat-schedule")],
            folder, PYTHONPATH=str(ROOT), BENCH_BROKER=redis_server.url,
            BENCH_ENTRIES=str(entries),
        )  # fmt: skip
        stack.enter_context(beat)
        wait_for("beat to send", lambda: reader.count > 500, 120)
        return reader.measure()


def with_2000_entries(folder: Path, stack: ExitStack) -> Iterator[Row]:
    """2,000 entries: no more than 2,000/s is asked for.  How late each is says the rest."""
    redis_server = stack.enter_context(RedisServer(folder, durable=False))
    ours = _ours(folder, redis_server, 2000)
    beats = _beats(folder, redis_server, 2000)
    yield ("celery_fires_per_s", ours.per_s, "1/s", ours.count, PEER, beats.per_s)
    our_ms, their_ms = ours.lateness_ms(), beats.lateness_ms()
    for name, share in (("p50", 0.5), ("p99", 0.99)):
        value, theirs = (ms[int(share * len(ms))] for ms in (our_ms, their_ms))
        yield (f"celery_lateness_ms.{name}", value, "ms", len(our_ms), PEER, theirs)


def with_10000_entries(folder: Path, stack: ExitStack) -> Iterator[Row]:
    """10,000 entries: beyond what beat can send, and no more than 10,000/s is asked for."""
    redis_server = stack.enter_context(RedisServer(folder, durable=False))
    ours = _ours(folder, redis_server, 10_000)
    beats = _beats(folder, redis_server, 10_000)
    yield ("celery_10k_fires_per_s", ours.per_s, "1/s", ours.count, PEER, beats.per_s)
