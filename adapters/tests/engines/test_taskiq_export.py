"""Exports to TaskIQ: a module whose schedules come due, and call, as those of the scheduler do."""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
from datetime import datetime, timedelta
from typing import Any

import pycron
import pytest
import redis
from harness import RedisServer
from taskiq_redis import ListRedisScheduleSource
from transfer.clocks import ZONES, draw_start
from transfer.exports import (
    AT,
    MINUTE,
    NINE,
    NOT_IN_CRONS,
    Batch,
    cron,
    exporting,
    schedules_like,
)
from transfer.instants import COUNT, lines_of
from z4j_adapters.engines.taskiq.exporting.exporter import TaskiqExporter
from z4j_adapters.engines.taskiq.importing.importer import TaskiqImporter
from z4j_adapters.transfer.exporting.python import run_file

schedule = schedules_like(engine="taskiq", task="shop.tasks:report", timeZone="Europe/Berlin")
exported = exporting(TaskiqExporter, schedule)
ANY_PHASE = {"any_phase": True}


def of_taskiq(draw: random.Random) -> dict[str, Any]:
    """What makes most of the drawn schedules such as TaskIQ may hold."""
    options = {"timeout": "2.5", "max_retries": "3", "labels": '{"x":"y","n":1}'}
    return {
        "gap": "GAP_POLICY_" + draw.choice(["SKIP", "SKIP", "SKIP", "NEXT_VALID"]),
        "fold": "FOLD_POLICY_" + draw.choice(["BOTH", "BOTH", "BOTH", "AUTO"]),
        "engineOptions": {name: text for name, text in options.items() if draw.random() < 0.1},
    }


@pytest.mark.timeout(900)
def test_what_is_exported_is_taskiqs(drawn: Any) -> None:
    def batch(draw: random.Random) -> Batch:
        zones = tuple(draw.sample(ZONES, 5))
        options = {"any_phase": draw.random() < 0.5}
        return Batch("taskiq", draw_start(draw, zones[0]), zones, of_taskiq, options)

    tally = drawn("taskiq", TaskiqExporter, batch)
    assert tally["exported: cron"] > COUNT / 5 and tally["exported: oneShot"] > COUNT / 60
    assert tally["exported: interval, in any phase"] > COUNT / 60


def test_both_day_fields_that_must_match_do_so_in_pycron(exported: Any) -> None:
    result = exported(cron("0 9 13 * 5", dayMatch="DAY_MATCH_AND"))
    text = run_file(result.path)["SCHEDULES"]["s"]["cron"]
    assert text == "0 9 13,*-* * 5"
    friday_13, friday, saturday_13 = (
        datetime(*day, 9) for day in ((2026, 3, 13), (2026, 3, 20), (2026, 6, 13))
    )
    due = [pycron.is_now(text, day) for day in (friday_13, friday, saturday_13)]
    assert due == [True, False, False]


def test_either_day_field_is_pycrons_own(exported: Any) -> None:
    result = exported(cron("0 9 13 * 0"))
    assert result.exported["s"]["becomes"] == "cron 0 9 13 * 0"
    assert result.found["s"][0].schedule["spec"]["cron"]["dayMatch"] == "DAY_MATCH_OR"


