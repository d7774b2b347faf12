"""--from apscheduler, version 4: all three serializers, and a store that stays as it was."""

from __future__ import annotations

import hashlib
import pickle
import random
import sqlite3
from collections.abc import Callable
from datetime import datetime, timedelta
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

try:
    MAJOR = version("apscheduler").partition(".")[0]
except PackageNotFoundError:
    MAJOR = ""
if MAJOR != "4":
    pytest.skip("APScheduler 4 is not installed here", allow_module_level=True)

from apscheduler.serializers.cbor import CBORSerializer
from apscheduler.serializers.json import JSONSerializer
from apscheduler.serializers.pickle import PickleSerializer
from apscheduler.triggers.calendarinterval import CalendarIntervalTrigger
from apscheduler.triggers.combining import OrTrigger
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.date import DateTrigger
from apscheduler.triggers.interval import IntervalTrigger
from transfer.apscheduler_kit import AT, RANGES, WEEKDAYS, draw_fields, read
from transfer.clocks import NAMED_ZONES, draw_start
from transfer.harmful import Harmful
from transfer.instants import COUNT, FIRES, SEED, UTC, Evaluator, definitions, distinct, micros
from transfer.tally import tally

SERIALIZERS = {"pickle": PickleSerializer(), "cbor": CBORSerializer(), "json": JSONSerializer()}
SCHEMA = """
CREATE TABLE tasks (id TEXT PRIMARY KEY, func TEXT, max_running_jobs INTEGER);
CREATE TABLE schedules (id TEXT PRIMARY KEY, task_id TEXT, "trigger" BLOB, args BLOB, kwargs BLOB,
  paused BOOLEAN, coalesce TEXT, misfire_grace_time BIGINT, max_jitter BIGINT, job_executor TEXT,
  next_fire_time BIGINT, next_fire_time_utcoffset SMALLINT);
INSERT INTO tasks VALUES ('shop', 'shop.jobs:clean', 1);
"""


def store(path: Path, *rows: dict[str, Any], serializer: str = "pickle") -> str:
    """A data store in SQLite, and its URL; bytes stand for what is serialized."""
    with sqlite3.connect(path) as connection:
        connection.executescript(SCHEMA)
        for number, given in enumerate(rows):
            row = {"args": (), "kwargs": {}, "paused": False, "coalesce": "latest", **given}
            trigger = row["trigger"]
            following = None if isinstance(trigger, bytes) else trigger.next()
            row.setdefault("next", None if following is None else micros(following))
            blobs = [
                each if isinstance(each, bytes) else SERIALIZERS[serializer].serialize(each)
                for each in (trigger, row["args"], row["kwargs"])
            ]
            connection.execute(
                "INSERT INTO schedules VALUES (?, 'shop', ?, ?, ?, ?, ?, ?, ?, 'x', ?, 0)",
                (row.get("id", f"{number:05d}"), *blobs, row["paused"], row["coalesce"],
                 row.get("grace"), row.get("jitter"), row["next"]),
            )  # fmt: skip
    connection.close()
    return f"sqlite:///{path}"


