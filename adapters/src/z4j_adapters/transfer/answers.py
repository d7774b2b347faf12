"""Asks the source's library when its schedules fire, in several processes where there is much to
ask: the library is Python, and a second thread would wait for the first."""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from typing import NoReturn
from zlib import crc32

from z4j_adapters.transfer.model import Found, Refused

__all__ = ["CALENDAR_END_US", "Answer", "answers", "ask", "processes"]

CALENDAR_END_US = 7_258_118_400_000_000
"""2200-01-01: nothing comes due in the scheduler from then on."""

BLOCK = 10_000  # Entries held at once.
WORTH = 50_000  # Due times that are asked for together: 0.7 s of the slowest library that we know.
PROCESSES_MAX = 8

Entry = Found | Refused


@dataclass(frozen=True, slots=True)
class Answer:
    """What the library says of one schedule."""

    fires: list[int]
    """Its next due times."""
    error: str = ""
    """Why it cannot say; empty: it can."""


def ask(found: Found, at: datetime, n: int) -> Answer | None:
    """The next `n` due times after `at`; None if there is nothing to ask."""
    if found.fires is None or n == 0 or found.finished:
        return None
    try:
        return Answer([due for due in found.fires(at, n) if due < CALENDAR_END_US])
    except Exception as error:  # Whatever the library raises concerns this one alone.
        return Answer([], f"{type(error).__name__}: {error}")


def processes() -> int:
    """How many can compute at a time.  1 where a copy of this process could not be trusted: beside
    threads, or where the system's own libraries start some."""
    if sys.platform != "linux" or threading.active_count() > 1:
        return 1
    return min(len(os.sched_getaffinity(0)), PROCESSES_MAX)


def answers(
    entries: Iterable[Entry], at: datetime, n: int, workers: int
) -> Iterator[tuple[Entry, Answer | None]]:
    """Each of `entries` with what `ask` says of it, in their order, by so many processes.

    Raises:
        Exception: What `entries` raised, after all that came before it.
    """
    if n == 0 or workers == 1:
        for entry in entries:
            yield entry, ask(entry, at, n) if isinstance(entry, Found) else None
        return
    source = iter(entries)
    while True:
        block, error = _take(source)
        yield from _answered(block, at, n, workers)
        if error is not None:
            raise error
        if not block:
            return


def _take(source: Iterator[Entry]) -> tuple[list[Entry], Exception | None]:
    block: list[Entry] = []
    try:
        for entry in source:
            block.append(entry)
            if len(block) == BLOCK:
                break
    except Exception as error:
        return block, error
    return block, None


def _answered(
    block: list[Entry], at: datetime, n: int, workers: int
) -> Iterator[tuple[Entry, Answer | None]]:
    if len(block) * n < WORTH:
        workers = 1
    whose = [_share_of(entry, workers) for entry in block]
    with ExitStack() as stack:
        helpers = []
        for worker in range(1, workers):
            share = [entry for entry, mine in zip(block, whose, strict=True) if mine == worker]
            helpers.append(_Helper(share, at, n))
            stack.callback(helpers[-1].close)
        for entry, worker in zip(block, whose, strict=True):
            answer = helpers[worker - 1].next() if worker > 0 else None
            if answer is None and isinstance(entry, Found):
                answer = ask(entry, at, n)
            yield entry, answer


def _share_of(entry: Entry, workers: int) -> int:
    """Equal schedules go to the same process: libraries' answers are kept there."""
    if isinstance(entry, Refused) or entry.fires is None or entry.finished:
        return 0
    rule = (entry.schedule.get("spec"), entry.schedule.get("timeZone"))
    return crc32(repr(rule).encode()) % workers


class _Helper:
    """A copy of this process, which asks about its share and ends."""

    def __init__(self, share: list[Entry], at: datetime, n: int) -> None:
        reader, writer = os.pipe()
        self._pid = os.fork()
        if self._pid == 0:
            os.close(reader)  # Or its own pipe would never break.
            _tell(share, at, n, writer)
        os.close(writer)
        self._lines = os.fdopen(reader)

    def next(self) -> Answer | None:
        """About the next one of its share; None if it died."""
        line = self._lines.readline()
        return Answer(*json.loads(line)) if line.endswith("\n") else None

    def close(self) -> None:
        """Wait for its end; it ends early if not all of it was read."""
        self._lines.close()
        os.waitpid(self._pid, 0)


def _tell(share: list[Entry], at: datetime, n: int, writer: int) -> NoReturn:
    try:
        with os.fdopen(writer, "w") as out:
            for entry in share:
                if isinstance(entry, Found) and (answer := ask(entry, at, n)) is not None:
                    print(json.dumps([answer.fires, answer.error]), file=out, flush=True)
    finally:
        os._exit(0)  # Nothing of what it shares with us is closed, and no error is told twice.
