"""What random tests of importers compare: our evaluator's due times with a library's own."""

from __future__ import annotations

import contextlib
import heapq
import io
import json
import os
import secrets
import subprocess
from argparse import Namespace
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from itertools import islice
from pathlib import Path
from typing import Any

from z4j_adapters.transfer.answers import CALENDAR_END_US, ask
from z4j_adapters.transfer.lines import LineWriter
from z4j_adapters.transfer.model import Found, Importer
from z4j_adapters.transfer.values import micros

ROOT = Path(__file__).resolve().parents[3]
UTC = timezone.utc
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Another one with Z4J_SEED; "draw" draws one.  A change that has nothing to do with it is not to
# meet a definition that nobody met before.
SEED_GIVEN = os.environ.get("Z4J_SEED", "20261122")
SEED = secrets.randbelow(2**32) if SEED_GIVEN == "draw" else int(SEED_GIVEN)
COUNT = int(os.environ.get("Z4J_SPECS") or 300)
# So many due times of each definition are compared.
FIRES = int(os.environ.get("Z4J_FIRES") or 30)


class Evaluator:
    """A running `recurrence_probe`."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def next(self, schedules: list[dict[str, Any]], after: datetime, n: int) -> list[int]:
        """The next n due times of schedules together, each as often as one of them has it."""
        return list(islice(heapq.merge(*(self._times(one, after, n) for one in schedules)), n))

    def _times(self, schedule: dict[str, Any], after: datetime, n: int) -> list[int]:
        question = {"schedule": schedule, "after_us": micros(after), "n": n}
        answer = self.ask(question)
        assert "error" not in answer, (question, answer)
        times: list[int] = answer["times_us"]
        return times

    def ask(self, question: dict[str, Any]) -> dict[str, Any]:
        """Its answer to a question as services/scheduler/core/recurrence_probe_main.cc has them."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer


@contextlib.contextmanager
def evaluator() -> Iterator[Evaluator]:
    """Start one, and end it."""
    build = Path(os.environ.get("Z4J_BUILD_DIR", ROOT / "build" / "dev"))
    process = subprocess.Popen(
        [build / "services/scheduler/core/recurrence_probe"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield Evaluator(process)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        process.wait(timeout=60)


def lines_of(
    importer: type[Importer], *, at: datetime, fires: int = 0, **given: Any
) -> list[dict[str, Any]]:
    """The schedules and refusals that an importer writes; options are as on its command line."""
    base = {"at": at, "fires": fires, "timezone": None, "engine": None, "workdir": None}
    reader = importer(Namespace(**{**base, **given}))
    out = io.StringIO()
    lines = LineWriter(out, at)
    lines.source(reader.source(), tzdata="x", read_at=at)
    for entry in reader.read():
        answer = ask(entry, at, fires) if isinstance(entry, Found) else None
        lines.entry(entry, answer, reader.total())
    found = [json.loads(text) for text in out.getvalue().splitlines()]
    return [line for line in found[1:] if line["type"] != "progress"]


def definitions(lines: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """The schedules of each definition, or its refusal."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for line in lines:
        if line["type"] == "refused":
            yield [line]
        else:
            groups.setdefault(line.get("group", line["id"]), []).append(line)
    yield from groups.values()


def distinct(times: Callable[[], datetime | None], n: int) -> list[int]:
    """n different instants of a library that is asked for one after the other; up to the end of the
    scheduler's calendar."""
    found: list[int] = []
    while len(found) < n and (at := times()) is not None and micros(at) < CALENDAR_END_US:
        if not found or micros(at) > found[-1]:
            found.append(micros(at))
    return found


def contents(client: Any) -> dict[bytes, Any]:
    """All that a Redis holds, and how long it keeps it; DUMP writes equal hashes in any order."""
    found = {}
    for key in client.scan_iter():
        kind = client.type(key)
        if kind == b"hash":
            value = client.hgetall(key)
        elif kind == b"zset":
            value = client.zrange(key, 0, -1, withscores=True)
        elif kind == b"set":
            value = client.smembers(key)
        else:
            value = client.dump(key)
        found[key] = (kind, value, client.expiretime(key))
    return found
