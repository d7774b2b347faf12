"""What random tests of importers compare: our evaluator's due times with a library's own."""

from __future__ import annotations

import contextlib
import heapq
import io
import json
import os
import random
import secrets
import subprocess
from argparse import Namespace
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from itertools import islice
from pathlib import Path
from typing import Any

from z4j_adapters.transfer.lines import CALENDAR_END_US, LineWriter
from z4j_adapters.transfer.model import Importer
from z4j_adapters.transfer.zones import zone_of

ROOT = Path(__file__).resolve().parents[3]
UTC = timezone.utc
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
# Another one with Z4J_SEED; "draw" draws one.  A change that has nothing to do with it is not to
# meet a definition that nobody met before.
SEED_GIVEN = os.environ.get("Z4J_SEED", "20261122")
SEED = secrets.randbelow(2**32) if SEED_GIVEN == "draw" else int(SEED_GIVEN)
COUNT = int(os.environ.get("Z4J_SPECS") or 300)

# Changes at noon and at midnight, of half an hour, and twice for a month; and without any.
ZONES = (
    *("UTC", "America/New_York", "Europe/Berlin", "Europe/Dublin", "Australia/Lord_Howe"),
    *("Australia/Sydney", "America/Santiago", "America/St_Johns", "America/Havana"),
    *("Asia/Beirut", "Asia/Kolkata", "Asia/Tokyo", "Pacific/Chatham", "UTC+05:30"),
)
SNAKE = {"dayOfMonth": "day_of_month", "dayOfWeek": "day_of_week", "isoWeek": "iso_week"}


def micros(at: datetime) -> int:
    """Microseconds since the epoch."""
    return (at - EPOCH) // MICROSECOND


def start_of(draw: random.Random) -> datetime:
    """An instant to begin at: near a change of the clocks, a leap day, a year's end."""
    near = draw.choice(
        [
            *(datetime(2025, 3, 9, 6), datetime(2025, 11, 2, 4), datetime(2026, 3, 28, 22)),
            *(datetime(2026, 10, 24, 23), datetime(2027, 4, 3, 14), datetime(2026, 10, 3, 14)),
            *(datetime(2028, 2, 28, 12), datetime(2026, 12, 30, 12), datetime(2024, 12, 29)),
            datetime(2025, 1, 1) + timedelta(days=draw.randrange(1500)),
        ]
    )
    return (near + timedelta(seconds=draw.randrange(-86_400, 86_400))).replace(tzinfo=UTC)


class Evaluator:
    """A running `recurrence_probe`."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def next(self, schedules: list[dict[str, Any]], after: datetime, n: int) -> list[int]:
        """The next n due times of schedules together, each as often as one of them has it."""
        streams = [self._stream(schedule, after, n) for schedule in schedules]
        return list(islice(heapq.merge(*streams), n))

    def _stream(self, schedule: dict[str, Any], after: datetime, n: int) -> list[int]:
        low = micros(after)
        if start := schedule.get("startTime"):
            low = max(low, micros(_instant(start)) - 1)
        times = self._times(schedule, low, n)
        if end := schedule.get("endTime"):
            times = [us for us in times if us <= micros(_instant(end))]
        return times

    def _times(self, schedule: dict[str, Any], after_us: int, n: int) -> list[int]:
        spec = schedule["spec"]
        if "oneShot" in spec:
            at = micros(_instant(spec["oneShot"]["fireTime"]))
            return [at] if at > after_us else []
        if "interval" in spec:  # The grid of docs/semantics.md: anchor + n · period.
            anchor = micros(_instant(spec["interval"]["anchorTime"]))
            period = round(float(spec["interval"]["period"].removesuffix("s")) * 1_000_000)
            first = max(0, (after_us - anchor) // period + 1)
            return [anchor + (first + i) * period for i in range(n)]
        fields = dict(spec["cron"])
        microsecond = fields.pop("microsecond", 0)  # Of every due time.
        zone = schedule["timeZone"]
        shift = 0
        if zone.startswith("UTC") and zone != "UTC":  # The clock of a fixed offset.
            shift = (zone_of(zone).utcoffset(None) or timedelta()) // MICROSECOND
        question = {
            "day_match": fields.pop("dayMatch").removeprefix("DAY_MATCH_"),
            "fields": {SNAKE.get(name, name): value for name, value in fields.items()},
            "zone": "UTC" if shift else zone,
            "gap": schedule["gap"].removeprefix("GAP_POLICY_"),
            "fold": schedule["fold"].removeprefix("FOLD_POLICY_"),
            "after_us": after_us + shift - microsecond,
            "n": n,
        }
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        assert "error" not in answer, (question, answer)
        return [us + microsecond - shift for us in answer["times_us"]]


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
        process.wait(timeout=10)


def lines_of(
    importer: type[Importer], *, at: datetime, fires: int = 0, **given: Any
) -> list[dict[str, Any]]:
    """The schedules and refusals that an importer writes; options are as on its command line."""
    reader = importer(
        Namespace(**{"at": at, "fires": fires, "timezone": None, "engine": None, **given})
    )
    out = io.StringIO()
    lines = LineWriter(out, at, fires)
    lines.source(reader.source(), tzdata="x", read_at=at)
    for entry in reader.read():
        lines.entry(entry, reader.total())
    found = [json.loads(text) for text in out.getvalue().splitlines()]
    return [line for line in found[1:] if line["type"] != "progress"]


def members(lines: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """The schedules of each definition."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for line in lines:
        if line["type"] == "schedule":
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


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))
