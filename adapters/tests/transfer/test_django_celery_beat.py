"""What of django-celery-beat is imported; random rows run when its own scheduler runs them."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("django_celery_beat")

from transfer import dcb_kit
from transfer.celery_kit import draw_crontab, make_app
from transfer.clocks import NAMED_ZONES, draw_start
from transfer.instants import COUNT, FIRES, SEED, UTC, Evaluator, definitions, lines_of
from transfer.tally import tally
from z4j_adapters.engines.celery.importing.dcb import DjangoCeleryBeatImporter
from z4j_adapters.transfer.model import SourceError

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
LIVE = 25  # Runs that its own scheduler makes in simulated time.


@pytest.fixture(scope="module")
def url() -> str:
    return dcb_kit.start_project()


@pytest.fixture
def rows(url: str) -> Iterator[str]:
    yield url
    dcb_kit.clear()


def imported(url: str | None, **options: Any) -> dict[str, dict[str, Any]]:
    """The lines by the rows' names; of a group the first."""
    given: dict[str, Any] = {
        "at": AT,
        "django_settings": None,
        "database_url": url,
        "database_alias": "default",
        "database_timezone": "UTC",
        "tz_unaware": False,
        "celery_app": None,
        **options,
    }
    found: dict[str, dict[str, Any]] = {}
    for line in lines_of(DjangoCeleryBeatImporter, **given):
        found.setdefault(line["source"]["key"], line)
    return found


EVERY_HOUR: dict[str, Any] = {"interval": {"every": 1, "period": "hours"}}
DAILY: dict[str, Any] = {"crontab": {"minute": "0", "hour": "9", "timezone": "Europe/Rome"}}


def test_a_crontab_runs_in_its_own_zone(rows: str) -> None:
    dcb_kit.add("daily", **DAILY)
    line = imported(rows)["daily"]
    assert line["becomes"] == "cron 0 9 * * *" and line["exactness"] == "EXACT"
    assert line["schedule"]["timeZone"] == "Europe/Rome"


def test_trap_6_a_weekday_that_celery_does_not_know_never_ran(rows: str) -> None:
    for text in ("7", "0-7", "1-7", "5-7"):
        dcb_kit.add(text, crontab={"day_of_week": text})
    for line in imported(rows).values():
        assert line["code"] == "R6_NEVER_FIRES" and "Sunday is 0" in line["remedy"]


def test_trap_47_expires_ends_the_schedule_and_is_each_messages_expiry(rows: str) -> None:
    end = datetime(2027, 1, 1, tzinfo=UTC)
    dcb_kit.add("a", expires=end, **EVERY_HOUR)
    dcb_kit.add("b", expire_seconds=90, **EVERY_HOUR)
    dcb_kit.add("over", expires=AT, **EVERY_HOUR)
    lines = imported(rows)
    fields = lines["a"]["schedule"]
    assert fields["endTime"] == "2026-12-31T23:59:59.999999Z" and "expires" not in fields
    assert json.loads(fields["engineOptions"]["headers"])["expires"] == end.isoformat()
    assert lines["b"]["schedule"]["expires"] == "90s"
    assert lines["over"]["finished"]


def test_trap_48_a_one_off_that_ran_is_finished_and_one_in_the_past_says_so(rows: str) -> None:
    dcb_kit.add("done", one_off=True, enabled=False, **EVERY_HOUR)
    dcb_kit.add("just", one_off=True, total_run_count=1, last_run_at=AT - HOUR, **EVERY_HOUR)
    dcb_kit.add("past", one_off=True, clocked={"clocked_time": AT - HOUR})
    dcb_kit.add("next", one_off=True, clocked={"clocked_time": AT + HOUR})
    dcb_kit.add("again", clocked={"clocked_time": AT + HOUR})
    lines = imported(rows)
    assert lines["done"]["finished"] and lines["just"]["finished"]
    assert lines["done"]["warnings"][0]["code"] == "ONE_OFF_DONE"
    assert lines["past"]["warnings"][0]["code"] == "CLOCKED_IN_PAST"
    assert lines["next"]["schedule"]["spec"]["oneShot"]["fireTime"] == "2026-03-01T13:00:00Z"
    assert lines["again"]["code"] == "CLOCKED_NOT_ONE_OFF"


def test_a_one_off_runs_once(rows: str) -> None:
    dcb_kit.add("crontab", one_off=True, date_changed=AT - HOUR, **DAILY)
    split = {"crontab": {"minute": "15,45", "hour": "2", "timezone": "America/New_York"}}
    dcb_kit.add("split", one_off=True, date_changed=AT - HOUR, **split)
    dcb_kit.add("late", one_off=True, date_changed=AT - 3 * HOUR, **EVERY_HOUR)
    lines = imported(rows, fires=5)
    assert lines["crontab"]["schedule"]["maxFires"] == 1 and len(lines["crontab"]["fires"]) == 1
    assert "oneShot" in lines["split"]["schedule"]["spec"] and "group" not in lines["split"]
    late = lines["late"]
    assert late["schedule"]["spec"]["oneShot"]["fireTime"] == "2026-03-01T10:00:00Z"
    assert late["warnings"][0]["code"] == "OVERDUE" and late["fires"] == []


