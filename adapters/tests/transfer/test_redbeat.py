"""What of RedBeat is imported, from a real Redis that its own library wrote to."""

from __future__ import annotations

import json
import random
from datetime import datetime, timedelta
from importlib.metadata import version
from typing import Any

import pytest

pytest.importorskip("redbeat")

import redis
from celery.schedules import crontab, schedule
from dateutil.rrule import MO, weekday
from harness import RedisServer
from redbeat import RedBeatSchedulerEntry
from redbeat.decoder import RedBeatJSONDecoder, RedBeatJSONEncoder
from redbeat.schedules import rrule
from transfer.celery_kit import make_app, named
from transfer.clocks import NAMED_ZONES, draw_start
from transfer.instants import COUNT, FIRES, SEED, UTC, Evaluator, definitions, lines_of
from transfer.tally import tally
from z4j_adapters.engines.celery.importing.redbeat import RedBeatImporter
from z4j_adapters.engines.celery.importing.static import CeleryImporter
from z4j_adapters.transfer.model import Importer, SourceError
from z4j_adapters.transfer.values import micros

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
LIVE = 6  # dateutil begins at the start of a rule whenever it is asked.


@pytest.fixture
def client(redis_server: RedisServer) -> Any:
    connection = redis.Redis.from_url(redis_server.url)
    connection.flushall()
    return connection


@pytest.fixture
def app(redis_server: RedisServer, client: Any) -> Any:
    return make_app("Europe/Rome", redbeat_redis_url=redis_server.url)


def save(app: Any, name: str, what: Any, **more: Any) -> None:
    """As RedBeat's users do it."""
    last_run_at = more.pop("last_run_at", None)
    entry = RedBeatSchedulerEntry(name, "t", what, app=app, **more)
    entry.last_run_at = last_run_at
    entry.save()


def imported(
    app: Any, importer: type[Importer] = RedBeatImporter, **options: Any
) -> dict[str, dict[str, Any]]:
    """By key; of an entry that is several schedules, the last."""
    return {line["source"]["key"]: line for line in every_line(app, importer, **options)}


def every_line(
    app: Any, importer: type[Importer] = RedBeatImporter, **options: Any
) -> list[dict[str, Any]]:
    given = {
        "at": AT,
        "celery_app": named(app) if app else None,
        "redbeat_url": None,
        "redbeat_prefix": None,
        **options,
    }
    return lines_of(importer, **given)


def test_crontabs_and_intervals_are_imported_with_their_last_run(app: Any) -> None:
    save(app, "daily", crontab(0, 9), args=[1], kwargs={"y": 2}, options={"queue": "q"})
    save(app, "hourly", schedule(3600), last_run_at=AT - HOUR / 2)
    save(app, "off", schedule(60), enabled=False, last_run_at=AT)
    lines = imported(app)
    daily = lines["daily"]["schedule"]
    assert lines["daily"]["becomes"] == "cron 0 9 * * *" and daily["timeZone"] == "Europe/Rome"
    assert (daily["argsJson"], daily["kwargsJson"], daily["queue"]) == ("[1]", '{"y":2}', "q")
    assert lines["daily"]["warnings"][0]["code"] == "OVERDUE"
    anchor = lines["hourly"]["schedule"]["spec"]["interval"]["anchorTime"]
    assert anchor == "2026-03-01T11:30:00Z"
    assert lines["off"]["schedule"]["state"] == "STATE_PAUSED"


def test_an_app_whose_beat_is_redbeat_has_both_and_is_read_at_once(
    app: Any, redis_server: RedisServer
) -> None:
    app.conf.beat_schedule = {
        "in both": {"task": "t", "schedule": 1800},
        "not yet in redis": {"task": "t", "schedule": 60},
    }
    save(app, "in both", schedule(3600), last_run_at=AT - HOUR / 4)
    save(app, "in redis alone", schedule(60), last_run_at=AT)
    lines = imported(app, importer=CeleryImporter, redbeat_url=redis_server.url, state=None)
    assert lines.keys() == {"in both", "not yet in redis", "in redis alone"}
    assert lines["in both"]["schedule"]["spec"]["interval"] == {
        "period": "1800s",
        "anchorTime": "2026-03-01T11:45:00Z",
    }
    assert {line["source"]["kind"] for line in lines.values()} == {"celery"}


