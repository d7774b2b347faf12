"""--from apscheduler, version 3: the same instants, and a store that stays as it was."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import pickle
import random
import sqlite3
from collections import Counter
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
from apscheduler.triggers.combining import AndTrigger, OrTrigger
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.date import DateTrigger
from apscheduler.triggers.interval import IntervalTrigger
from transfer.instants import (
    COUNT,
    SEED,
    UTC,
    ZONES,
    contents,
    distinct,
    evaluator,
    lines_of,
    members,
    micros,
    start_of,
)
from z4j_adapters.transfer.apscheduler.importing import ApschedulerImporter
from z4j_adapters.transfer.databases import open_database
from z4j_adapters.transfer.model import SourceError
from z4j_adapters.transfer.zones import zone_of

AT = datetime(2026, 11, 22, tzinfo=UTC)
NEW_YORK = ZoneInfo("America/New_York")
FIRES = 60


def state(trigger: Any, **given: Any) -> dict[str, Any]:
    """A job as the library pickles it."""
    now = given.pop("now", AT)
    return {
        "version": 1,
        "id": "job",
        "func": "shop.jobs:clean",
        "trigger": trigger,
        "executor": "default",
        "args": (),
        "kwargs": {},
        "name": "clean",
        "misfire_grace_time": 1,
        "coalesce": True,
        "max_instances": 1,
        "next_run_time": trigger.get_next_fire_time(None, now),
        **given,
    }


def store(path: Path, *states: Any) -> str:
    """A job store in SQLite, and its URL; bytes stand for a pickle."""
    with sqlite3.connect(path) as connection:
        connection.execute(
            "CREATE TABLE apscheduler_jobs (id VARCHAR(191) PRIMARY KEY, next_run_time FLOAT, "
            "job_state BLOB NOT NULL)"
        )
        for number, each in enumerate(states):
            data = each if isinstance(each, bytes) else pickle.dumps(each, number % 6)
            connection.execute(
                "INSERT INTO apscheduler_jobs VALUES (?, 0, ?)", (f"{number:05d}", data)
            )
    connection.close()
    return f"sqlite:///{path}"


def read(url: str, *, at: datetime = AT, fires: int = 0, **given: Any) -> list[dict[str, Any]]:
    """What becomes of a store."""
    options = {
        "jobstore_url": url,
        "jobstore_table": "apscheduler_jobs",
        "jobstore_key": "apscheduler.jobs",
        "export": None,
        "engine": "rq",
        **given,
    }
    return lines_of(ApschedulerImporter, at=at, fires=fires, **options)


@pytest.fixture
def imported(tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """Imports one trigger; its first line."""

    def run(trigger: Any, *, at: datetime = AT, fires: int = 0, **given: Any) -> dict[str, Any]:
        path = tmp_path / f"{len(list(tmp_path.iterdir()))}.sqlite"
        url = store(path, state(trigger, now=at, **given))
        return read(url, at=at, fires=fires)[0]

    return run


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


# Random definitions.

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
RANGES = {"month": (1, 12), "day": (1, 31), "week": (1, 53), "day_of_week": (0, 6),
          "hour": (0, 23), "minute": (0, 59), "second": (0, 59), "year": (2025, 2035)}  # fmt: skip


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
    fields = {
        name: ", ".join(piece(draw, name) for _ in range(draw.choice((1, 1, 1, 2, 3))))
        for name, often in (
            *(("year", 0.08), ("month", 0.25), ("day", 0.35), ("week", 0.08)),
            *(("day_of_week", 0.35), ("hour", 0.75), ("minute", 0.7), ("second", 0.15)),
        )
        if draw.random() < often
    }
    zone = zone_of(draw.choice(ZONES))
    options: dict[str, Any] = {**fields, "timezone": zone}
    if draw.random() < 0.1:
        options["start_date"] = start_of(draw).astimezone(zone)
    if draw.random() < 0.1:
        options["end_date"] = start_of(draw).astimezone(zone) + timedelta(days=400)
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


@pytest.mark.timeout(3600)
def test_random_triggers_have_the_librarys_instants(tmp_path: Path) -> None:
    print("seed", SEED)
    draw = random.Random(SEED)
    counts: Counter[str] = Counter()
    with evaluator() as ours:
        for number in range(COUNT):
            at = start_of(draw)
            try:
                trigger = random_trigger(draw, at)
                job = state(trigger, now=at)
            except ValueError:  # The library refuses it.
                counts["invalid"] += 1
                continue
            if job["next_run_time"] is None:
                counts["over"] += 1
                continue
            path = tmp_path / f"{number}.sqlite"
            lines = read(store(path, job), at=at, fires=FIRES)
            path.unlink()
            if lines[0]["type"] == "refused":
                counts[lines[0]["code"]] += 1
                assert lines[0]["code"] == "R8_OR_TRIGGER", (SEED, number, trigger, lines[0])
                continue
            (group,) = members(lines)
            counts[group[0]["exactness"]] += 1
            theirs = distinct(library_times(trigger, at), FIRES)
            assert group[0]["fires"] == theirs, (SEED, number, trigger)
            if group[0]["exactness"] == "APPROXIMATE":
                counts[group[0]["reasons"][0]["code"]] += 1
                continue
            found = ours.next([line["schedule"] for line in group], at, FIRES)
            assert found == theirs, (SEED, number, trigger, [line["becomes"] for line in group])
    print(dict(counts))
    assert counts["EXACT"] > COUNT / 3


@pytest.mark.timeout(3600)
def test_calendar_intervals_have_the_librarys_dates(
    imported: Callable[..., dict[str, Any]],
) -> None:
    """The spec of docs/semantics.md, written down once more: from the start date on, months first,
    days that do not exist left out; a wall time that the clocks skip is left out."""
    print("seed", SEED)
    draw = random.Random(SEED + 1)
    for _ in range(60):
        zone = draw.choice([name for name in ZONES if not name.startswith("UTC+")])
        at = start_of(draw)
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


# Traps, by their names.


def cron_of(line: dict[str, Any]) -> dict[str, Any]:
    fields = dict(line["schedule"]["spec"]["cron"])
    assert fields.pop("dayMatch") == "DAY_MATCH_AND"
    return {name: value for name, value in fields.items() if value not in ("*", "0")}


Imported = Callable[..., dict[str, Any]]


def test_trap_1_weekday_0_of_from_crontab_is_monday(imported: Imported) -> None:
    trigger = CronTrigger.from_crontab("0 9 * * 0", "UTC")
    assert cron_of(imported(trigger)) == {"hour": "9", "dayOfWeek": "1"}
    trigger = CronTrigger.from_crontab("0 9 * * 1-5", "UTC")
    assert cron_of(imported(trigger)) == {"hour": "9", "dayOfWeek": "2-6"}


def test_trap_4_what_the_library_drops_from_an_expression_is_not_there(imported: Imported) -> None:
    trigger = CronTrigger(day_of_week="mon-fri/2", month="jan-jun/2", hour=9, timezone="UTC")
    assert cron_of(imported(trigger)) == {"month": "1-6", "hour": "9", "dayOfWeek": "1-5"}
    trigger = CronTrigger(day="last-1", hour=9, timezone="UTC")
    assert cron_of(imported(trigger)) == {"dayOfMonth": "L", "hour": "9"}


def test_trap_11_a_day_and_a_weekday_must_both_match(imported: Imported) -> None:
    line = imported(CronTrigger(day=13, day_of_week="fri", hour=9, timezone="UTC"))
    assert cron_of(line) == {"dayOfMonth": "13", "dayOfWeek": "5", "hour": "9"}


def test_trap_15_what_is_left_out_depends_on_what_is_given(imported: Imported) -> None:
    every = imported(CronTrigger(timezone="UTC"))["schedule"]["spec"]["cron"]
    assert (every["second"], every["minute"], every["hour"]) == ("*", "*", "*")
    assert cron_of(imported(CronTrigger(minute=30, timezone="UTC"))) == {"minute": "30"}
    assert cron_of(imported(CronTrigger(day=1, minute=30, timezone="UTC"))) == {
        "dayOfMonth": "1",
        "minute": "30",
    }


def test_trap_27_a_time_in_the_gap_is_late_and_equal_ones_are_one(imported: Imported) -> None:
    at = datetime(2027, 3, 14, 5, tzinfo=UTC)
    line = imported(CronTrigger(hour="2,3", timezone=NEW_YORK), at=at, fires=2)
    assert line["schedule"]["gap"] == "GAP_POLICY_SHIFT"
    assert line["fires"] == [micros(datetime(2027, 3, 14, 7, tzinfo=UTC)),
                             micros(datetime(2027, 3, 15, 6, tzinfo=UTC))]  # fmt: skip


def test_a_run_that_the_library_forgets_when_clocks_change_is_told(imported: Imported) -> None:
    line = imported(CronTrigger(hour=0, timezone=NEW_YORK))
    assert line["exactness"] == "APPROXIMATE"
    (reason,) = line["reasons"]
    assert reason["code"] == "DST_DIFFERS" and "2027-03-15T04:00:00Z" in reason["message"]
    assert imported(CronTrigger(hour=9, timezone=NEW_YORK))["exactness"] == "EXACT"


def test_trap_43_grace_and_coalesce_become_the_catch_up_policy(imported: Imported) -> None:
    trigger = CronTrigger(hour=9, timezone="UTC")
    schedule = imported(trigger)["schedule"]
    assert (schedule["catchUp"], schedule["catchUpWindow"]) == ("CATCH_UP_FIRE_ONE", "1s")
    schedule = imported(trigger, misfire_grace_time=None, coalesce=False)["schedule"]
    assert (schedule["catchUp"], schedule["catchUpWindow"]) == ("CATCH_UP_FIRE_ALL", "31622400s")
    assert schedule["catchUpMax"] == 1000


def test_trap_44_jitter_that_moves_an_interval_is_told(imported: Imported) -> None:
    line = imported(IntervalTrigger(minutes=5, jitter=60, timezone="UTC"), at=datetime.now(UTC))
    assert line["exactness"] == "APPROXIMATE"
    assert line["reasons"][0]["code"] == "JITTER_ACCUMULATES"
    assert "330s" in line["reasons"][0]["message"] and line["schedule"]["jitter"] == "60s"
    exact = imported(CronTrigger(hour=9, jitter=60, timezone="UTC"))
    assert (exact["exactness"], exact["schedule"]["jitter"]) == ("EXACT", "60s")
    skips = imported(CronTrigger(minute="*/5", jitter=600, timezone="UTC"))
    assert skips["reasons"][0]["code"] == "JITTER_SKIPS"


def test_trap_45_an_or_of_intervals_is_refused_and_an_and_too(imported: Imported) -> None:
    cron = CronTrigger(hour=9, timezone="UTC")
    every = IntervalTrigger(hours=1, start_date=AT, timezone="UTC")
    assert imported(OrTrigger([cron, every]))["code"] == "R8_OR_TRIGGER"
    assert imported(AndTrigger([cron, cron]))["code"] == "R8_AND_TRIGGER"


def test_an_or_of_crons_becomes_schedules_that_share_no_instant(tmp_path: Path) -> None:
    parts = [CronTrigger(hour="9-12", timezone="UTC"), CronTrigger(hour="12,18", timezone="UTC")]
    lines = read(store(tmp_path / "s", state(OrTrigger(parts))))
    assert [line["becomes"] for line in lines] == ["cron 0 9-12 * * *", "cron 0 18 * * *"]
    assert {line["exactness"] for line in lines} == {"EQUAL_SET"}
    assert [line["group"] for line in lines] == ["00000", "00000"]
    assert [line["id"] for line in lines] == ["00000", "00000-2"]


def test_an_or_forgets_its_dates_after_its_first_run(tmp_path: Path) -> None:
    soon = DateTrigger(AT + timedelta(hours=1))
    cron = CronTrigger(hour=9, timezone="UTC")
    first, then = read(store(tmp_path / "a", state(OrTrigger([soon, cron]))))
    assert first["schedule"]["spec"] == {"oneShot": {"fireTime": "2026-11-22T01:00:00Z"}}
    assert cron_of(then) == {"hour": "9"}
    late = DateTrigger(AT + timedelta(days=5))
    (only,) = read(store(tmp_path / "b", state(OrTrigger([late, cron]))))
    assert only["warnings"][0]["code"] == "DATES_FORGOTTEN"


def test_trap_59_the_iso_week_and_the_year_are_two_conditions(imported: Imported) -> None:
    line = imported(CronTrigger(year=2027, week=53, hour=9, timezone="UTC"))
    assert cron_of(line) == {"year": "2027", "isoWeek": "53", "hour": "9"}


def test_the_nth_weekday_is_a_weekday_within_a_week_of_the_month(tmp_path: Path) -> None:
    trigger = CronTrigger(day="2nd fri, 3rd wed, last sun, 15", hour=9, timezone="UTC")
    lines = read(store(tmp_path / "s", state(trigger)))
    assert {(c["dayOfMonth"], c.get("dayOfWeek", "0")) for c in map(cron_of, lines)} == {
        ("15", "1,2,4,6"),
        ("15-21", "3"),
        ("8-15", "5"),
        ("15,L,L-1,L-2,L-3,L-4,L-5,L-6", "0"),
    }


def test_a_date_that_is_over_is_finished_and_one_within_its_grace_is_not(
    imported: Imported,
) -> None:
    past = DateTrigger(AT - timedelta(minutes=1))
    line = imported(past)
    assert line["finished"] and line["warnings"][0]["code"] == "MISSED"
    assert "finished" not in imported(past, misfire_grace_time=3600)
    assert "finished" not in imported(past, misfire_grace_time=None)


def test_start_end_pause_and_name_travel(imported: Imported) -> None:
    trigger = CronTrigger(
        hour=9,
        timezone="Europe/Berlin",
        start_date="2027-01-01 00:00:00",
        end_date="2027-06-01 09:00:00",
    )
    schedule = imported(trigger, next_run_time=None, name="the nightly one")["schedule"]
    assert (schedule["startTime"], schedule["endTime"]) == (
        "2026-12-31T23:00:00Z",
        "2027-06-01T07:00:00Z",
    )
    assert schedule["state"] == "STATE_PAUSED" and schedule["pause"]["reason"]
    assert schedule["description"] == "the nightly one"
    assert schedule["timeZone"] == "Europe/Berlin"


def test_an_interval_goes_on_from_its_stored_next_run(imported: Imported) -> None:
    trigger = IntervalTrigger(hours=2, start_date=AT, timezone="UTC")
    line = imported(trigger, next_run_time=AT + timedelta(minutes=7))
    assert line["schedule"]["spec"]["interval"]["anchorTime"] == "2026-11-22T00:07:00Z"
    short = IntervalTrigger(seconds=0.5, start_date=AT, timezone="UTC")
    assert imported(short)["code"] == "PERIOD_TOO_SHORT"


def test_a_first_run_that_was_asked_for_at_once_is_there_too(tmp_path: Path) -> None:
    """add_job(…, next_run_time=…), as many do to have a first run now."""
    soon = AT + timedelta(minutes=7)
    every = IntervalTrigger(hours=2, start_date=AT + timedelta(hours=2), timezone="UTC")
    cron = CronTrigger(hour=9, start_date=AT + timedelta(hours=1), timezone="UTC")
    late = CronTrigger(hour=9, timezone="UTC")
    url = store(
        tmp_path / "s",
        state(every, next_run_time=soon),
        state(cron, next_run_time=soon),
        state(late, next_run_time=datetime(2026, 12, 24, 9, tzinfo=UTC)),
    )
    interval, once, then, later = read(url, fires=2)
    assert "startTime" not in interval["schedule"]
    assert interval["fires"] == [micros(soon), micros(soon + timedelta(hours=2))]
    assert once["schedule"]["spec"] == {"oneShot": {"fireTime": "2026-11-22T00:07:00Z"}}
    assert then["schedule"]["startTime"] == "2026-11-22T00:07:00Z"
    assert once["fires"] == [micros(soon), micros(datetime(2026, 11, 22, 9, tzinfo=UTC))]
    assert {line["exactness"] for line in (once, then)} == {"EQUAL_SET"}
    assert later["exactness"] == "EXACT"
    assert later["schedule"]["startTime"] == "2026-12-24T09:00:00Z"
    assert later["fires"][0] == micros(datetime(2026, 12, 24, 9, tzinfo=UTC))


def test_a_trigger_that_never_fires_is_refused(imported: Imported) -> None:
    trigger = CronTrigger(year="9999", timezone="UTC")
    assert imported(trigger, next_run_time=AT)["code"] == "R6_NEVER_FIRES"


# Tasks and arguments.


@pytest.mark.parametrize(
    ("func", "engine", "args", "expected"),
    [
        ("shop.jobs:clean", "rq", (), "shop.jobs.clean"),
        ("shop.jobs:clean", "celery", (), "shop.jobs.clean"),
        ("shop.jobs:clean", "taskiq", (), "shop.jobs:clean"),
        ("shop.jobs:clean", "dramatiq", (), "clean"),
        ("shop.jobs:clean", "arq", (), "clean"),
        ("shop.jobs:clean.delay", "celery", (), "shop.jobs.clean"),
        ("shop.jobs:clean.send", "dramatiq", (), "clean"),
        ("shop.jobs:clean.kiq", "taskiq", (), "shop.jobs:clean"),
        ("shop:queue.enqueue", "rq", ("shop.jobs.clean", 1), "shop.jobs.clean"),
        ("shop:queue.enqueue", "rq", (), "NO_ENGINE_TASK"),
        ("shop.jobs:clean.delay", "rq", (), "NO_ENGINE_TASK"),
        ("shop.jobs:clean.apply_async", "celery", (), "NO_ENGINE_TASK"),
        ("shop.jobs:clean", None, (), "NO_ENGINE_TASK"),
        ("shop.jobs:clean", "rq", ((1, 2),), "R2_ARGUMENTS"),
        ("shop.jobs:clean.delay", "celery", ((1, 2),), "shop.jobs.clean"),
        ("shop.jobs:clean", "rq", (AT,), "R2_ARGUMENTS"),
        ("shop.jobs:clean", "rq", (Path("x"),), "R2_ARGUMENTS"),
        ("shop.jobs:clean", "rq", (float("nan"),), "R2_ARGUMENTS"),
    ],
)
def test_a_function_stands_for_a_task_of_the_engine(
    tmp_path: Path, func: str, engine: str | None, args: tuple[Any, ...], expected: str
) -> None:
    job = state(CronTrigger(hour=9, timezone="UTC"), func=func, args=args)
    (line,) = read(store(tmp_path / "s", job), engine=engine)
    assert (line.get("code") or line["schedule"]["task"]) == expected
    if line["type"] == "refused":
        assert line["remedy"]


def test_a_celery_task_whose_delay_was_added_is_known_by_its_own_name(tmp_path: Path) -> None:
    celery = pytest.importorskip("celery")
    app = celery.Celery("shop", broker="memory://")

    @app.task(name="billing.collect")
    def collect(x: int) -> None: ...

    job = state(
        CronTrigger(hour=9, timezone="UTC"), func="celery.app.task:Task.delay", args=(collect, 5)
    )
    (line,) = read(store(tmp_path / "s", job), engine=None)
    schedule = line["schedule"]
    assert (schedule["engine"], schedule["task"]) == ("celery", "billing.collect")
    assert schedule["argsJson"] == "[5]"
    assert "overlap" not in schedule  # The job only sends the task.


class Odd(CronTrigger):
    """A trigger of the user's own."""