def test_trap_49_without_awareness_the_rows_zone_is_ignored(rows: str) -> None:
    dcb_kit.add("daily", **DAILY)
    line = imported(rows, tz_unaware=True, timezone="Asia/Tokyo")["daily"]
    assert line["schedule"]["timeZone"] == "Asia/Tokyo"
    assert line["warnings"][0]["code"] == "ZONE_IGNORED"
    with pytest.raises(SourceError, match="zone"):
        imported(rows, tz_unaware=True)


def test_a_disabled_row_is_paused(rows: str) -> None:
    dcb_kit.add("off", enabled=False, **EVERY_HOUR)
    fields = imported(rows)["off"]["schedule"]
    assert fields["state"] == "STATE_PAUSED" and "disabled" in fields["pause"]["reason"]


def test_the_last_run_is_what_an_interval_is_counted_from(rows: str) -> None:
    dcb_kit.add("ran", last_run_at=AT - HOUR / 2, **EVERY_HOUR)
    dcb_kit.add("new", date_changed=AT - HOUR / 3, **EVERY_HOUR)
    dcb_kit.add("waits", start_time=AT + 5 * HOUR, **EVERY_HOUR)
    lines = imported(rows)
    anchors = {
        name: line["schedule"]["spec"]["interval"]["anchorTime"] for name, line in lines.items()
    }
    assert anchors == {
        "ran": "2026-03-01T11:30:00Z",
        "new": "2026-03-01T11:40:00Z",
        "waits": "2026-03-01T17:00:00Z",
    }
    assert lines["waits"]["schedule"]["startTime"] == "2026-03-01T17:00:00Z"


def test_microseconds_and_weeks_are_periods(rows: str) -> None:
    dcb_kit.add("us", interval={"every": 1_500_000, "period": "microseconds"})
    dcb_kit.add("weeks", interval={"every": 2, "period": "weeks"})
    dcb_kit.add("short", interval={"every": 20, "period": "microseconds"})
    dcb_kit.add("odd", interval={"every": 20, "period": "fortnights"})
    lines = imported(rows)
    assert lines["us"]["schedule"]["spec"]["interval"]["period"] == "1.5s"
    assert lines["weeks"]["becomes"] == "every 14d"
    assert lines["short"]["code"] == "PERIOD_TOO_SHORT" and lines["odd"]["code"] == "BAD_ENTRY"


def test_the_call_is_carried(rows: str) -> None:
    dcb_kit.add(
        "call",
        task="proj.add",
        args='[1, {"__type__": "uuid", "__value__": "x"}]',
        kwargs='{"y": 2}',
        queue="q",
        routing_key="r",
        exchange="x",
        priority=200,
        headers='{"a": 1}',
        description="what it is for",
        **EVERY_HOUR,
    )
    fields = imported(rows)["call"]["schedule"]
    assert fields["task"] == "proj.add" and fields["queue"] == "q"
    assert json.loads(fields["argsJson"]) == [1, {"__type__": "uuid", "__value__": "x"}]
    assert json.loads(fields["kwargsJson"]) == {"y": 2}
    assert fields["description"] == "what it is for"
    assert {name: json.loads(text) for name, text in fields["engineOptions"].items()} == {
        "routing_key": "r",
        "exchange": "x",
        "celery_priority": 200,
        "headers": {"a": 1, "periodic_task_name": "call"},
    }


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"args": "{1}", **EVERY_HOUR}, "R2_ARGUMENTS"),
        ({"args": "{}", **EVERY_HOUR}, "R2_ARGUMENTS"),
        ({"kwargs": "[]", **EVERY_HOUR}, "R2_ARGUMENTS"),
        ({"kwargs": '{"x": NaN}', **EVERY_HOUR}, "R2_ARGUMENTS"),
        ({"headers": "x", **EVERY_HOUR}, "R2_ARGUMENTS"),
        ({}, "NO_SCHEDULE"),
        ({"crontab": {"minute": "61"}}, "R6_NEVER_FIRES"),
        ({"crontab": {"day_of_month": "31", "month_of_year": "2"}}, "R6_NEVER_FIRES"),
    ],
)
def test_one_bad_row_ends_nothing(rows: str, fields: dict[str, Any], code: str) -> None:
    dcb_kit.add("bad", **fields)
    dcb_kit.add("good", **DAILY)
    lines = imported(rows)
    assert lines["bad"]["code"] == code and lines["good"]["exactness"] == "EXACT"


