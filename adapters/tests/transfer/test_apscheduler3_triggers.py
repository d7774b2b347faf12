"""--from apscheduler, version 3: what each kind of trigger becomes, trap by trap."""

from __future__ import annotations

from datetime import datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

pytest.importorskip("apscheduler")
if not version("apscheduler").startswith("3."):
    pytest.skip("this is another APScheduler than 3", allow_module_level=True)

from apscheduler.triggers.combining import AndTrigger, OrTrigger
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.date import DateTrigger
from apscheduler.triggers.interval import IntervalTrigger
from transfer.apscheduler_kit import AT, cron_of, imported, read, state, store
from transfer.clocks import EVERYDAY
from transfer.instants import UTC, Evaluator, micros

NEW_YORK = ZoneInfo("America/New_York")


def test_trap_1_weekday_0_of_from_crontab_is_monday() -> None:
    trigger = CronTrigger.from_crontab("0 9 * * 0", "UTC")
    assert cron_of(imported(trigger)) == {"hour": "9", "dayOfWeek": "1"}
    trigger = CronTrigger.from_crontab("0 9 * * 1-5", "UTC")
    assert cron_of(imported(trigger)) == {"hour": "9", "dayOfWeek": "2-6"}


def test_trap_4_what_the_library_drops_from_an_expression_is_not_there() -> None:
    trigger = CronTrigger(day_of_week="mon-fri/2", month="jan-jun/2", hour=9, timezone="UTC")
    assert cron_of(imported(trigger)) == {"month": "1-6", "hour": "9", "dayOfWeek": "1-5"}
    trigger = CronTrigger(day="last-1", hour=9, timezone="UTC")
    assert cron_of(imported(trigger)) == {"dayOfMonth": "L", "hour": "9"}


def test_trap_11_a_day_and_a_weekday_must_both_match() -> None:
    line = imported(CronTrigger(day=13, day_of_week="fri", hour=9, timezone="UTC"))
    assert cron_of(line) == {"dayOfMonth": "13", "dayOfWeek": "5", "hour": "9"}


def test_trap_15_what_is_left_out_depends_on_what_is_given() -> None:
    every = imported(CronTrigger(timezone="UTC"))["schedule"]["spec"]["cron"]
    assert (every["second"], every["minute"], every["hour"]) == ("*", "*", "*")
    assert cron_of(imported(CronTrigger(minute=30, timezone="UTC"))) == {"minute": "30"}
    assert cron_of(imported(CronTrigger(day=1, minute=30, timezone="UTC"))) == {
        "dayOfMonth": "1",
        "minute": "30",
    }


def test_trap_27_a_time_in_the_gap_is_late_and_equal_ones_are_one() -> None:
    at = datetime(2027, 3, 14, 5, tzinfo=UTC)
    line = imported(CronTrigger(hour="2,3", timezone=NEW_YORK), at=at, fires=2)
    assert line["schedule"]["gap"] == "GAP_POLICY_SHIFT"
    assert line["fires"] == [micros(datetime(2027, 3, 14, 7, tzinfo=UTC)),
                             micros(datetime(2027, 3, 15, 6, tzinfo=UTC))]  # fmt: skip


def test_trap_23_a_day_is_24_hours_across_a_change_of_the_clocks() -> None:
    start = datetime(2027, 3, 13, 12, tzinfo=NEW_YORK)
    trigger = IntervalTrigger(days=1, start_date=start, timezone=NEW_YORK)
    line = imported(trigger, at=start - timedelta(minutes=1), fires=2)
    first, second = line["fires"]
    assert second - first == 24 * 3600 * 10**6  # 13:00 by the clock.
    assert line["exactness"] == "EXACT"
    assert "arithmetic" not in line["schedule"]["spec"]["interval"]


@pytest.mark.parametrize(
    ("hour", "minute", "gap", "exactness"),
    [
        ("2", "30", "SHIFT", "EXACT"),
        ("2", "*/15", "NEXT_VALID", "EXACT"),  # It runs the first, when the clock is put on.
        ("1,2", "30", "SKIP", "EXACT"),  # It ran shortly before, and looks for the next day.
        ("2", "15,45", "SHIFT", "APPROXIMATE"),
    ],
)
def test_of_several_times_in_the_gap_the_library_runs_the_first_or_none(
    ours: Evaluator, hour: str, minute: str, gap: str, exactness: str
) -> None:
    at = datetime(2027, 3, 14, 5, tzinfo=UTC)
    line = imported(CronTrigger(hour=hour, minute=minute, timezone=NEW_YORK), at=at, fires=9)
    assert (line["schedule"]["gap"], line["exactness"]) == (f"GAP_POLICY_{gap}", exactness)
    same = ours.next([line["schedule"]], at, 9) == line["fires"]
    assert same is (exactness == "EXACT")