def test_what_only_the_users_code_can_compute_is_refused_by_name(imported: Imported) -> None:
    line = imported(Odd(hour=9, timezone="UTC"))
    assert line["code"] == "R1_OPAQUE" and "Odd" in line["reason"] and line["remedy"]


class Harmful:
    """Writes a file when it is read by pickle.loads."""

    def __init__(self, proof: Path) -> None:
        self.proof = proof

    def __reduce__(self) -> tuple[Any, ...]:
        return exec, (f"open({str(self.proof)!r}, 'w').close()",)


@pytest.mark.timeout(3600)
def test_one_bad_entry_among_ten_thousand_stops_nothing_and_runs_nothing(tmp_path: Path) -> None:
    proof = tmp_path / "ran"
    good = pickle.dumps(state(CronTrigger(hour=9, timezone=NEW_YORK)))
    bad = [
        pickle.dumps(state(CronTrigger(timezone="UTC"), args=(Harmful(proof),))),
        pickle.dumps(Harmful(proof)),
        b"no pickle",
        pickle.dumps([1, 2]),
    ]
    url = store(tmp_path / "s", *[good] * 5000, *bad, *[good] * 5000)
    began = datetime.now(UTC)
    lines = read(url)
    print("10,004 jobs in", datetime.now(UTC) - began)
    refused = [line for line in lines if line["type"] == "refused"]
    assert len(lines) == 10_004
    assert [line["code"] for line in refused] == ["R2_ARGUMENTS", *["R2_PICKLE"] * 3]
    assert "builtins.exec" in refused[0]["reason"] and "builtins.exec" in refused[1]["reason"]
    assert not proof.exists()