def test_the_database_stays_as_it_is(rows: str) -> None:
    dcb_kit.add("daily", **DAILY)
    path = Path(rows.removeprefix("sqlite:///"))
    before = hashlib.sha256(path.read_bytes()).hexdigest()
    imported(rows, fires=3)
    assert hashlib.sha256(path.read_bytes()).hexdigest() == before
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_the_models_and_the_database_tell_the_same(
    rows: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    dcb_kit.add("daily", start_time=AT, expires=AT + 9 * HOUR, **DAILY)
    dcb_kit.add("sun", solar={"event": "sunset", "latitude": 40.5, "longitude": -74})
    dcb_kit.add("ran", last_run_at=AT - HOUR / 2, **EVERY_HOUR)
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "this.process")
    by_models = imported(None, django_settings="this.process")
    by_sql = imported(rows)
    for lines in (by_models, by_sql):
        for line in lines.values():
            line["source"] = None
    assert by_models == by_sql


def test_what_is_no_such_database_is_said(tmp_path: Path) -> None:
    import sqlite3

    with pytest.raises(SourceError, match="no file"):
        imported(f"sqlite:///{tmp_path}/none.db")
    sqlite3.connect(tmp_path / "other.db").close()
    (tmp_path / "other.db").touch()
    with pytest.raises(SourceError, match="no table"):
        imported(f"sqlite:///{tmp_path}/other.db")
    with pytest.raises(SourceError, match="needs one of"):
        imported(None)


def test_one_bad_row_among_ten_thousand_is_refused_and_the_others_are_planned(rows: str) -> None:
    from django_celery_beat import models

    daily = models.CrontabSchedule.objects.create(minute="0", hour="2", timezone="Europe/Rome")
    hourly = models.IntervalSchedule.objects.create(every=1, period="hours")
    models.PeriodicTask.objects.bulk_create(
        models.PeriodicTask(
            name=f"r{n}", task="t", **({"crontab": daily} if n % 2 else {"interval": hourly})
        )
        for n in range(10_000)
    )
    dcb_kit.add("bad", crontab={"day_of_week": "7"})
    lines = imported(rows)
    assert len(lines) == 10_001 and lines["bad"]["type"] == "refused"


def draw_row(draw: random.Random, at: datetime, zone: str) -> dict[str, Any]:
    """Fields of a row that was last saved and run some time before `at`."""
    span = timedelta(seconds=draw.randrange(1, 400_000))
    fields: dict[str, Any] = {"date_changed": at - span}
    if draw.random() < 0.5:
        crontab = {name: str(v) for name, v in draw_crontab(draw, texts=True).items()}
        fields["crontab"] = {**crontab, "timezone": zone}
    else:
        period = draw.choice(["days", "hours", "minutes", "seconds"])
        fields["interval"] = {"every": draw.randint(1, 40), "period": period}
    if draw.random() < 0.5:
        fields["last_run_at"] = at - timedelta(seconds=draw.randrange(1, 100_000))
    if draw.random() < 0.3:
        fields["start_time"] = at + timedelta(seconds=draw.randrange(-100_000, 500_000))
    if draw.random() < 0.3:
        fields["expires"] = at + timedelta(seconds=draw.randrange(1, 2_000_000))
    if draw.random() < 0.2:
        fields["one_off"] = True
    return fields


def test_due_times_are_those_of_its_own_scheduler(rows: str, ours: Evaluator) -> None:
    draw = random.Random(SEED)
    app = make_app("UTC")
    library = f"django-celery-beat {version('django-celery-beat')}"
    with tally("django-celery-beat", library) as counted:
        while counted.tried < COUNT:
            zone = draw.choice(NAMED_ZONES)
            at = draw_start(draw, zone).replace(microsecond=0)  # Beat keeps them in what follows.
            tasks = {f"r{n}": dcb_kit.add(f"r{n}", **draw_row(draw, at, zone)) for n in range(10)}
            for group in definitions(lines_of_rows(rows, at)):
                if counted.promises(group[0]) and not group[0].get("finished"):
                    what = f"{group[0]['source']['raw']} from {at}"
                    told = group[0]["fires"]
                    schedules = [line["schedule"] for line in group]
                    counted.compare(what, ours.next(schedules, at, FIRES), told)
                    theirs = dcb_kit.run_beat(tasks[group[0]["source"]["key"]], app, at, LIVE)
                    counted.compare(what, told[:LIVE], theirs)
            dcb_kit.clear()


def lines_of_rows(url: str, at: datetime) -> list[dict[str, Any]]:
    return lines_of(
        DjangoCeleryBeatImporter,
        at=at,
        fires=FIRES,
        django_settings=None,
        database_url=url,
        database_alias="default",
        database_timezone="UTC",
        tz_unaware=False,
        celery_app=None,
    )
