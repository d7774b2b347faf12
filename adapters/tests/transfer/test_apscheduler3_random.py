"""--from apscheduler, version 3: random triggers have the library's own instants."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import date, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

pytest.importorskip("apscheduler")
if not version("apscheduler").startswith("3."):
    pytest.skip("this is another APScheduler than 3", allow_module_level=True)

from apscheduler.triggers.calendarinterval import CalendarIntervalTrigger
from apscheduler.triggers.combining import OrTrigger
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.date import DateTrigger
from apscheduler.triggers.interval import IntervalTrigger
from transfer.apscheduler_kit import RANGES, WEEKDAYS, draw_fields, imported, read, state, store
from transfer.clocks import NAMED_ZONES, ZONES, draw_start
from transfer.instants import (
    COUNT,
    FIRES,
    SEED,
    UTC,
    Evaluator,
    definitions,
    distinct,
    micros,
)
from transfer.tally import tally
from z4j_adapters.transfer.apscheduler.version3 import FLOATS_END
from z4j_adapters.transfer.zones import zone_of

MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


def library_times(trigger: Any, after: datetime) -> Callable[[], datetime | None]:
    """Asks a trigger for one run after the other, as the scheduler does."""
    previous, now = None, after + timedelta(microseconds=1)

    def following() -> datetime | None:
        nonlocal previous, now
        at = trigger.get_next_fire_time(previous, now)
        if at is not None:
            previous, now = at, at.astimezone(UTC) + timedelta(milliseconds=1)
        return at

    return following


def piece(draw: random.Random, name: str) -> str:
    low, high = RANGES[name]
    first = draw.randint(low, high)
    kind = draw.randrange(9)
    if name == "day" and kind == 0:
        return f"{draw.choice(('1st', '2nd', '3rd', '4th', '5th', 'last'))} {draw.choice(WEEKDAYS)}"
    if name == "day" and kind == 1:
        return "last"
    if name in ("month", "day_of_week") and kind < 3:
        names = MONTHS if name == "month" else WEEKDAYS
        a, b = sorted((draw.choice(range(len(names))), draw.choice(range(len(names)))))
        return names[a] if kind else f"{names[a]}-{names[b]}"
    if kind == 3 and name != "year":
        return f"*/{draw.randint(1, high - low)}"
    last = draw.randint(first, high)
    if kind == 4 and last > first:
        return f"{first}-{last}/{draw.randint(1, last - first)}"
    if kind == 5 and first < high and name != "year":
        return f"{first}/{draw.randint(1, high - first)}"
    return f"{first}-{last}" if kind == 6 else str(first)


def random_cron(draw: random.Random) -> dict[str, Any]:
    name = draw.choice(ZONES)
    zone = zone_of(name)
    options: dict[str, Any] = {**draw_fields(draw, piece), "timezone": zone}
    if draw.random() < 0.1:
        options["start_date"] = draw_start(draw, name).astimezone(zone)
    if draw.random() < 0.1:
        options["end_date"] = draw_start(draw, name).astimezone(zone) + timedelta(days=400)
    return options


def random_trigger(draw: random.Random, at: datetime) -> Any:
    kind = draw.random()
    zone = zone_of(draw.choice(ZONES))
    if kind < 0.75:
        return CronTrigger(**random_cron(draw))
    if kind < 0.88:
        period = draw.choice((1, 7, 60, 90, 3600, 86_400, 1_000_003)) * draw.randint(1, 5)
        start = at + timedelta(microseconds=draw.randrange(-(10**13), 10**13))
        return IntervalTrigger(seconds=period, start_date=start.astimezone(zone), timezone=zone)
    if kind < 0.93:
        return DateTrigger(at + timedelta(seconds=draw.randrange(1, 10**7)), zone)
    options = random_cron(draw)
    other = {**options, "hour": draw.randrange(24), "minute": draw.randrange(60)}
    return OrTrigger([CronTrigger(**options), CronTrigger(**other)])


def told(fires: list[int]) -> list[int]:
    """Those before the library's floats are too coarse."""
    return [at for at in fires if at < micros(FLOATS_END)]