# Real stores.


def real_jobs(scheduler: Any) -> None:
    """Jobs as people add them; one of a module that is not there."""
    add = scheduler.add_job
    add("json:dumps", "cron", id="nine", args=[1], hour=9, day_of_week="mon-fri")
    add("json:dumps", "interval", id="often", args=[1], minutes=5)
    add("json:dumps", "date", id="once", args=[1], run_date="2031-01-01 00:00:00")
    add("json:dumps", "calendarinterval", id="month", args=[1], months=1)
    add("json:dumps", "cron", id="paused", args=[1], hour=9)
    scheduler.pause_job("paused")


EXPECTED = {"month", "nine", "often", "once", "paused"}


def started(**stores: Any) -> Any:
    from apscheduler.schedulers.background import BackgroundScheduler

    scheduler = BackgroundScheduler(jobstores=stores, timezone="Europe/Berlin")
    scheduler.start(paused=True)
    real_jobs(scheduler)
    return scheduler


def test_trap_53_a_store_in_sqlite_stays_byte_for_byte_as_it_was(tmp_path: Path) -> None:
    pytest.importorskip("sqlalchemy")
    file = tmp_path / "jobs.sqlite"
    scheduler = started(default={"type": "sqlalchemy", "url": f"sqlite:///{file}"})
    scheduler.shutdown()
    with sqlite3.connect(file) as connection:  # A job that APScheduler itself would remove.
        gone = pickle.dumps(state(CronTrigger(hour=9, timezone="UTC"), func="gone.module:task"))
        connection.execute("INSERT INTO apscheduler_jobs VALUES ('gone', 0, ?)", (gone,))
    connection.close()
    before = hashlib.sha256(file.read_bytes()).hexdigest()
    files = sorted(each.name for each in tmp_path.iterdir())
    lines = read(f"sqlite:///{file}", at=datetime.now(UTC), fires=3)
    assert {line["id"] for line in lines} == EXPECTED | {"gone"}
    assert hashlib.sha256(file.read_bytes()).hexdigest() == before
    assert sorted(each.name for each in tmp_path.iterdir()) == files