def test_without_the_app_the_zone_must_be_named(app: Any, redis_server: RedisServer) -> None:
    save(app, "daily", crontab(0, 9))
    save(app, "hourly", schedule(3600))
    lines = imported(None, redbeat_url=redis_server.url)
    assert lines["daily"]["code"] == "R4_UNKNOWN_ZONE"
    assert lines["hourly"]["exactness"] == "EXACT"
    lines = imported(None, redbeat_url=redis_server.url, timezone="Asia/Tokyo")
    assert lines["daily"]["schedule"]["timeZone"] == "Asia/Tokyo"


def test_trap_52_what_redbeat_loses_is_told(app: Any) -> None:
    save(app, "second monday", rrule("MONTHLY", dtstart=AT, byweekday=MO(2)), last_run_at=AT)
    line = imported(app)["second monday"]
    assert line["becomes"] == "cron 0 12 * * 1"
    assert line["warnings"][0]["code"] == "REDBEAT_LOSSY"


@pytest.mark.parametrize(
    ("rule", "becomes"),
    [
        ({"freq": "DAILY"}, "every 1 day, 0:00:00 from 2026-03-01T12:00:00Z"),
        ({"freq": "MONTHLY"}, "cron 0 12 1 * *"),
        ({"freq": "MONTHLY", "interval": 3}, "every 3 months from 2026-03-01T12:00:00Z"),
        ({"freq": "MONTHLY", "bymonthday": -1}, "cron 0 12 L * *"),
        ({"freq": "WEEKLY", "byweekday": [weekday(0), weekday(6)]}, "cron 0 12 * * 0,1"),
        ({"freq": "YEARLY"}, "cron 0 12 1 3 *"),
        ({"freq": "DAILY", "byhour": [1, 2], "bymonth": 5}, "cron 0 1,2 * 5 *"),
        ({"freq": "YEARLY", "byweekno": 20, "byhour": 5}, "cron 0 5 * * * ISO week 20"),
        (
            {"freq": "DAILY", "interval": 2, "byhour": 5},
            "every 2 days, 0:00:00 from 2026-03-03T05:00:00Z",
        ),
        ({"freq": "HOURLY", "interval": 8, "byminute": [0, 30]}, "cron 0,30 4,12,20 * * *"),
        ({"freq": "HOURLY", "interval": 6, "byweekday": 0}, "cron 0 0,6,12,18 * * 1"),
        (
            {"freq": "HOURLY", "interval": 7, "byhour": 5},
            "every 7 days, 0:00:00 from 2026-03-08T05:00:00Z",
        ),
        ({"freq": "MINUTELY", "interval": 20, "byhour": [9, 10]}, "cron 0,20,40 9,10 * * *"),
        ({"freq": "MONTHLY", "interval": 3, "bymonthday": -1}, "cron 0 12 L 3,6,9,12 *"),
        (
            {"freq": "YEARLY", "interval": 4, "bymonth": 7, "byweekday": 0, "bymonthday": 1},
            "cron 0 12 1 7 1 (AND of the days) year 2026-2199/4",
        ),
    ],
)
def test_an_rrule_is_what_has_the_same_instants(app: Any, rule: Any, becomes: str) -> None:
    save(app, "r", rrule(dtstart=AT, **rule), last_run_at=AT)
    line = imported(app)["r"]
    assert (line["becomes"], line["exactness"]) == (becomes, "EXACT")