def test_a_run_that_the_library_forgets_when_clocks_change_is_told() -> None:
    line = imported(CronTrigger(hour=0, timezone=NEW_YORK))
    assert line["exactness"] == "APPROXIMATE"
    (reason,) = line["reasons"]
    assert reason["code"] == "DST_DIFFERS"
    lost = "only here 2027-03-15T04:00:00Z, 2028-03-13T04:00:00Z, 2029-03-12T04:00:00Z"
    assert reason["message"].endswith(f"until 2029-08-18: {lost}"), reason
    assert imported(CronTrigger(hour=9, timezone=NEW_YORK))["exactness"] == "EXACT"


def test_of_everyday_crons_only_those_in_the_hour_after_midnight_lose_a_run() -> None:
    triggers = {text: CronTrigger.from_crontab(text, timezone="Europe/Berlin") for text in EVERYDAY}
    apart = {text for text in EVERYDAY if imported(triggers[text])["exactness"] != "EXACT"}
    assert apart == {"0 0 * * *", "30 0 * * *", "0 0 * * MON", "0 0 1 * *"}


def test_trap_43_grace_and_coalesce_become_the_catch_up_policy() -> None:
    trigger = CronTrigger(hour=9, timezone="UTC")
    schedule = imported(trigger)["schedule"]
    assert (schedule["catchUp"], schedule["catchUpWindow"]) == ("CATCH_UP_FIRE_ONE", "1s")
    schedule = imported(trigger, misfire_grace_time=None, coalesce=False)["schedule"]
    assert (schedule["catchUp"], schedule["catchUpWindow"]) == ("CATCH_UP_FIRE_ALL", "31622400s")
    assert schedule["catchUpMax"] == 1000


def test_trap_44_jitter_that_moves_an_interval_is_told() -> None:
    line = imported(IntervalTrigger(minutes=5, jitter=60, timezone="UTC"), at=datetime.now(UTC))
    assert line["exactness"] == "APPROXIMATE"
    assert line["reasons"][0]["code"] == "JITTER_ACCUMULATES"
    assert "330s" in line["reasons"][0]["message"] and line["schedule"]["jitter"] == "60s"
    exact = imported(CronTrigger(hour=9, jitter=60, timezone="UTC"))
    assert (exact["exactness"], exact["schedule"]["jitter"]) == ("EXACT", "60s")
    skips = imported(CronTrigger(minute="*/5", jitter=600, timezone="UTC"))
    assert skips["reasons"][0]["code"] == "JITTER_SKIPS"


def test_trap_45_an_or_of_intervals_is_refused_and_an_and_too() -> None:
    cron = CronTrigger(hour=9, timezone="UTC")
    every = IntervalTrigger(hours=1, start_date=AT, timezone="UTC")
    assert imported(OrTrigger([cron, every]))["code"] == "R8_OR_TRIGGER"
    assert imported(AndTrigger([cron, cron]))["code"] == "R8_AND_TRIGGER"


def test_an_or_of_crons_becomes_schedules_that_share_no_instant(tmp_path: Path) -> None:
    parts = [CronTrigger(hour="9-12", timezone="UTC"), CronTrigger(hour="12,18", timezone="UTC")]
    lines = read(store(tmp_path / "s", state(OrTrigger(parts))))
    assert [line["becomes"] for line in lines] == ["cron 0 9-12 * * *", "cron 0 18 * * *"]
    assert {line["exactness"] for line in lines} == {"EQUAL_SET"}
    assert [line["group"] for line in lines] == ["00000", "00000"]
    assert [line["id"] for line in lines] == ["00000", "00000-2"]


def test_an_or_forgets_its_dates_after_its_first_run(tmp_path: Path) -> None:
    soon = DateTrigger(AT + timedelta(hours=1))
    cron = CronTrigger(hour=9, timezone="UTC")
    first, then = read(store(tmp_path / "a", state(OrTrigger([soon, cron]))))
    assert first["schedule"]["spec"] == {"oneShot": {"fireTime": "2026-11-22T01:00:00Z"}}
    assert cron_of(then) == {"hour": "9"}
    late = DateTrigger(AT + timedelta(days=5))
    (only,) = read(store(tmp_path / "b", state(OrTrigger([late, cron]))))
    assert only["warnings"][0]["code"] == "DATES_FORGOTTEN"


def test_trap_59_the_iso_week_and_the_year_are_two_conditions() -> None:
    line = imported(CronTrigger(year=2027, week=53, hour=9, timezone="UTC"))
    assert cron_of(line) == {"year": "2027", "isoWeek": "53", "hour": "9"}


