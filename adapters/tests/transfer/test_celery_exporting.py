"""Exports to Celery beat: a module, loaded by Celery, that fires as the schedules do."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from celery.beat import PersistentScheduler
from transfer.celery_kit import make_app
from transfer.clocks import NAMED_ZONES, draw_start
from transfer.exports import (
    NINE,
    NOT_IN_CRONS,
    Batch,
    check,
    cron,
    exporting,
    schedules_like,
)
from transfer.instants import COUNT, UTC, Evaluator
from z4j_adapters.engines.celery.exporting.static import CeleryExporter
from z4j_adapters.transfer.exporting.python import run_file
from z4j_adapters.transfer.model import SourceError

schedule = schedules_like(
    engine="celery", task="t", timeZone="Europe/Berlin", gap="GAP_POLICY_SHIFT"
)
exported = exporting(CeleryExporter, schedule, state=None)


def test_what_is_exported_is_celerys(drawn: Any, tmp_path: Path) -> None:
    def batch(draw: random.Random) -> Batch:
        zones = tuple(draw.sample(NAMED_ZONES, 3))
        state = tmp_path / f"state{draw.randrange(10**9)}" if draw.random() < 0.7 else None
        options = {"state": state, "any_phase": draw.random() < 0.5}
        return Batch("celery", draw_start(draw, zones[0]), zones, options=options)

    tally = drawn("celery", CeleryExporter, batch)
    assert tally["exported: cron"] > COUNT / 5 and tally["exported: interval"] > COUNT / 30


def test_a_cron_is_written_as_a_person_would(exported: Any) -> None:
    result = exported(cron("*/15 9-17 * * MON-FRI"), argsJson="[1]", queue="q", expires="90s")
    assert result.exported["s"]["becomes"] == (
        "crontab(minute='0,15,30,45', hour='9-17', day_of_week='mon,tue,wed,thu,fri')"
    )
    module = run_file(result.path)
    assert module["timezone"] == "Europe/Berlin"
    entry = module["beat_schedule"]["s"]
    assert entry["args"] == [1] and entry["options"] == {"queue": "q", "expires": 90}


def test_either_day_is_two_entries_that_never_meet(exported: Any) -> None:
    result = exported(cron("0 9 13 * FRI"))
    assert result.exported["s"]["keys"] == ["s", "s (2)"]
    assert "day_of_month='1-12,14-31'" in result.exported["s"]["becomes"]


def test_the_second_friday_is_a_friday_of_the_second_week(exported: Any) -> None:
    result = exported(cron("0 9 * * 5#2"))
    assert "day_of_month='8-14', day_of_week='fri'" in result.exported["s"]["becomes"]


@pytest.mark.parametrize(
    ("spec", "fields", "says"),
    [
        (cron("30 0 9 * * *"), {}, "no seconds"),
        *NOT_IN_CRONS,
        ({"oneShot": {"fireTime": "2026-05-01T00:00:00Z"}}, {}, "nothing that runs once"),
        ({"calendarInterval": {"days": 2, "startDate": "2026-01-31"}}, {}, "calendar"),
        ({"solar": {"event": "EVENT_SUNSET", "latitude": 1}}, {}, "computes the sun"),
        (cron("30 2 * * *"), {"gap": "GAP_POLICY_SKIP"}, "gap SKIP is another thing"),
        (cron("30 2 * * *"), {"fold": "FOLD_POLICY_BOTH"}, "2026-10-25 02:30 in Europe/Berlin"),
        (NINE, {"priority": 5}, "celery_priority"),
        (NINE, {"overlap": "OVERLAP_SKIP"}, "overlap is OVERLAP_SKIP"),
        (NINE, {"engineOptions": {"countdown": "5"}}, "countdown"),
        ({"interval": {"period": "60s"}}, {"createTime": "2026-01-01T00:00:00Z"}, "--state"),
        (
            {"interval": {"period": "86400s", "arithmetic": "ARITHMETIC_WALL"}},
            {"createTime": "2026-01-01T00:00:00Z"},
            "keep the wall time",
        ),
    ],
)
def test_what_is_refused_says_why(
    exported: Any, spec: dict[str, Any], fields: dict[str, Any], says: str
) -> None:
    line = exported(spec, **fields).refused["s"]
    assert says in line["reason"] + line["remedy"]


def test_policies_that_make_no_difference_are_no_obstacle(exported: Any) -> None:
    policies = {"gap": "GAP_POLICY_SKIP", "fold": "FOLD_POLICY_BOTH"}
    assert exported(NINE, **policies).exported
    assert exported(cron("30 2 * * *"), timeZone="Asia/Tokyo", **policies).exported


def test_crontabs_of_an_app_have_one_zone(exported: Any) -> None:
    both = {"a": schedule(NINE), "b": schedule(NINE, timeZone="Asia/Tokyo")}
    result = exported(schedules=both)
    assert result.exported.keys() == {"a"} and result.refused["b"]["code"] == "R9_ZONE"
    assert run_file(result.path)["timezone"] == result.target["zone"] == "Europe/Berlin"


def test_a_zone_of_fixed_offset_is_one_in_celery(exported: Any, ours: Evaluator) -> None:
    result = exported(NINE, timeZone="UTC+05:30")
    assert run_file(result.path)["timezone"].utcoffset(None) == timedelta(hours=5, minutes=30)
    assert check(result, ours)["exported: cron"] == 1


def test_beat_itself_goes_on_from_the_last_run_in_the_state(exported: Any, tmp_path: Path) -> None:
    state = tmp_path / "celerybeat-schedule"
    anchor = {"period": "7200s", "anchorTime": "2026-03-01T00:30:00Z"}
    result = exported(
        options={"state": state},
        schedules={"i": schedule({"interval": anchor}), "c": schedule(NINE)},
    )
    module = run_file(result.path)
    app = make_app(module["timezone"], beat_schedule=module["beat_schedule"])
    beat = PersistentScheduler(app=app, schedule_filename=str(state), lazy=True)
    beat.setup_schedule()
    assert beat.schedule.keys() == {"i", "c"}
    assert beat.schedule["i"].last_run_at == datetime(2026, 3, 1, 10, 30, tzinfo=UTC)
    beat.close()


def test_a_state_that_beat_has_used_is_not_replaced(exported: Any, tmp_path: Path) -> None:
    state = tmp_path / "celerybeat-schedule"
    every = {"interval": {"period": "60s", "anchorTime": "2026-03-01T00:00:00Z"}}
    exported(every, options={"state": state})
    result = exported(every, options={"state": state})  # Nothing has run: it is written anew.
    module = run_file(result.path)
    app = make_app(module["timezone"], beat_schedule=module["beat_schedule"])
    beat = PersistentScheduler(app=app, schedule_filename=str(state), lazy=True)
    beat.setup_schedule()
    beat.schedule["s"] = next(beat.schedule["s"])
    beat.close()
    with pytest.raises(SourceError, match="beat has run schedules from it"):
        exported(every, options={"state": state})


def test_a_call_that_no_module_can_hold_is_refused(exported: Any) -> None:
    assert "inf" in exported(NINE, argsJson="[1e999]").refused["s"]["reason"]


def test_options_of_the_engine_are_those_of_the_entry(exported: Any) -> None:
    options = {"celery_priority": "3", "headers": '{"x":1}', "time_limit": "5", "exchange": '"e"'}
    result = exported(NINE, engineOptions=options)
    entry = run_file(result.path)["beat_schedule"]["s"]
    expected = {"priority": 3, "headers": {"x": 1}, "time_limit": 5, "exchange": "e"}
    assert entry["options"] == expected