@pytest.mark.parametrize(
    "rule",
    [
        {"freq": "MONTHLY", "byweekday": 0, "bysetpos": 1},
        {"freq": "YEARLY", "byweekno": 20, "wkst": 6},
        {"freq": "YEARLY", "byweekno": 52},  # dateutil leaves out some days of it in January.
        {"freq": "YEARLY", "byyearday": 200},
        {"freq": "DAILY", "interval": 2, "bymonth": 5},
        {"freq": "DAILY", "interval": 2, "byminute": list(range(30))},
    ],
)
def test_any_other_rrule_is_refused(app: Any, rule: Any) -> None:
    save(app, "r", rrule(dtstart=AT, **rule), last_run_at=AT)
    assert imported(app)["r"]["code"] == "RRULE_PART"


@pytest.mark.parametrize(
    "rule",
    [
        {"freq": "DAILY", "interval": 7, "byweekday": 3},
        {"freq": "YEARLY", "bymonth": 2, "bymonthday": 30},
        {"freq": "YEARLY", "interval": 4, "bymonth": 2, "bymonthday": 29},
    ],
)
def test_an_rrule_that_never_comes_due_is_refused(app: Any, rule: Any) -> None:
    save(app, "r", rrule(dtstart=AT, **rule), last_run_at=AT)
    assert imported(app)["r"]["code"] == "R6_NEVER_FIRES"


def test_a_period_of_more_than_ten_years_is_refused_as_such(app: Any) -> None:
    save(app, "r", rrule("WEEKLY", dtstart=AT, interval=600), last_run_at=AT)
    assert imported(app)["r"]["code"] == "PERIOD_TOO_LONG"


def test_an_rrule_in_steps_on_several_days_is_several_schedules(app: Any) -> None:
    every_other_week = {"freq": "WEEKLY", "interval": 2, "byweekday": [weekday(0), weekday(3)]}
    save(app, "r", rrule(dtstart=AT, count=3, **every_other_week), last_run_at=AT)
    monday, thursday = every_line(app, fires=9)
    assert {line["exactness"] for line in (monday, thursday)} == {"EQUAL_SET"}
    assert monday["becomes"] == "every 14 days, 0:00:00 from 2026-03-09T12:00:00Z"
    assert thursday["becomes"] == "every 14 days, 0:00:00 from 2026-03-12T12:00:00Z"
    for line in (monday, thursday):  # Its third run is the last, whichever of them has it.
        assert line["schedule"]["endTime"] == "2026-03-23T12:00:00Z"
        assert "maxFires" not in line["schedule"]


def test_a_count_is_what_is_left_of_it(app: Any) -> None:
    save(app, "left", rrule("DAILY", dtstart=AT - 50 * HOUR, count=5), last_run_at=AT)
    save(app, "done", rrule("DAILY", dtstart=AT - 50 * HOUR, count=2), last_run_at=AT)
    save(app, "until", rrule("DAILY", dtstart=AT, until=AT + 50 * HOUR), last_run_at=AT)
    lines = imported(app, fires=9)
    assert lines["left"]["schedule"]["maxFires"] == 2 and len(lines["left"]["fires"]) == 2
    assert lines["done"]["finished"]
    assert lines["until"]["schedule"]["endTime"] == "2026-03-03T14:00:00Z"


@pytest.mark.parametrize(
    "definition",
    [
        "{",
        "[]",
        '{"name": "x"}',
        '{"task": "t", "schedule": {"__type__": "mine"}}',
        '{"task": "t", "schedule": {"__type__": "crontab", "minute": "61"}}',
        '{"task": "t", "schedule": {"__type__": "rrule", "freq": 99, "dtstart": 0}}',
    ],
)
def test_one_bad_key_ends_nothing(app: Any, client: Any, definition: str) -> None:
    save(app, "good", schedule(60))
    client.hset("redbeat:bad", "definition", definition)
    lines = imported(app)
    assert lines["bad"]["type"] == "refused" and lines["good"]["type"] == "schedule"