def test_the_proof_ends_before_an_interval_is_a_microsecond_off() -> None:
    start, period = datetime(2027, 12, 27, 9, 55, 28, 231446, tzinfo=UTC), timedelta(days=46)
    trigger = IntervalTrigger(days=46, start_date=start, timezone=UTC)
    theirs = distinct(library_times(trigger, start - period), 700)
    meant = [micros(start + n * period) for n in range(700)]
    assert told(theirs) == told(meant) and theirs != meant


def test_random_triggers_have_the_librarys_instants(tmp_path: Path, ours: Evaluator) -> None:
    draw = random.Random(SEED)
    with tally("apscheduler-3", f"APScheduler {version('apscheduler')}") as counted:
        while counted.tried < COUNT:
            at = draw_start(draw, draw.choice(ZONES))
            try:
                trigger = random_trigger(draw, at)
                job = state(trigger, now=at)
            except ValueError:  # The library refuses it.
                counted.invalid += 1
                continue
            if job["next_run_time"] is None:  # It removes the job.
                counted.invalid += 1
                continue
            path = tmp_path / "jobs.sqlite"
            (group,) = definitions(read(store(path, job), at=at, fires=FIRES))
            path.unlink()
            promised, what = counted.promises(group[0]), f"{trigger!r} from {at}"
            if group[0]["type"] == "refused":
                assert group[0]["code"] == "R8_OR_TRIGGER", (what, group[0])
                continue
            theirs = told(distinct(library_times(trigger, at), FIRES))
            counted.compare(what, told(group[0]["fires"]), theirs)
            if promised:
                schedules = [line["schedule"] for line in group]
                counted.compare(what, told(ours.next(schedules, at, FIRES)), theirs)
    assert counted.verdicts["EXACT"] > COUNT / 3


def test_calendar_intervals_have_the_librarys_dates() -> None:
    """The spec of docs/semantics.md, written down once more: from the start date on, months first,
    days that do not exist left out; a wall time that the clocks skip is left out."""
    draw = random.Random(SEED + 1)
    for _ in range(60):
        zone = draw.choice(NAMED_ZONES)
        at = draw_start(draw, zone)
        units = {
            "years": draw.choice((0, 0, 0, 1)),
            "months": draw.choice((0, 0, 1, 2, 5)),
            "weeks": draw.choice((0, 0, 1)),
            "days": draw.choice((0, 1, 3)),
        }
        if not any(units.values()):
            continue
        hour, minute = draw.choice((0, 1, 2, 3, 9)), draw.choice((0, 30))
        # In no zone over already: the library's first time is the start, also when that is past.
        start = at.date() + timedelta(days=draw.randrange(2, 40))
        trigger = CalendarIntervalTrigger(
            **units, hour=hour, minute=minute, start_date=start, timezone=zone
        )
        line = imported(trigger, at=at, fires=30)
        schedule = line["schedule"]
        spec = schedule["spec"]["calendarInterval"]
        assert (schedule["timeZone"], line["exactness"]) == (zone, "EXACT")
        assert line["fires"] == distinct(library_times(trigger, at), 30)
        assert line["fires"] == calendar_times(spec, ZoneInfo(zone), 30), (SEED, trigger)


def calendar_times(spec: dict[str, Any], zone: ZoneInfo, n: int) -> list[int]:
    """The first n due times of a calendarInterval."""
    found: list[int] = []
    day = date.fromisoformat(spec["startDate"])
    while len(found) < n:
        wall = datetime.fromisoformat(f"{day}T{spec['atTime']}")
        at = wall.replace(tzinfo=zone).astimezone(UTC)
        if at.astimezone(zone).replace(tzinfo=None) == wall:
            found.append(micros(at))
        year, month = day.year + spec.get("years", 0), day.month + spec.get("months", 0)
        while True:
            year, month = year + (month - 1) // 12, (month - 1) % 12 + 1
            try:
                day = date(year, month, day.day)
                break
            except ValueError:
                year, month = year + spec.get("years", 0), month + spec.get("months", 0)
        day += timedelta(days=spec.get("days", 0), weeks=spec.get("weeks", 0))
    return found