def test_the_nth_weekday_is_a_weekday_within_a_week_of_the_month(tmp_path: Path) -> None:
    trigger = CronTrigger(day="2nd fri, 3rd wed, last sun, 15", hour=9, timezone="UTC")
    lines = read(store(tmp_path / "s", state(trigger)))
    assert {(c["dayOfMonth"], c.get("dayOfWeek", "0")) for c in map(cron_of, lines)} == {
        ("15", "1,2,4,6"),
        ("15-21", "3"),
        ("8-15", "5"),
        ("15,L,L-1,L-2,L-3,L-4,L-5,L-6", "0"),
    }


def test_a_date_that_is_over_is_finished_and_one_within_its_grace_is_not() -> None:
    past = DateTrigger(AT - timedelta(minutes=1))
    line = imported(past)
    assert line["finished"] and line["warnings"][0]["code"] == "MISSED"
    assert "finished" not in imported(past, misfire_grace_time=3600)
    assert "finished" not in imported(past, misfire_grace_time=None)


def test_start_end_pause_and_name_travel() -> None:
    trigger = CronTrigger(
        hour=9,
        timezone="Europe/Berlin",
        start_date="2027-01-01 00:00:00",
        end_date="2027-06-01 09:00:00",
    )
    schedule = imported(trigger, next_run_time=None, name="the nightly one")["schedule"]
    assert (schedule["startTime"], schedule["endTime"]) == (
        "2026-12-31T23:00:00Z",
        "2027-06-01T07:00:00Z",
    )
    assert schedule["state"] == "STATE_PAUSED" and schedule["pause"]["reason"]
    assert schedule["description"] == "the nightly one"
    assert schedule["timeZone"] == "Europe/Berlin"


def test_an_interval_goes_on_from_its_stored_next_run() -> None:
    trigger = IntervalTrigger(hours=2, start_date=AT, timezone="UTC")
    line = imported(trigger, next_run_time=AT + timedelta(minutes=7))
    assert line["schedule"]["spec"]["interval"]["anchorTime"] == "2026-11-22T00:07:00Z"
    short = IntervalTrigger(seconds=0.5, start_date=AT, timezone="UTC")
    assert imported(short)["code"] == "PERIOD_TOO_SHORT"


def test_a_first_run_that_was_asked_for_at_once_is_there_too(tmp_path: Path) -> None:
    """add_job(…, next_run_time=…), as many do to have a first run now."""
    soon = AT + timedelta(minutes=7)
    every = IntervalTrigger(hours=2, start_date=AT + timedelta(hours=2), timezone="UTC")
    cron = CronTrigger(hour=9, start_date=AT + timedelta(hours=1), timezone="UTC")
    late = CronTrigger(hour=9, timezone="UTC")
    url = store(
        tmp_path / "s",
        state(every, next_run_time=soon),
        state(cron, next_run_time=soon),
        state(late, next_run_time=datetime(2026, 12, 24, 9, tzinfo=UTC)),
    )
    interval, once, then, later = read(url, fires=2)
    assert "startTime" not in interval["schedule"]
    assert interval["fires"] == [micros(soon), micros(soon + timedelta(hours=2))]
    assert once["schedule"]["spec"] == {"oneShot": {"fireTime": "2026-11-22T00:07:00Z"}}
    assert then["schedule"]["startTime"] == "2026-11-22T00:07:00Z"
    assert once["fires"] == [micros(soon), micros(datetime(2026, 11, 22, 9, tzinfo=UTC))]
    assert {line["exactness"] for line in (once, then)} == {"EQUAL_SET"}
    assert later["exactness"] == "EXACT"
    assert later["schedule"]["startTime"] == "2026-12-24T09:00:00Z"
    assert later["fires"][0] == micros(datetime(2026, 12, 24, 9, tzinfo=UTC))


def test_a_next_run_in_a_repeated_hour_is_the_one_of_the_two_that_was_stored() -> None:
    nuuk = ZoneInfo("America/Nuuk")
    start = datetime(2028, 7, 13, 0, 23, 22, tzinfo=nuuk)  # 01:23:22 UTC
    daily = IntervalTrigger(days=1, start_date=start, timezone=nuuk)
    line = imported(daily, at=datetime(2028, 10, 29, 0, 27, tzinfo=UTC), fires=1)
    assert line["fires"] == [micros(datetime(2028, 10, 29, 1, 23, 22, tzinfo=UTC))]
    assert line["schedule"]["spec"]["interval"]["anchorTime"] == "2028-10-29T01:23:22Z"


def test_a_trigger_that_never_fires_is_refused() -> None:
    trigger = CronTrigger(year="9999", timezone="UTC")
    assert imported(trigger, next_run_time=AT)["code"] == "R6_NEVER_FIRES"


class Odd(CronTrigger):
    """A trigger of the user's own."""


def test_what_only_the_users_code_can_compute_is_refused_by_name() -> None:
    line = imported(Odd(hour=9, timezone="UTC"))
    assert line["code"] == "R1_OPAQUE" and "Odd" in line["reason"] and line["remedy"]