def test_redis_stays_as_it_is(app: Any, client: Any) -> None:
    save(app, "daily", crontab(0, 9))
    before = {key: client.dump(key) for key in client.scan_iter()}
    imported(app, fires=3)
    assert {key: client.dump(key) for key in client.scan_iter()} == before


def test_a_redis_that_does_not_answer_is_said_without_its_password() -> None:
    with pytest.raises(SourceError) as caught:
        imported(None, redbeat_url="redis://:secret@127.0.0.1:1/0")
    assert caught.value.code == "NO_SOURCE" and "secret" not in caught.value.message


def draw_rule(draw: random.Random, at: datetime) -> dict[str, Any]:
    freq = draw.choice(["YEARLY", "MONTHLY", "WEEKLY", "DAILY", "HOURLY", "MINUTELY"])
    start = at - timedelta(seconds=draw.randrange(-90_000, 20 * 86_400))
    rule: dict[str, Any] = {"freq": freq, "dtstart": start.replace(microsecond=0)}
    if draw.random() < 0.3:
        rule["interval"] = draw.randint(1, 12)
    bounds = {"byhour": (0, 23), "byminute": (0, 59)}
    if freq not in ("HOURLY", "MINUTELY"):  # dateutil tries every hour or minute of the years.
        bounds |= {"bymonth": (1, 12), "bymonthday": (1, 28), "byweekday": (0, 6)}
    for name, (low, high) in bounds.items():
        if draw.random() < 0.2:
            rule[name] = draw.sample(range(low, high + 1), draw.randint(1, 4))
    if freq in ("YEARLY", "MONTHLY") and draw.random() < 0.2:
        rule["bymonthday"] = [-1]
    if freq == "YEARLY" and draw.random() < 0.2:
        rule["byweekno"] = draw.sample(range(1, 54), draw.randint(1, 4))
    if freq == "WEEKLY" and draw.random() < 0.2:
        rule["wkst"] = draw.randrange(7)
    if draw.random() < 0.2:
        rule["until"] = at + timedelta(days=draw.randrange(1, 900))
    elif draw.random() < 0.1:
        rule["count"] = draw.randint(1, 40)
    return rule


def draw_valid_rule(draw: random.Random, app: Any, at: datetime) -> Any:
    try:
        return rrule(app=app, **draw_rule(draw, at))
    except ValueError:  # dateutil itself refuses what never comes.
        return draw_valid_rule(draw, app, at)


def test_due_times_are_those_of_redbeats_own_rrule(app: Any, client: Any, ours: Evaluator) -> None:
    draw = random.Random(SEED)
    with tally("redbeat", f"RedBeat {version('celery-redbeat')}'s rrule") as counted:
        while counted.tried < COUNT:
            client.flushall()
            at = draw_start(draw, draw.choice(NAMED_ZONES))
            stored = {}
            for n in range(min(30, COUNT - counted.tried)):
                text = json.dumps(draw_valid_rule(draw, app, at), cls=RedBeatJSONEncoder)
                stored[f"r{n}"] = text
                definition = f'{{"task": "t", "schedule": {text}}}'
                client.hset(f"redbeat:r{n}", "definition", definition)
            for group in definitions(every_line(app, at=at, fires=FIRES)):
                if not counted.promises(group[0]) or group[0].get("finished"):
                    continue
                text = stored[group[0]["source"]["key"]]
                told = group[0].get("fires", [])
                schedules = [line["schedule"] for line in group]
                counted.compare(f"{text} from {at}", ours.next(schedules, at, FIRES), told)
                rule = json.loads(text, cls=RedBeatJSONDecoder)
                theirs = run_beat(rule, app, at, LIVE)
                counted.compare(f"{text} from {at}", told[:LIVE], theirs)


def run_beat(what: Any, app: Any, at: datetime, most: int) -> list[int]:
    now = at
    what.app = app
    what.nowfun = lambda: now
    found: list[int] = []
    while len(found) < most:
        remaining = what.remaining_estimate(now)
        if remaining is None:
            break
        now += remaining
        found.append(micros(now))
    return found
