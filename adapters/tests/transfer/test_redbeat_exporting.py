"""Exports to RedBeat: a module that saves entries, which fire as the schedules do."""

from __future__ import annotations

import random
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("redbeat")

import redis
from harness import RedisServer
from redbeat import RedBeatSchedulerEntry
from transfer.celery_kit import ZONES, make_app, start_near
from transfer.exports import Export, check, draw_schedules, export, report
from transfer.instants import COUNT, SEED, UTC, Evaluator, evaluator
from z4j_adapters.engines.celery.exporting.redbeat import RedBeatExporter
from z4j_adapters.transfer.exporting.python import run_file

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
BATCH = 30  # In one app, with one zone and one start.
NINE = {"cron": {"expression": "0 9 * * *"}}
EVERY = {"interval": {"period": "7200s", "anchorTime": "2026-03-01T00:30:00Z"}}


@pytest.fixture(scope="module")
def running() -> Iterator[Evaluator]:
    with evaluator() as running:
        yield running


@pytest.fixture
def exported(tmp_path: Path, running: Evaluator) -> Any:
    """Exports schedules by their ids."""

    def run(**schedules: dict[str, Any]) -> Export:
        return export(RedBeatExporter, schedules, tmp_path / "entries.py", running, at=AT)

    return run


def schedule(spec: dict[str, Any], **fields: Any) -> dict[str, Any]:
    plain = {"engine": "celery", "task": "t", "timeZone": "Europe/Berlin"}
    return {**plain, "spec": spec, "gap": "GAP_POLICY_SHIFT", **fields}


def test_what_is_exported_is_redbeats(
    tmp_path: Path, running: Evaluator, capsys: pytest.CaptureFixture[str]
) -> None:
    draw = random.Random(SEED)
    tally: Counter[str] = Counter()
    for number in range(COUNT // BATCH):
        at, zones = start_near(draw), tuple(draw.sample(ZONES, 3))
        schedules = draw_schedules(draw, running, BATCH, at=at, engine="celery", zones=zones)
        result = export(RedBeatExporter, schedules, tmp_path / f"e{number}.py", running, at=at)
        tally += check(result, running)
    with capsys.disabled():
        print(report(f"--to redbeat, Z4J_SEED={SEED}", tally))
    assert tally["exported: cron"] > COUNT / 5 and tally["exported: interval"] > COUNT / 30
    assert tally["exported: oneShot"] > 0


def test_the_file_saves_its_entries_into_a_redis(exported: Any, redis_server: RedisServer) -> None:
    result = exported(daily=schedule(NINE, argsJson="[1]"), every=schedule(EVERY))
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
    module = run_file(exported(every=schedule(EVERY)).path)
    app = make_app("UTC", redbeat_redis_url=redis_server.url)
    redis.Redis.from_url(redis_server.url).flushall()
    module["add_to"](app)
    entry = next(RedBeatSchedulerEntry.from_key("redbeat:every", app=app))
    module["add_to"](app)
    again = RedBeatSchedulerEntry.from_key("redbeat:every", app=app)
    assert again.last_run_at == entry.last_run_at


def test_an_app_of_another_zone_is_not_written_to(exported: Any, redis_server: RedisServer) -> None:
    module = run_file(exported(daily=schedule(NINE)).path)
    app = make_app("Asia/Tokyo", redbeat_redis_url=redis_server.url)
    with pytest.raises(SystemExit, match="these are for Europe/Berlin"):
        module["add_to"](app)


def test_start_end_and_number_of_runs_are_an_rrule(exported: Any, running: Evaluator) -> None:
    bounds = {"startTime": "2026-03-02T00:00:00Z", "endTime": "2026-04-01T00:00:00Z"}
    result = exported(
        bounded=schedule(EVERY, **bounds),
        three=schedule(EVERY, maxFires=3),
        once=schedule({"oneShot": {"fireTime": "2026-05-01T00:00:00Z"}}),
    )
    assert check(result, running).total() == 3
    assert not result.refused
    assert "count=3" in result.exported["three"]["becomes"]


def test_a_paused_schedule_is_disabled(exported: Any) -> None:
    result = exported(off=schedule(NINE, state="STATE_PAUSED"))
    assert run_file(result.path)["entries"]["off"]["enabled"] is False


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
    line = exported(s=given).refused["s"]
    assert says in line["reason"] + line["remedy"]