def test_pycron_that_knows_no_either_gets_two_entries(
    exported: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = pycron.is_now

    def is_now(text: str, at: datetime) -> bool:
        """As before 3.1."""
        fields = text.split(" ")
        if "*" not in fields[2] + fields[4]:
            fields[2] += ",*-*"
        return bool(own(" ".join(fields), at))

    monkeypatch.setattr(pycron, "is_now", is_now)
    result = exported(cron("0 9 13 * 0"))
    assert result.exported["s"]["keys"] == ["s", "s (2)"]


def test_redis_holds_what_was_exported_however_often_it_is_installed(
    exported: Any, redis_server: RedisServer
) -> None:
    given = {
        "nightly": schedule(
            cron("30 1 13 * 5", dayMatch="DAY_MATCH_AND"),
            argsJson='[1,{"to":"a@b"}]',
            kwargsJson='{"n":2}',
            queue="low",
            engineOptions={"timeout": "2.5", "labels": '{"x":"y"}'},
            gap="GAP_POLICY_SKIP",
            fold="FOLD_POLICY_BOTH",
        ),
        "fixed": schedule(NINE, timeZone="UTC-03:30"),
        "every": schedule(MINUTE),
        "once": schedule({"oneShot": {"fireTime": "2036-05-01T07:30:00.5Z"}}),
    }
    result = exported(schedules=given, options=ANY_PHASE)
    assert result.exported.keys() == given.keys()
    for _ in range(2):
        subprocess.run([sys.executable, result.path, redis_server.url], check=True)
    with redis.Redis.from_url(redis_server.url) as client:
        assert client.llen("schedule:cron") == 2 and client.llen("schedule:interval") == 1
    options = {"taskiq_broker": None, "taskiq_module": [], "taskiq_prefix": "schedule"}
    lines = lines_of(TaskiqImporter, at=AT, taskiq_redis_url=redis_server.url, **options)
    found = {line["id"]: line["schedule"] for line in lines}
    assert found.keys() == given.keys()
    nightly = found["nightly"]
    for field in ("argsJson", "kwargsJson", "queue", "timeZone", "gap", "fold"):
        assert nightly[field] == given["nightly"][field]
    assert nightly["engineOptions"] == {"timeout": "2.5", "labels": '{"x":"y"}'}
    assert found["fixed"]["timeZone"] == "UTC-03:30"
    assert found["every"]["spec"]["interval"]["period"] == "60s"
    assert found["once"]["spec"] == given["once"]["spec"]


def test_taskiqs_own_source_reads_them(exported: Any, redis_server: RedisServer) -> None:
    with redis.Redis.from_url(redis_server.url) as client:
        client.flushdb()
    module = run_file(exported(argsJson="[1]").path)

    async def installed() -> list[Any]:
        source = ListRedisScheduleSource(redis_server.url)
        await module["install"](source)
        schedules = await source.get_schedules()
        await source.shutdown()
        return list(schedules)

    (task,) = asyncio.run(installed())
    assert (task.schedule_id, task.task_name, task.args) == ("s", "shop.tasks:report", [1])
    assert (task.cron, task.cron_offset) == ("0 9 * * *", "Europe/Berlin")


@pytest.mark.parametrize(
    ("spec", "fields", "says"),
    [
        (cron("30 0 9 * * *"), {}, "no seconds"),
        *NOT_IN_CRONS,
        ({"calendarInterval": {"days": 2, "startDate": "2026-01-31"}}, {}, "calendar"),
        (MINUTE, {}, "--any-phase"),
        (NINE, {"priority": 5}, "priority is 5"),
        (NINE, {"expires": "60s"}, "expires is"),
        (NINE, {"overlap": "OVERLAP_SKIP"}, "overlap is OVERLAP_SKIP"),
        (cron("30 2 * * *"), {"fold": "FOLD_POLICY_BOTH"}, "2026-03-29 02:30 in Europe/Berlin"),
        (cron("30 2 * * *"), {"gap": "GAP_POLICY_SKIP"}, "2026-10-25 02:30 in Europe/Berlin"),
    ],
)
def test_what_is_refused_says_why(
    exported: Any, spec: dict[str, Any], fields: dict[str, Any], says: str
) -> None:
    line = exported(spec, **fields).refused["s"]
    assert says in line["reason"] + line["remedy"]


@pytest.mark.parametrize(
    ("period", "code"),
    [
        ({"period": "1.5s"}, "R9_NOT_HELD"),
        ({"period": "86400s", "arithmetic": "ARITHMETIC_WALL"}, "R9_DST"),
    ],
)
def test_periods_that_taskiq_has_not_are_refused_in_any_phase(
    exported: Any, period: dict[str, Any], code: str
) -> None:
    interval = {**period, "anchorTime": "2026-01-01T00:00:00Z"}
    assert exported({"interval": interval}, options=ANY_PHASE).refused["s"]["code"] == code


def test_an_interval_in_any_phase_says_so(exported: Any) -> None:
    result = exported(MINUTE, options=ANY_PHASE)
    assert "ANY_PHASE" in [note["code"] for note in result.exported["s"]["notes"]]
    assert run_file(result.path)["SCHEDULES"]["s"]["interval"] == 60


def test_zones_are_each_schedules_own(exported: Any) -> None:
    zones = ("Europe/Berlin", "UTC", "UTC+05:30", "Asia/Tokyo")
    result = exported(schedules={zone: schedule(NINE, timeZone=zone) for zone in zones})
    schedules = run_file(result.path)["SCHEDULES"]
    offsets = [schedules[zone].get("cron_offset") for zone in zones]
    assert offsets == ["Europe/Berlin", None, timedelta(hours=5, minutes=30), "Asia/Tokyo"]
    assert result.exported.keys() == set(zones)
