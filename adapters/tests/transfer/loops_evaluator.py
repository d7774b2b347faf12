"""The scheduler's own evaluator, and what random tests of importers need besides it.

Used by the tests of sources without a state of their own: cron, Huey, arq, TaskIQ, Dramatiq.
"""

from __future__ import annotations

import io
import json
import os
import random
import secrets
import subprocess
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from functools import cache
from pathlib import Path
from typing import Any

from z4j_adapters.transfer.lines import LineWriter
from z4j_adapters.transfer.model import Importer
from z4j_adapters.transfer.zones import zone_of

ROOT = Path(__file__).resolve().parents[3]
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
NOW = datetime(2026, 11, 22, 1, 0, tzinfo=timezone.utc)
SEED = int(os.environ.get("Z4J_SEED") or secrets.randbelow(2**32))

# Changes at noon and at midnight, of half an hour, and twice for a month; and without any.
ZONES = [
    "UTC",
    "America/New_York",
    "Europe/Berlin",
    "Europe/Dublin",
    "Australia/Lord_Howe",
    "Australia/Sydney",
    "America/Santiago",
    "America/St_Johns",
    "America/Havana",
    "Africa/Cairo",
    "Asia/Beirut",
    "Asia/Jerusalem",
    "Asia/Kolkata",
    "Pacific/Chatham",
    "UTC+05:30",
    "UTC-03:00",
]


class Evaluator:
    """A running `recurrence_probe`."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def next(self, schedule: dict[str, Any], after: datetime, n: int) -> list[int]:
        """The schedule's next n due times strictly after an instant, in microseconds."""
        spec = schedule["spec"]
        if "cron" in spec:
            return self._cron(schedule, after, n)
        after_us = micros(after)
        if "oneShot" in spec:
            at = micros(_instant(spec["oneShot"]["fireTime"]))
            return [at] if at > after_us else []
        # The grid of docs/semantics.md: anchor + n * period.
        anchor = micros(_instant(spec["interval"]["anchorTime"]))
        period = round(float(spec["interval"]["period"].removesuffix("s")) * 1_000_000)
        first = max(0, (after_us - anchor) // period + 1)
        return [anchor + (first + i) * period for i in range(n)]

    def _cron(self, schedule: dict[str, Any], after: datetime, n: int) -> list[int]:
        fields = dict(schedule["spec"]["cron"])
        microsecond = fields.pop("microsecond", 0)  # Of every due time.
        snake = {"dayOfMonth": "day_of_month", "dayOfWeek": "day_of_week", "isoWeek": "iso_week"}
        zone = schedule["timeZone"]
        shift = timedelta(0)
        if zone.startswith("UTC") and zone != "UTC":  # The clock of a fixed offset.
            shift = zone_of(zone).utcoffset(None) or timedelta(0)
        question = {
            "day_match": fields.pop("dayMatch").removeprefix("DAY_MATCH_"),
            "fields": {snake.get(name, name): value for name, value in fields.items()},
            "zone": "UTC" if shift else zone,
            "gap": schedule["gap"].removeprefix("GAP_POLICY_"),
            "fold": schedule["fold"].removeprefix("FOLD_POLICY_"),
            "after_us": micros(after + shift) - microsecond,
            "n": n,
        }
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        assert "error" not in answer, (question, answer)
        return [us + microsecond - shift // timedelta(microseconds=1) for us in answer["times_us"]]


@contextmanager
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


def read_lines(
    importer: type[Importer], fires: int = 0, at: datetime = NOW, **given: Any
) -> list[dict[str, Any]]:
    """All lines but the first and the last that an import writes; options are as on its command
    line."""
    options = Namespace(**{"at": at, "fires": fires, "timezone": None, "engine": None, **given})
    reader = importer(options)
    source = reader.source()
    out = io.StringIO()
    lines = LineWriter(out, at, fires)
    lines.source(source, tzdata="x", read_at=at)
    for entry in reader.read():
        lines.entry(entry, reader.total())
    lines.end()
    found = [json.loads(text) for text in out.getvalue().splitlines()]
    return [line for line in found[1:-1] if line["type"] != "progress"]


def micros(instant: datetime) -> int:
    """Microseconds since the epoch."""
    return (instant - EPOCH) // timedelta(microseconds=1)


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


@cache
def changes(zone: str) -> list[datetime]:
    """The hours from 2024 to 2029 within which the zone's offset changes, in UTC."""
    tz = zone_of(zone)
    hours = (datetime(2024, 1, 1, tzinfo=timezone.utc) + timedelta(hours=h) for h in range(43_824))
    found = []
    last = None
    for hour in hours:
        offset = hour.astimezone(tz).utcoffset()
        if last is not None and offset != last:
            found.append(hour)
        last = offset
    return found


def draw_start(rng: random.Random, zone: str) -> datetime:
    """Shortly before a change of the clock, a leap day or the end of a year, or anywhere."""
    kind = rng.random()
    if changes(zone) and kind < 0.65:
        at = rng.choice(changes(zone))
    elif kind < 0.75:
        at = datetime(rng.choice([2024, 2028, 2032]), 2, 29, tzinfo=timezone.utc)
    elif kind < 0.85:
        at = datetime(rng.randint(2024, 2030), 12, 31, 23, tzinfo=timezone.utc)
    else:
        at = datetime(2024, 1, 1, tzinfo=timezone.utc) + timedelta(days=3000) * rng.random()
    start = at - rng.choice([timedelta(hours=5), timedelta(days=2)]) * rng.random()
    return start if rng.random() < 0.3 else start.replace(second=0, microsecond=0)


def shown(us: list[int], zone: str) -> list[str]:
    """Due times as the zone's clock has them, for messages."""
    tz = zone_of(zone)
    return [(EPOCH + timedelta(microseconds=u)).astimezone(tz).isoformat() for u in us]
