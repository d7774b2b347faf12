"""Celery apps made for a test, what the importer finds in them, and our evaluator's due times."""

from __future__ import annotations

import contextlib
import io
import itertools
import json
import os
import random
import subprocess
import sys
from argparse import Namespace
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta, timezone
from pathlib import Path
from types import ModuleType
from typing import Any
from zoneinfo import ZoneInfo

from celery import Celery
from transfer.instants import SEED as SEED
from z4j_adapters.transfer.lines import LineWriter
from z4j_adapters.transfer.model import Importer
from z4j_adapters.transfer.values import micros

ROOT = Path(__file__).resolve().parents[3]
UTC = timezone.utc
COUNT = int(os.environ.get("Z4J_SPECS") or 300)

# Changes by an hour at 1, 2 and 3 o'clock and at midnight, by half an hour, across midnight, twice
# a year around a month; quarters of an hour; none.
ZONES = (
    *("UTC", "America/New_York", "Europe/Berlin", "Europe/Dublin", "Europe/Lisbon"),
    *("Australia/Lord_Howe", "Australia/Sydney", "America/Santiago", "America/Havana"),
    *("America/St_Johns", "Asia/Beirut", "Africa/Cairo", "America/Nuuk", "Africa/Casablanca"),
    *("Pacific/Chatham", "Asia/Kolkata", "Asia/Tokyo"),
)
_NUMBERS = itertools.count()


def start_near(draw: random.Random) -> datetime:
    """Near a change of the clocks, a leap day or a year's end, or anywhere."""
    near = draw.choice(
        [
            *(datetime(2026, 3, 8, 6), datetime(2026, 11, 1, 5), datetime(2026, 3, 29, 0)),
            *(datetime(2026, 10, 25, 0), datetime(2026, 10, 3, 15), datetime(2027, 4, 3, 15)),
            *(datetime(2026, 9, 6, 4), datetime(2026, 3, 28, 22), datetime(2026, 4, 23, 22)),
            *(datetime(2028, 2, 28, 12), datetime(2026, 12, 31, 12)),
            datetime(2026, 1, 1) + timedelta(days=draw.randrange(1500)),
        ]
    )
    return (near + timedelta(seconds=draw.randrange(-90_000, 90_000))).replace(tzinfo=UTC)


def make_app(zone: str | None = "UTC", **conf: Any) -> Celery:
    """An app that no other knows."""
    app = Celery(f"made{next(_NUMBERS)}", broker="memory://", set_as_current=False)
    if zone is not None:
        app.conf.timezone = zone
    app.conf.result_expires = None  # No entry but the test's own.
    app.conf.update(conf)
    return app


def named(app: Celery) -> str:
    """Where `--celery-app` finds the app."""
    name = f"z4j_made_app_{next(_NUMBERS)}"
    module = ModuleType(name)
    module.app = app  # type: ignore[attr-defined]
    sys.modules[name] = module
    return f"{name}:app"


def lines_of(
    importer: type[Importer], *, at: datetime, fires: int = 0, **given: Any
) -> list[dict[str, Any]]:
    """All lines after the first one; options are as on the command line."""
    base = {"at": at, "fires": fires, "timezone": None, "engine": None, "workdir": None}
    reader = importer(Namespace(**{**base, **given}))
    out = io.StringIO()
    lines = LineWriter(out, at, fires)
    lines.source(reader.source(), tzdata="x", read_at=at)
    for entry in reader.read():
        lines.entry(entry, reader.total())
    found = [json.loads(text) for text in out.getvalue().splitlines()[1:]]
    return [line for line in found if line["type"] != "progress"]


