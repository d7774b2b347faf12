"""Exports to RedBeat: a module that saves entries, which fire as the schedules do."""

from __future__ import annotations

import random
import subprocess
import sys
from datetime import datetime, timedelta
from typing import Any

import pytest

pytest.importorskip("redbeat")

import redis
from harness import RedisServer
from redbeat import RedBeatSchedulerEntry
from transfer.celery_kit import make_app
from transfer.clocks import NAMED_ZONES, draw_start
from transfer.exports import NINE, Batch, check, exporting, schedules_like
from transfer.instants import COUNT, UTC, Evaluator
from z4j_adapters.engines.celery.exporting.redbeat import RedBeatExporter
from z4j_adapters.transfer.exporting.python import run_file

EVERY = {"interval": {"period": "7200s", "anchorTime": "2026-03-01T00:30:00Z"}}
schedule = schedules_like(
    engine="celery", task="t", timeZone="Europe/Berlin", gap="GAP_POLICY_SHIFT"
)
exported = exporting(RedBeatExporter, schedule)


def test_what_is_exported_is_redbeats(drawn: Any) -> None:
    def batch(draw: random.Random) -> Batch:
        zones = tuple(draw.sample(NAMED_ZONES, 3))
        return Batch("celery", draw_start(draw, zones[0]), zones)

    tally = drawn("redbeat", RedBeatExporter, batch)
    assert tally["exported: cron"] > COUNT / 5 and tally["exported: interval"] > COUNT / 30
    assert tally["exported: oneShot"] > 0


def test_the_file_saves_its_entries_into_a_redis(exported: Any, redis_server: RedisServer) -> None:
    result = exported(schedules={"daily": schedule(NINE, argsJson="[1]"), "every": schedule(EVERY)})
    client = redis.Redis.from_url(redis_server.url)
    client.flushall()
    subprocess.run([sys.executable, result.path, redis_server.url], check=True)
    app = make_app("Europe/Berlin", redbeat_redis_url=redis_server.url)
    daily = RedBeatSchedulerEntry.from_key("redbeat:daily", app=app)
    assert daily.args == [1] and daily.schedule.hour == {9}
    assert client.zcard("redbeat::schedule") == 2
    last_run = RedBeatSchedulerEntry.from_key("redbeat:every", app=app).last_run_at
    assert (last_run - datetime(2026, 3, 1, 0, 30, tzinfo=UTC)) % timedelta(hours=2) == timedelta(0)
    assert not RedBeatSchedulerEntry.from_key("redbeat:every", app=app).is_due().is_due


def test_saving_twice_keeps_the_last_run(exported: Any, redis_server: RedisServer) -> None:
    module = run_file(exported(schedules={"every": schedule(EVERY)}).path)
    app = make_app("UTC", redbeat_redis_url=redis_server.url)
    redis.Redis.from_url(redis_server.url).flushall()
    module["add_to"](app)
    entry = next(RedBeatSchedulerEntry.from_key("redbeat:every", app=app))
    module["add_to"](app)
    again = RedBeatSchedulerEntry.from_key("redbeat:every", app=app)
    assert again.last_run_at == entry.last_run_at


def test_an_app_of_another_zone_is_not_written_to(exported: Any, redis_server: RedisServer) -> None:
    module = run_file(exported(NINE).path)
    app = make_app("Asia/Tokyo", redbeat_redis_url=redis_server.url)
    with pytest.raises(SystemExit, match="these are for Europe/Berlin"):
        module["add_to"](app)


def test_start_end_and_number_of_runs_are_an_rrule(exported: Any, ours: Evaluator) -> None:
    bounds = {"startTime": "2026-03-02T00:00:00Z", "endTime": "2026-04-01T00:00:00Z"}
    given = {
        "bounded": schedule(EVERY, **bounds),
        "three": schedule(EVERY, maxFires=3),
        "once": schedule({"oneShot": {"fireTime": "2026-05-01T00:00:00Z"}}),
    }
    result = exported(schedules=given)
    assert check(result, ours).total() == 3
    assert not result.refused
    assert "count=3" in result.exported["three"]["becomes"]


def test_a_paused_schedule_is_disabled(exported: Any) -> None:
    result = exported(state="STATE_PAUSED")
    assert run_file(result.path)["entries"]["s"]["enabled"] is False


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (schedule({"oneShot": {"fireTime": "2026-05-01T00:00:00.5Z"}}), "whole seconds"),
        (schedule({"interval": {"period": "5s"}}, maxFires=3, createTime="2026-01-01T00:00:00Z"),
         "a minute or more"),
        (schedule(NINE, endTime="2026-05-01T00:00:00Z"), "end_time has no place"),
        (schedule({"calendarInterval": {"days": 2, "startDate": "2026-01-31"}}), "calendar"),
    ],
)  # fmt: skip
def test_what_is_refused_says_why(exported: Any, given: dict[str, Any], says: str) -> None:
    line = exported(schedules={"s": given}).refused["s"]
    assert says in line["reason"] + line["remedy"]
