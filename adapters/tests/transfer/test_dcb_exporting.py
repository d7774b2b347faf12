"""Exports to django-celery-beat: a fixture whose rows fire as the schedules do."""

from __future__ import annotations

import json
import random
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("django_celery_beat")

from django.core.management import call_command
from transfer.celery_kit import make_app
from transfer.clocks import NAMED_ZONES, draw_start
from transfer.dcb_kit import clear, run_beat, start_project
from transfer.exports import Export, check, draw_schedules, export, report
from transfer.instants import COUNT, SEED, UTC, Evaluator
from z4j_adapters.engines.celery.exporting.dcb import DjangoCeleryBeatExporter

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
BATCH = 100  # In one fixture, with one start.
NINE = {"cron": {"expression": "0 9 * * *"}}
EVERY = {"interval": {"period": "7200s", "anchorTime": "2026-03-01T00:30:00Z"}}
ONCE = {"oneShot": {"fireTime": "2026-05-01T00:00:00.5Z"}}


@pytest.fixture
def exported(tmp_path: Path, ours: Evaluator) -> Any:
    """Exports schedules by their ids."""

    def run(**schedules: dict[str, Any]) -> Export:
        to = tmp_path / "schedules.json"
        return export(DjangoCeleryBeatExporter, schedules, to, ours, at=AT)

    return run


def schedule(spec: dict[str, Any], **fields: Any) -> dict[str, Any]:
    plain = {"engine": "celery", "task": "t", "timeZone": "Europe/Berlin"}
    return {**plain, "spec": spec, "gap": "GAP_POLICY_SHIFT", **fields}


def rows(result: Export, model: str) -> list[dict[str, Any]]:
    objects = json.loads(result.path.read_text())
    return [one["fields"] for one in objects if one["model"] == f"django_celery_beat.{model}"]


@pytest.mark.timeout(600)  # Django is started for each reading of a fixture.
def test_what_is_exported_is_django_celery_beats(
    tmp_path: Path, ours: Evaluator, capsys: pytest.CaptureFixture[str]
) -> None:
    draw = random.Random(SEED)
    tally: Counter[str] = Counter()
    for number in range(COUNT // BATCH):
        at = draw_start(draw, draw.choice(NAMED_ZONES))
        to = tmp_path / f"f{number}.json"
        schedules = draw_schedules(draw, ours, BATCH, at=at, engine="celery", zones=NAMED_ZONES)
        tally += check(export(DjangoCeleryBeatExporter, schedules, to, ours, at=at), ours)
    with capsys.disabled():
        print(report(f"--to django-celery-beat, Z4J_SEED={SEED}", tally))
    assert tally["exported: cron"] > COUNT / 5 and tally["exported: interval"] > COUNT / 30
    assert tally["exported: oneShot"] > 0


def test_loaded_rows_run_in_beats_own_entry_as_the_schedules_do(
    exported: Any, ours: Evaluator
) -> None:
    start_project()
    from django_celery_beat.models import PeriodicTask, PeriodicTasks

    given = {
        "daily": schedule(NINE),
        "either": schedule({"cron": {"expression": "0 9 13 * FRI"}}),
        "every": schedule(EVERY),
        "later": schedule(NINE, startTime="2026-03-10T08:00:00Z"),
        "every-later": schedule(EVERY, startTime="2026-03-10T08:00:00Z"),
        "first": schedule(NINE, maxFires=1),
        "once": schedule(ONCE),
    }
    result = exported(**given)
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
    result = exported(a=schedule(NINE), b=schedule(NINE), c=schedule(NINE, timeZone="Asia/Tokyo"))
    assert [row["timezone"] for row in rows(result, "crontabschedule")] == [
        "Europe/Berlin",
        "Asia/Tokyo",
    ]
    assert len(rows(result, "periodictask")) == 3


def test_the_columns_of_a_row_are_filled(exported: Any) -> None:
    headers = {"x": 1, "periodic_task_name": "My report!"}
    options = {"headers": json.dumps(headers), "celery_priority": "3", "routing_key": '"r"'}
    given = schedule(
        NINE, argsJson="[1]", queue="q", expires="90s", engineOptions=options, description="d"
    )
    (row,) = rows(exported(s=given), "periodictask")
    assert (row["name"], row["args"], row["queue"]) == ("My report!", "[1]", "q")
    assert (row["priority"], row["routing_key"], row["expire_seconds"]) == (3, "r", 90)
    assert json.loads(row["headers"]) == {"x": 1} and row["description"] == "d"


def test_an_end_is_held_if_the_messages_expire_then_too(exported: Any, ours: Evaluator) -> None:
    end = "2026-06-01T00:00:00Z"
    options = {"headers": json.dumps({"expires": "2026-06-01T00:00:00.000001+00:00"})}
    result = exported(
        held=schedule(NINE, endTime=end, engineOptions=options), other=schedule(NINE, endTime=end)
    )
    assert "messages expire, too" in result.refused["other"]["reason"]
    assert check(result, ours)["exported: cron"] == 1


def test_a_paused_schedule_is_not_enabled(exported: Any) -> None:
    result = exported(
        off=schedule(NINE, state="STATE_PAUSED"), once=schedule(ONCE, state="STATE_PAUSED")
    )
    (row,) = rows(result, "periodictask")
    assert row["enabled"] is False
    assert "finished" in result.refused["once"]["reason"]


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (schedule(NINE, maxFires=2), "2 runs left"),
        (schedule({"cron": {"expression": "0 9 13 * FRI"}}, maxFires=1), "each would run once"),
        (schedule(NINE, timeZone="UTC+05:30"), "zones with names"),
        (schedule(NINE, expires="1.5s"), "whole seconds"),
        (schedule(NINE, engineOptions={"time_limit": "5"}), "time_limit has no column"),
        (schedule(NINE, queue="q" * 201), "200 characters"),
        (schedule({"solar": {"event": "EVENT_SUNSET"}}), "computes the sun"),
        (schedule({"calendarInterval": {"days": 2, "startDate": "2026-01-31"}}), "calendar"),
    ],
)
def test_what_is_refused_says_why(exported: Any, given: dict[str, Any], says: str) -> None:
    line = exported(s=given).refused["s"]
    assert says in line["reason"] + line["remedy"]
