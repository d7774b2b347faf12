"""--to rq-scheduler: a module that installs jobs which fire as the schedules do."""

from __future__ import annotations

import random
import subprocess
import sys
from datetime import datetime
from importlib.util import find_spec
from typing import Any

import pytest

if find_spec("rq_scheduler") is None:
    pytest.skip("rq-scheduler is not installed here", allow_module_level=True)

import redis
from rq import Queue
from rq_scheduler import Scheduler
from transfer.clocks import NAMED_ZONES, draw_start
from transfer.exports import NINE, Batch, exporting, schedules_like
from transfer.instants import COUNT, UTC, contents, lines_of
from z4j_adapters.engines.rq.exporting.repeated import RqSchedulerExporter
from z4j_adapters.engines.rq.importing.repeated import RqSchedulerImporter
from z4j_adapters.transfer.exporting.python import run_file

AT = datetime(2026, 11, 22, tzinfo=UTC)
ZONE = "Europe/Berlin"
EVERY = {"interval": {"period": "90s", "anchorTime": "2026-11-22T00:00:30Z"}}
TASK = "shop.tasks.clean"
schedule = schedules_like(engine="rq", task=TASK, timeZone=ZONE, fold="FOLD_POLICY_FIRST")
exported = exporting(RqSchedulerExporter, schedule, at=AT, queue="default", timezone=ZONE)


def more(draw: random.Random) -> dict[str, Any]:
    options = {"timeout": "60", "meta": '{"a":[1]}', "at_front": "true", "result_ttl": "-1"}
    some = {name: value for name, value in options.items() if draw.random() < 0.1}
    return {"task": TASK, **({"engineOptions": some} if some else {})}


@pytest.mark.timeout(3600)
def test_random_schedules_fire_there_as_here_or_are_refused(drawn: Any) -> None:
    def batch(draw: random.Random) -> Batch:
        zones = tuple(draw.sample(NAMED_ZONES, 3))
        options = {"queue": "default", "timezone": zones[0]}
        return Batch("rq", draw_start(draw, zones[0]), zones, more, options)

    tally = drawn("rq-scheduler", RqSchedulerExporter, batch, size=50)
    assert tally["exported: cron"] > COUNT / 6 and tally["exported: interval"] > COUNT / 30


def test_the_module_puts_the_jobs_into_a_real_redis_each_once(
    exported: Any, redis_server: Any
) -> None:
    schedules = {
        "nine": schedule(NINE, argsJson='[1,"x"]', kwargsJson='{"deep":null}', queue="low"),
        "often": schedule(EVERY, maxFires=5, engineOptions={"timeout": "60"}),
        "once": schedule({"oneShot": {"fireTime": "2031-01-01T00:00:00Z"}}, expires="90s"),
        "a.b:c": schedule(NINE, engineOptions={"meta": '{"a":1}', "at_front": "true"}),
    }
    result = exported(schedules=schedules)
    assert not result.refused
    command = [sys.executable, str(result.path), redis_server.url]
    environment = {"TZ": ZONE, "PYTHONWARNINGS": "ignore"}
    with redis.Redis.from_url(redis_server.url) as client:
        client.flushall()
        subprocess.run(command, check=True, env=environment, timeout=60)
        before = contents(client)
        subprocess.run(command, check=True, env=environment, timeout=60)
        assert contents(client).keys() == before.keys()
    lines = lines_of(
        RqSchedulerImporter, at=AT, redis_url=redis_server.url, timezone=ZONE,
        scheduled_key="rq:scheduler:scheduled_jobs",
    )  # fmt: skip
    found = {line["id"]: line["schedule"] for line in lines if line["type"] == "schedule"}
    keys = [key for line in result.exported.values() for key in line["keys"]]
    assert sorted(found) == sorted(keys)
    assert found["nine"]["queue"] == "low" and found["nine"]["argsJson"] == '[1,"x"]'
    assert found["often"]["maxFires"] == "5"
    assert found["often"]["spec"]["interval"]["anchorTime"] == "2026-11-22T00:00:30Z"
    assert found["once"]["expires"] == "90s"


def test_a_run_of_it_is_the_job_that_the_schedule_describes(
    exported: Any, redis_server: Any
) -> None:
    result = exported(
        {"oneShot": {"fireTime": "2026-11-22T00:00:01Z"}},
        queue="low", argsJson='[1,"x"]', kwargsJson='{"deep":null}', expires="90s",
    )  # fmt: skip
    with redis.Redis.from_url(redis_server.url) as client:
        client.flushall()
        scheduler = Scheduler(connection=client)
        run_file(result.path)["install"](scheduler)
        (job,) = scheduler.get_jobs()
        scheduler.enqueue_job(job)
        (job,) = Queue("low", connection=client).jobs
    assert (job.id, job.func_name, list(job.args)) == ("s", TASK, [1, "x"])
    assert (job.kwargs, job.ttl) == ({"deep": None}, 90)