def groups_of(lines: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """The schedules of each definition."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for line in lines:
        if line["type"] == "schedule":
            groups.setdefault(line.get("group", line["id"]), []).append(line)
    return list(groups.values())


class Evaluator:
    """The scheduler's own evaluator, `recurrence_probe`."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def next(self, group: list[dict[str, Any]], after: datetime, n: int) -> list[int]:
        """The next n due times of the schedules together; one that several have counts double."""
        found: list[int] = []
        for line in group:
            found += self._times(line["schedule"], micros(after), n)
        return sorted(found)[:n]

    def _times(self, schedule: dict[str, Any], after_us: int, n: int) -> list[int]:
        if start := schedule.get("startTime"):
            after_us = max(after_us, micros(instant(start)) - 1)
        end_us = micros(instant(schedule["endTime"])) if "endTime" in schedule else None
        n = min(n, int(schedule.get("maxFires") or n))
        spec = schedule["spec"]
        if "oneShot" in spec:
            times = [micros(instant(spec["oneShot"]["fireTime"]))]
        elif "interval" in spec:  # As docs/semantics.md says: anchor + n · period.
            anchor = micros(instant(spec["interval"]["anchorTime"]))
            period = round(float(spec["interval"]["period"].removesuffix("s")) * 1_000_000)
            first = max(0, (after_us - anchor) // period + 1)
            times = [anchor + (first + i) * period for i in range(n)]
        elif "calendarInterval" in spec:
            times = list(_days(spec["calendarInterval"], schedule["timeZone"], after_us, n))
        else:
            times = self._cron(schedule, after_us, n)
        return [t for t in times if t > after_us and (end_us is None or t <= end_us)]

    def _cron(self, schedule: dict[str, Any], after_us: int, n: int) -> list[int]:
        fields = dict(schedule["spec"]["cron"])
        snake = {"dayOfMonth": "day_of_month", "dayOfWeek": "day_of_week", "isoWeek": "iso_week"}
        question = {
            "day_match": fields.pop("dayMatch").removeprefix("DAY_MATCH_"),
            "fields": {snake.get(name, name): value for name, value in fields.items()},
            "zone": schedule["timeZone"],
            "gap": schedule["gap"].removeprefix("GAP_POLICY_"),
            "fold": schedule["fold"].removeprefix("FOLD_POLICY_"),
            "after_us": after_us,
            "n": n,
        }
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        assert "error" not in answer, (question, answer)
        times: list[int] = answer["times_us"]
        return times


def _days(spec: dict[str, Any], zone: str, after_us: int, n: int) -> Iterator[int]:
    """Every so many days, months or years at a wall time; one that a change removes is shifted, and
    days that a month lacks are skipped."""
    start = date.fromisoformat(spec["startDate"])
    at = time.fromisoformat(spec["atTime"])
    months = spec.get("months", 0) + 12 * spec.get("years", 0)
    for step in itertools.count():
        year, month = divmod(start.year * 12 + start.month - 1 + step * months, 12)
        if n <= 0 or year > 2199:
            return
        try:
            day = start.replace(year=year, month=month + 1)
        except ValueError:
            continue
        day += timedelta(days=step * spec.get("days", 0))
        us = micros(datetime.combine(day, at, ZoneInfo(zone)).astimezone(UTC))
        if us > after_us:
            n -= 1
            yield us


def instant(text: str) -> datetime:
    """Read RFC 3339."""
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


@contextlib.contextmanager
def running_evaluator() -> Iterator[Evaluator]:
    """Start it, and end it."""
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


_BOUNDS = {
    "minute": (0, 59),
    "hour": (0, 23),
    "day_of_month": (1, 31),
    "month_of_year": (1, 12),
    "day_of_week": (0, 6),
}
_NAMES = {
    "month_of_year": [
        "jan",
        "feb",
        "mar",
        "apr",
        "may",
        "jun",
        "jul",
        "aug",
        "sep",
        "oct",
        "nov",
        "dec",
    ],
    "day_of_week": ["sun", "mon", "tue", "wed", "thu", "fri", "sat"],
}


def draw_crontab(draw: random.Random, *, texts: bool = False) -> dict[str, Any]:
    """Arguments of crontab: texts, numbers and lists, as people write them; `texts` only."""
    stars = {"minute": 0.15, "hour": 0.3, "day_of_month": 0.6, "month_of_year": 0.7}
    found = {}
    for name in _BOUNDS:
        if draw.random() >= stars.get(name, 0.6):
            found[name] = _draw_field(draw, name, texts)
    if draw.random() < 0.4:  # At night, when the clocks are changed.
        hours = ["2", "1,2", "2,3", "0", "23,0", "*/2", "1-3", "0-4", "*", "23"]
        found = {"minute": found.get("minute", "*"), "hour": draw.choice(hours)}
    return found


def _draw_field(draw: random.Random, name: str, texts: bool) -> Any:
    low, high = _BOUNDS[name]
    kind = draw.random()
    if kind < 0.2 and not texts:
        return draw.randint(low, high)
    if kind < 0.35 and not texts:
        values = [draw.randint(low, high) for _ in range(draw.randint(1, 4))]
        return draw.choice([list, set, tuple, frozenset])(values)
    return ",".join(_draw_part(draw, name) for _ in range(draw.choice([1, 1, 1, 2, 3])))


def _draw_part(draw: random.Random, name: str) -> str:
    low, high = _BOUNDS[name]
    first, last = _named(draw, name), _named(draw, name)
    step = draw.choice(["", "", f"/{draw.randint(1, high - low + 4)}"])
    return draw.choice([first, first, f"{first}-{last}{step}", f"*/{draw.randint(1, high + 3)}"])


def _named(draw: random.Random, name: str) -> str:
    low, high = _BOUNDS[name]
    value = draw.randint(low, high)
    if name in _NAMES and draw.random() < 0.3:
        return _NAMES[name][value - low]
    return str(value)