def test_a_store_in_redis_stays_as_it_was(redis_server: Any) -> None:
    import redis

    host, port = redis_server.url.removeprefix("redis://").partition("/")[0].split(":")
    scheduler = started(default={"type": "redis", "host": host, "port": int(port)})
    scheduler.shutdown()
    with redis.Redis.from_url(redis_server.url) as client:
        before = contents(client)
        assert before
        lines = read(redis_server.url, at=datetime.now(UTC))
        assert {line["id"] for line in lines} == EXPECTED
        assert contents(client) == before


def test_an_export_is_read_like_its_store(tmp_path: Path) -> None:
    scheduler = started()
    file = tmp_path / "jobs.json"
    scheduler.export_jobs(str(file))
    scheduler.shutdown()
    lines = read("", jobstore_url=None, export=file, at=datetime.now(UTC))
    assert {line["id"] for line in lines if line["type"] == "schedule"} == EXPECTED
    data = json.loads(file.read_text())
    proof = tmp_path / "ran"
    harm = base64.b64encode(pickle.dumps(Harmful(proof))).decode()
    data["jobs"][0]["args"] = [{"__apscheduler_pickle__": harm}]
    data["jobs"][1]["trigger"] = {"__apscheduler_pickle__": "!!"}
    file.write_text(json.dumps(data))
    lines = read("", jobstore_url=None, export=file)
    assert [line["code"] for line in lines if line["type"] == "refused"] == [
        "R2_ARGUMENTS",
        "R2_PICKLE",
    ]
    assert not proof.exists()


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"jobstore_url": None}, "WRONG_USAGE"),
        ({"jobstore_url": "mysql://x:secret@h/d"}, "WRONG_USAGE"),
        ({"jobstore_url": "sqlite:////no/such/file"}, "NO_SOURCE"),
        ({"jobstore_url": "redis://:secret@127.0.0.1:1/0"}, "NO_SOURCE"),
        ({"jobstore_url": "postgresql://u:secret@127.0.0.1:1/d"}, "NO_SOURCE"),
        ({"jobstore_url": None, "export": Path("/no/such/file")}, "NO_SOURCE"),
    ],
)
def test_a_source_that_is_not_there_is_one_clear_error(given: dict[str, Any], code: str) -> None:
    if str(given["jobstore_url"]).startswith("postgresql"):
        pytest.importorskip("psycopg")
    with pytest.raises(SourceError) as error:
        read("", **given)
    assert error.value.code == code
    assert "secret" not in f"{error.value.message} {error.value.remedy}"


