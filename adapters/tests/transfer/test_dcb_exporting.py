"""Exports to django-celery-beat: a fixture whose rows fire as the schedules do."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

pytest.importorskip("django_celery_beat")

from django.core.management import call_command
from transfer.celery_kit import make_app
from transfer.clocks import NAMED_ZONES, draw_start
from transfer.dcb_kit import clear, run_beat, start_project
from transfer.exports import (
    AT,
    NINE,
    Batch,
    Export,
    check,
    cron,
    exporting,
    schedules_like,
)
from transfer.instants import COUNT, Evaluator
from z4j_adapters.engines.celery.exporting.dcb import DjangoCeleryBeatExporter

EVERY = {"interval": {"period": "7200s", "anchorTime": "2026-03-01T00:30:00Z"}}
ONCE = {"oneShot": {"fireTime": "2026-05-01T00:00:00.5Z"}}
schedule = schedules_like(
    engine="celery", task="t", timeZone="Europe/Berlin", gap="GAP_POLICY_SHIFT"
)
exported = exporting(DjangoCeleryBeatExporter, schedule, file="schedules.json")


def rows(result: Export, model: str) -> list[dict[str, Any]]:
    objects = json.loads(result.path.read_text())
    return [one["fields"] for one in objects if one["model"] == f"django_celery_beat.{model}"]


@pytest.mark.timeout(600)  # Django is started for each reading of a fixture.
def test_what_is_exported_is_django_celery_beats(drawn: Any) -> None:
    def batch(draw: random.Random) -> Batch:
        return Batch("celery", draw_start(draw, draw.choice(NAMED_ZONES)), NAMED_ZONES)

    file = "schedules.json"
    tally = drawn("django-celery-beat", DjangoCeleryBeatExporter, batch, size=100, file=file)
    assert tally["exported: cron"] > COUNT / 5 and tally["exported: interval"] > COUNT / 30
    assert tally["exported: oneShot"] > 0


def test_loaded_rows_run_in_beats_own_entry_as_the_schedules_do(
    exported: Any, ours: Evaluator
) -> None:
    start_project()
    from django_celery_beat.models import PeriodicTask, PeriodicTasks

    given = {
        "daily": schedule(NINE),
        "either": schedule(cron("0 9 13 * FRI")),
        "every": schedule(EVERY),
        "later": schedule(NINE, startTime="2026-03-10T08:00:00Z"),
        "every-later": schedule(EVERY, startTime="2026-03-10T08:00:00Z"),
        "first": schedule(NINE, maxFires=1),
        "once": schedule(ONCE),
    }
    result = exported(schedules=given)
    assert not result.refused
    clear()
    call_command("loaddata", result.path, verbosity=0)
    call_command("loaddata", result.path, verbosity=0)  # Again: the same rows.
    assert PeriodicTasks.last_change() is not None  # Beat sees that there is something new.
    app = make_app("UTC")
    for name, line in result.exported.items():
        tasks = [PeriodicTask.objects.get(name=key) for key in line["keys"]]
        theirs = sorted(at for task in tasks for at in run_beat(task, app, AT, 20))
        here = ours.next([given[name]], AT, 20)
        assert theirs[: len(here)] == here, name
    clear()


def test_equal_schedules_share_a_row(exported: Any) -> None:
    given = {name: schedule(NINE) for name in "ab"}
    result = exported(schedules={**given, "c": schedule(NINE, timeZone="Asia/Tokyo")})
    assert [row["timezone"] for row in rows(result, "crontabschedule")] == [
        "Europe/Berlin",
        "Asia/Tokyo",
    ]
    assert len(rows(result, "periodictask")) == 3


def test_the_columns_of_a_row_are_filled(exported: Any) -> None:
    headers = {"x": 1, "periodic_task_name": "My report!"}
    options = {"headers": json.dumps(headers), "celery_priority": "3", "routing_key": '"r"'}
    call = {"argsJson": "[1]", "queue": "q", "expires": "90s", "engineOptions": options}
    (row,) = rows(exported(NINE, **call, description="d"), "periodictask")
    assert (row["name"], row["args"], row["queue"]) == ("My report!", "[1]", "q")
    assert (row["priority"], row["routing_key"], row["expire_seconds"]) == (3, "r", 90)
    assert json.loads(row["headers"]) == {"x": 1} and row["description"] == "d"


def test_an_end_is_held_if_the_messages_expire_then_too(exported: Any, ours: Evaluator) -> None:
    end = "2026-06-01T00:00:00Z"
    options = {"headers": json.dumps({"expires": "2026-06-01T00:00:00.000001+00:00"})}
    other = schedule(NINE, endTime=end)
    result = exported(schedules={"held": {**other, "engineOptions": options}, "other": other})
    assert "messages expire, too" in result.refused["other"]["reason"]
    assert check(result, ours)["exported: cron"] == 1


def test_a_paused_schedule_is_not_enabled(exported: Any) -> None:
    given = {"off": NINE, "once": ONCE}
    result = exported(
        schedules={name: schedule(spec, state="STATE_PAUSED") for name, spec in given.items()}
    )
    (row,) = rows(result, "periodictask")
    assert row["enabled"] is False
    assert "finished" in result.refused["once"]["reason"]


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (schedule(NINE, maxFires=2), "2 runs left"),
        (schedule(cron("0 9 13 * FRI"), maxFires=1), "each would run once"),
        (schedule(NINE, timeZone="UTC+05:30"), "zones with names"),
        (schedule(NINE, expires="1.5s"), "whole seconds"),
        (schedule(NINE, engineOptions={"time_limit": "5"}), "time_limit has no column"),
        (schedule(NINE, queue="q" * 201), "200 characters"),
        (schedule({"solar": {"event": "EVENT_SUNSET"}}), "computes the sun"),
        (schedule({"calendarInterval": {"days": 2, "startDate": "2026-01-31"}}), "calendar"),
    ],
)
def test_what_is_refused_says_why(exported: Any, given: dict[str, Any], says: str) -> None:
    line = exported(schedules={"s": given}).refused["s"]
    assert says in line["reason"] + line["remedy"]