def test_the_module_does_not_run_on_a_host_of_another_zone(
    exported: Any, redis_server: Any
) -> None:
    command = [sys.executable, str(exported().path), redis_server.url]
    done = subprocess.run(
        command, env={"TZ": "Asia/Tokyo"}, timeout=60, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1 and "the clock of this host is not that of" in done.stderr


def test_that_the_library_ends_with_2099_is_told_so_that_nobody_compares_what_follows(
    exported: Any,
) -> None:
    yearly = {"hour": "0", "minute": "0", "dayOfMonth": "1", "month": "1"}
    result = exported({"cron": yearly})
    assert result.exported and result.target["ends"] == "2099-12-30T00:00:00Z"


def test_either_day_is_jobs_that_never_meet(exported: Any) -> None:
    days = {"hour": "9", "minute": "0", "dayOfMonth": "13", "dayOfWeek": "5"}
    line = exported({"cron": {**days, "dayMatch": "DAY_MATCH_OR"}}).exported["s"]
    assert line["keys"] == ["s", "s-2"]
    assert line["becomes"] == "cron 0 9 13 * 0-4,6 and 0 9 * * 5"


def test_the_zone_of_most_crons_is_that_of_the_host(exported: Any) -> None:
    zones = ("Asia/Tokyo", "UTC", "UTC")
    given = {zone + str(n): schedule(NINE, timeZone=zone) for n, zone in enumerate(zones)}
    result = exported(schedules=given, options={"timezone": None})
    assert result.target["zone"] == "UTC" and result.exported.keys() == {"UTC1", "UTC2"}


def test_an_id_that_rq_does_not_allow_gets_another_that_stays(exported: Any) -> None:
    schedules = {"a.b": schedule(NINE), "a:b": schedule(NINE), "a-b": schedule(NINE)}
    keys = [exported(schedules=schedules).exported[name]["keys"][0] for name in schedules]
    assert len(set(keys)) == 3 and all(key.startswith("a-b") for key in keys)
    again = exported(schedules=schedules)
    assert keys == [again.exported[name]["keys"][0] for name in schedules]


@pytest.mark.parametrize(
    ("days", "text"),
    [
        ({"dayOfMonth": "1,L"}, "1,l * *"),
        ({"dayOfMonth": "L-3"}, "z3-3 * *"),
        ({"dayOfWeek": "5#2"}, "8-14 * 5"),
        ({"dayOfWeek": "5L"}, "l,z1-1,z2-2,z3-3,z4-4,z5-5,z6-6 * 5"),
        ({"year": "2027"}, "* * * 2027"),
    ],
)
def test_special_days_are_written_as_the_package_crontab_has_them(
    exported: Any, days: dict[str, str], text: str
) -> None:
    result = exported({"cron": {"hour": "9", "minute": "0", **days}})
    assert result.exported["s"]["becomes"] == f"cron 0 9 {text}"


def test_an_interval_says_that_it_counts_from_its_runs(exported: Any) -> None:
    notes = {note["code"] for note in exported(EVERY).exported["s"]["notes"]}
    assert notes == {"COUNTS_FROM_RUN", "DEFAULT_QUEUE", "RESULT_KEPT"}


@pytest.mark.parametrize(
    ("spec", "fields", "says"),
    [
        ({"cron": {"hour": "2", "minute": "30"}}, {}, "enqueued early there"),
        ({"cron": {"hour": "2", "minute": "0"}}, {"fold": "FOLD_POLICY_BOTH"}, "enqueued early"),
        ({"interval": {"period": "1.5s"}}, {}, "whole seconds"),
        ({"oneShot": {"fireTime": "2027-01-01T00:00:00.5Z"}}, {}, "whole seconds"),
        ({"solar": {"event": "EVENT_SUNSET", "latitude": 5}}, {}, "no solar"),
        ({"cron": {"hour": "9", "isoWeek": "5"}}, {}, "no ISO weeks"),
        ({"cron": {"hour": "9", "dayOfMonth": "15W"}}, {}, "working day"),
        ({"cron": {"hour": "9", "dayOfMonth": "L-8"}}, {}, "counts up to 7"),
        ({"cron": {"hour": "9", "year": "2100"}}, {}, "2099"),
        (NINE, {"timeZone": "Asia/Tokyo"}, "one zone for all"),
        (NINE, {"expires": "90s"}, "loses a repeated job"),
        (EVERY, {"engineOptions": {"result_ttl": "600"}}, "loses a repeated job"),
        (NINE, {"engineOptions": {"retry_max": "3"}}, "retry_max"),
        (NINE, {"state": "STATE_PAUSED"}, "state"),
        (NINE, {"endTime": "2027-05-01T00:00:00Z"}, "end_time"),
        (NINE, {"startTime": "2027-05-01T00:00:00Z"}, "start_time"),
        ({"cron": {"hour": "9", "dayOfMonth": "1", "dayOfWeek": "1"}}, {"maxFires": 3}, "together"),
        (
            {"interval": {"period": "86400s", "arithmetic": "ARITHMETIC_WALL"}},
            {"createTime": "2026-11-01T00:00:00Z"},
            "wall time of Europe/Berlin",
        ),
    ],
)
def test_r9_what_rq_scheduler_cannot_hold_is_refused(
    exported: Any, spec: dict[str, Any], fields: dict[str, Any], says: str
) -> None:
    line = exported(spec, **fields).refused["s"]
    assert says in line["reason"] and line["remedy"], line


def test_what_is_dropped_no_longer_refuses(exported: Any) -> None:
    assert exported(expires="90s", drop=["expires"]).exported


def test_an_interval_that_starts_later_begins_there(exported: Any) -> None:
    line = exported(EVERY, startTime="2027-01-01T00:00:00Z").exported["s"]
    assert "from 2027-01-01T00:00:30Z" in line["becomes"]