@pytest.fixture
def imported(tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """Imports one schedule; its first line."""

    def run(trigger: Any, *, at: datetime = AT, fires: int = 0, **given: Any) -> dict[str, Any]:
        path = tmp_path / f"{len(list(tmp_path.iterdir()))}.sqlite"
        serializer = given.pop("serializer", "pickle")
        url = store(path, {"trigger": trigger, **given}, serializer=serializer)
        return read(url, at=at, fires=fires)[0]

    return run


Imported = Callable[..., dict[str, Any]]


def piece(draw: random.Random, name: str) -> str:
    low, high = (0, 7) if name == "day_of_week" else RANGES[name]
    first, last = draw.randint(low, high), draw.randint(low, high)
    kind = draw.randrange(9)
    if name == "day" and kind < 2:
        return "last" if kind else f"{draw.choice(('1st', '3rd', 'last'))} {draw.choice(WEEKDAYS)}"
    if name == "day_of_week" and kind < 3:
        return f"{draw.choice(WEEKDAYS)}-{draw.choice(WEEKDAYS)}"
    if kind == 3 and name != "year":
        return f"*/{draw.randint(1, high - low - 1)}"
    if kind == 4 and last - first > 1:
        return f"{first}-{last}/{draw.randint(1, last - first)}"
    if kind == 5 and first < high - 1 and name != "year":
        return f"{first}/{draw.randint(1, high - first - 1)}"
    return f"{first}-{last}" if kind == 6 else str(first)


def random_trigger(draw: random.Random, at: datetime) -> Any:
    zone = draw.choice(NAMED_ZONES)
    if draw.random() < 0.15:
        start = at + timedelta(seconds=draw.randrange(10**6))
        return IntervalTrigger(seconds=draw.choice((1, 90, 3600, 86_400)), start_time=start)
    fields = draw_fields(draw, piece)
    return CronTrigger(**fields, start_time=at.astimezone(ZoneInfo(zone)), timezone=zone)


def test_random_triggers_have_the_librarys_instants(tmp_path: Path, ours: Evaluator) -> None:
    draw = random.Random(SEED)
    with tally("apscheduler-4", f"APScheduler {version('apscheduler')}") as counted:
        while counted.tried < COUNT:
            at = draw_start(draw, draw.choice(NAMED_ZONES))
            try:
                trigger = random_trigger(draw, at)
                first = trigger.next()
            except (ValueError, OverflowError):  # The library refuses it.
                counted.invalid += 1
                continue
            if first is None:
                counted.invalid += 1
                continue
            path = tmp_path / "jobs.sqlite"
            serializer = draw.choice(list(SERIALIZERS))
            blob = SERIALIZERS[serializer].serialize(trigger)
            row = {"trigger": blob, "next": micros(first)}
            before = at - timedelta(seconds=1)
            url = store(path, row, serializer=serializer)
            (group,) = definitions(read(url, at=before, fires=FIRES))
            path.unlink()
            promised, what = counted.promises(group[0]), f"{trigger!r} from {at}"
            assert group[0]["type"] == "schedule", (what, group[0])
            theirs = [micros(first), *distinct(trigger.next, FIRES)]
            theirs = sorted(set(theirs))[:FIRES]
            counted.compare(what, group[0]["fires"], theirs)
            if promised:
                schedules = [line["schedule"] for line in group]
                counted.compare(what, ours.next(schedules, before, FIRES), theirs)
    assert counted.verdicts["EXACT"] > COUNT / 2


@pytest.mark.parametrize("serializer", list(SERIALIZERS))
def test_each_serializer_is_read(imported: Imported, serializer: str) -> None:
    trigger = CronTrigger(
        hour=9, timezone="Asia/Tokyo", start_time=AT, end_time=AT.replace(year=2031)
    )
    line = imported(trigger, serializer=serializer, args=(1, "x"), kwargs={"a": None}, fires=1)
    schedule = line["schedule"]
    assert (schedule["task"], schedule["argsJson"]) == ("shop.jobs.clean", '[1,"x"]')
    assert schedule["kwargsJson"] == '{"a":null}' and schedule["timeZone"] == "Asia/Tokyo"
    assert schedule["endTime"] == "2031-11-22T00:00:00Z" and line["exactness"] == "EXACT"
    line = imported(DateTrigger(AT + timedelta(days=3)), serializer=serializer)
    assert line["schedule"]["spec"] == {"oneShot": {"fireTime": "2026-11-25T00:00:00Z"}}
    trigger = CalendarIntervalTrigger(months=1, hour=4, start_date=AT.date(), timezone="Asia/Tokyo")
    line = imported(trigger, serializer=serializer, fires=2)
    spec = line["schedule"]["spec"]["calendarInterval"]
    assert spec == {"months": 1, "atTime": "04:00:00", "startDate": "2026-11-22"}
    assert line["fires"][0] == micros(datetime(2026, 12, 21, 19, tzinfo=UTC))


def weekdays(line: dict[str, Any]) -> str:
    return str(line["schedule"]["spec"]["cron"]["dayOfWeek"])


def test_trap_2_and_3_weekday_0_is_sunday_and_a_step_on_numbers_is_lost(
    imported: Imported,
) -> None:
    def cron(days: str) -> Any:
        return CronTrigger.from_crontab(f"0 9 * * {days}", start_time=AT, timezone="UTC")

    assert weekdays(imported(cron("0"))) == "0"
    assert weekdays(imported(cron("1-5/2"))) == "1-5"
    assert weekdays(imported(cron("*/2"))) == "0,1,3,5"


def test_trap_28_what_version_4_does_with_the_hour_after_the_gap_is_told(
    imported: Imported, ours: Evaluator
) -> None:
    new_york = ZoneInfo("America/New_York")
    day_before = datetime(2027, 3, 13, 12, tzinfo=new_york)
    fields = {"hour": "2,3", "timezone": new_york, "start_time": day_before}
    line = imported(CronTrigger(**fields), at=day_before, fires=3)
    theirs = distinct(CronTrigger(**fields).next, 3)
    assert line["fires"] == theirs
    if line["exactness"] == "EXACT":  # A later one may have mended it.
        assert ours.next([line["schedule"]], day_before, 3) == theirs
    else:
        assert micros(datetime(2027, 3, 14, 7, tzinfo=UTC)) not in theirs
        assert line["reasons"][0]["code"] == "DST_DIFFERS"
        assert "2027-03-14T07:00:00Z" in line["reasons"][0]["message"]


def test_a_difference_that_only_a_grandchild_will_see_is_told(imported: Imported) -> None:
    """In Casablanca clocks change around Ramadan, in 2061 before the end of the year."""
    at = datetime(2028, 12, 31, 18, tzinfo=UTC)
    zone = ZoneInfo("Africa/Casablanca")
    line = imported(CronTrigger(month=1, day=1, hour=0, start_time=at, timezone=zone), at=at)
    assert line["exactness"] == "APPROXIMATE"
    assert line["reasons"][0]["code"] == "DST_DIFFERS"
    assert "only here 2061-12-31T23:00:00Z" in line["reasons"][0]["message"]


def test_trap_46_an_interval_that_has_kept_its_zone_counts_on_its_clock(
    imported: Imported,
) -> None:
    zoned = datetime(2026, 11, 22, 9, tzinfo=ZoneInfo("America/New_York"))
    day = IntervalTrigger(days=1, start_time=zoned)
    line = imported(day)
    assert line["schedule"]["spec"]["interval"]["arithmetic"] == "ARITHMETIC_WALL"
    assert line["schedule"]["timeZone"] == "America/New_York"
    hours = imported(IntervalTrigger(hours=5, start_time=zoned))
    assert hours["reasons"][0]["code"] == "WALL_CLOCK"
    stored = imported(IntervalTrigger(hours=5, start_time=zoned), serializer="json")
    assert stored["exactness"] == "EXACT"


def test_a_fraction_of_a_second_that_the_next_runs_keep_is_told(imported: Imported) -> None:
    start = datetime(2026, 11, 22, 4, 28, 23, 972_792, ZoneInfo("Australia/Sydney"))

    def cron(second: str) -> Any:
        return CronTrigger(second=second, start_time=start, timezone="Australia/Sydney")

    for second in ("16-39", "*"):
        line = imported(cron(second), at=start - timedelta(hours=1), fires=60)
        assert line["fires"] == distinct(cron(second).next, 60)
        codes = [reason["code"] for reason in line["reasons"]]
        assert (line["exactness"], codes) == ("APPROXIMATE", ["NEXT_RUN_MOVED", "FRACTION_KEPT"])
    line = imported(cron("16,23,39"), at=start - timedelta(hours=1), fires=60)
    assert line["fires"] == distinct(cron("16,23,39").next, 60)
    assert line["exactness"] == "EQUAL_SET"


def test_policies_pause_and_jitter_travel(imported: Imported) -> None:
    trigger = CronTrigger(hour=9, timezone="UTC", start_time=AT)
    schedule = imported(trigger, paused=True, coalesce="all", grace=90_000_000, jitter=5_000_000)[
        "schedule"
    ]
    assert schedule["state"] == "STATE_PAUSED" and schedule["jitter"] == "5s"
    assert (schedule["catchUp"], schedule["catchUpWindow"]) == ("CATCH_UP_FIRE_ALL", "90s")
    assert imported(trigger)["schedule"]["catchUpWindow"] == "31622400s"
    assert imported(trigger, next=None)["finished"]


def test_what_is_hostile_runs_nothing_and_what_is_odd_is_refused(tmp_path: Path) -> None:
    proof = tmp_path / "ran"
    cron = CronTrigger(hour=9, timezone="UTC", start_time=AT)
    bad = pickle.dumps(Harmful(proof))
    rows = [
        {"trigger": bad},
        {"trigger": cron, "args": bad},
        {"trigger": b'{"_apscheduler_json": ["os:system", "touch x"]}'},
        {"trigger": b"\xff\xff"},
        {"trigger": OrTrigger([cron])},
        {"trigger": cron},
    ]
    lines = read(store(tmp_path / "s", *rows))
    codes = [line.get("code") for line in lines]
    assert codes == ["R1_OPAQUE", "R2_ARGUMENTS", "R1_OPAQUE", "R2_PICKLE", "R8_COMBINED", None]
    assert "builtins.exec" in lines[0]["reason"] and "os.system" in lines[2]["reason"]
    assert not proof.exists()


async def test_a_store_that_the_library_made_is_read_and_stays_as_it_was(tmp_path: Path) -> None:
    pytest.importorskip("sqlalchemy")
    from apscheduler import AsyncScheduler
    from apscheduler.datastores.sqlalchemy import SQLAlchemyDataStore

    file = tmp_path / "jobs.sqlite"
    data_store = SQLAlchemyDataStore(f"sqlite:///{file}")
    async with AsyncScheduler(data_store) as scheduler:
        cron = CronTrigger(hour=9, timezone="Asia/Tokyo", start_time=AT)
        await scheduler.add_schedule(hashlib.md5, cron, id="nine", args=[1])
        every = IntervalTrigger(minutes=5, start_time=AT)
        await scheduler.add_schedule("shop.jobs:clean", every, id="often")
    before = hashlib.sha256(file.read_bytes()).hexdigest()
    lines = {line.get("id", str(line)): line for line in read(f"sqlite:///{file}")}
    assert set(lines) == {"nine", "often"}
    assert lines["often"]["schedule"]["spec"]["interval"]["period"] == "300s"
    assert hashlib.sha256(file.read_bytes()).hexdigest() == before