def test_a_table_that_is_no_store_is_named(tmp_path: Path) -> None:
    url = store(tmp_path / "s")
    with pytest.raises(SourceError, match="no table other"):
        read(url, jobstore_table="other")
    with pytest.raises(SourceError, match="no table's name"):
        read(url, jobstore_table='x"; DROP TABLE apscheduler_jobs; --')


def test_a_store_in_postgresql_is_read_in_a_transaction_that_cannot_write() -> None:
    url = os.environ.get("Z4J_TEST_POSTGRES")
    if not url:
        pytest.skip("tools/with-postgres gives it a server")
    psycopg = pytest.importorskip("psycopg")
    data = pickle.dumps(state(CronTrigger(hour=9, timezone="UTC")))
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA shop")
        connection.execute("CREATE SEQUENCE shop.number")
        connection.execute(
            "CREATE TABLE shop.apscheduler_jobs (id VARCHAR(191) PRIMARY KEY, "
            "next_run_time FLOAT, job_state BYTEA NOT NULL)"
        )
        connection.execute("INSERT INTO shop.apscheduler_jobs VALUES ('nine', 0, %s)", (data,))
    parts = dict(part.split("=", 1) for part in url.split())
    where = f"postgresql+psycopg2:///{parts.get('dbname', 'postgres')}?host={parts['host']}"
    where += f"&user={parts.get('user', 'postgres')}"
    (line,) = read(where, jobstore_table="shop.apscheduler_jobs")
    assert line["id"] == "nine"
    database = open_database(where)
    with pytest.raises(SourceError, match="read-only transaction"):
        list(database.rows("SELECT nextval('shop.number')"))
    database.close()
    with pytest.raises(SourceError, match="no table apscheduler_jobs"):
        read(where)
