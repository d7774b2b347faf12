"""What schedules of a Celery app become, and which are refused."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from celery.schedules import BaseSchedule, crontab, schedule, solar
from transfer.celery_kit import entry, imported, make_app
from z4j_adapters.engines.celery.importing import apps
from z4j_adapters.transfer.model import SourceError


def test_a_crontab_is_its_sets_with_celerys_and() -> None:
    line = entry(crontab(0, 4, "*", 1), zone="Europe/Berlin")
    assert line["schedule"]["spec"]["cron"] == {
        "second": "0",
        "minute": "0",
        "hour": "4",
        "dayOfMonth": "1",
        "month": "*",
        "dayOfWeek": "*",
        "dayMatch": "DAY_MATCH_AND",
    }
    assert line["schedule"]["timeZone"] == "Europe/Berlin"
    assert line["exactness"] == "EXACT" and line["becomes"] == "cron 0 4 1 * *"


def test_trap_11_friday_the_13th_needs_both() -> None:
    line = entry(crontab(0, 0, day_of_month=13, day_of_week="fri"))
    assert line["becomes"] == "cron 0 0 13 * 5 (AND of the days)"


def test_trap_14_an_hour_without_a_minute_runs_sixty_times() -> None:
    assert entry(crontab(hour=5))["becomes"] == "cron * 5 * * *"


def test_trap_16_the_third_position_is_the_weekday() -> None:
    assert entry(crontab(0, 0, 1, "*/2"))["becomes"] == (
        "cron 0 0 1,3,5,7,9,11,13,15,17,19,21,23,25,27,29,31 * 1 (AND of the days)"
    )


def test_trap_22_an_interval_is_counted_from_a_run_and_not_from_the_clock() -> None:
    line = entry(3600)
    assert line["schedule"]["spec"]["interval"] == {
        "period": "3600s",
        "anchorTime": "2026-03-01T12:00:00Z",
    }
    assert line["reasons"][0]["code"] == "COUNTED_FROM_NOW"


def test_trap_23_an_interval_is_elapsed_time_and_an_older_celerys_is_approximate(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    line = entry(86_400, zone="America/New_York")
    assert line["exactness"] == "EXACT"
    assert "arithmetic" not in line["schedule"]["spec"]["interval"]
    monkeypatch.setattr(apps, "celery_version", "5.6.3")
    line = entry(86_400, zone="America/New_York")
    assert (line["exactness"], line["reasons"][-1]["code"]) == ("APPROXIMATE", "WALL_INTERVAL")
    assert entry(86_400, zone="Asia/Tokyo")["exactness"] == "EXACT"


def test_trap_24_an_older_celery_that_is_late_on_the_day_of_the_change_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert entry(crontab(4, 16), zone="America/New_York")["exactness"] == "EXACT"
    monkeypatch.setattr(apps, "celery_version", "5.5.1")
    line = entry(crontab(4, 16), zone="America/New_York")
    assert (line["exactness"], line["reasons"][0]["code"]) == ("APPROXIMATE", "OLD_CELERY_DST")
    assert entry(crontab(4, 16), zone="Asia/Tokyo")["exactness"] == "EXACT"
    monkeypatch.setattr(apps, "celery_version", "5.5.2")
    assert entry(crontab(4, 16), zone="America/New_York")["exactness"] == "EXACT"


def test_trap_25_relative_is_rounded_down_to_its_unit() -> None:
    line = entry(schedule(timedelta(hours=6), relative=True))
    assert line["becomes"] == "every 6h from 2026-03-01T18:00:00Z"
    line = entry(schedule(timedelta(hours=30), relative=True))
    assert line["becomes"] == "cron 0 0 * * *" and "startTime" not in line["schedule"]
    line = entry(schedule(timedelta(hours=40), relative=True))
    assert line["schedule"]["startTime"] == "2026-03-03T00:00:00Z"
    line = entry(schedule(timedelta(hours=60), relative=True), zone="Europe/Berlin")
    assert line["schedule"]["spec"]["calendarInterval"] == {
        "days": 2,
        "atTime": "00:00:00",
        "startDate": "2026-03-04",
    }


def test_the_key_relative_of_an_entry_holds() -> None:
    line = entry(timedelta(minutes=30), relative=True)
    assert line["becomes"] == "every 30min from 2026-03-01T12:30:00Z"


def test_trap_26_the_repeated_hour_is_a_hole() -> None:
    assert entry(crontab(), zone="America/New_York")["schedule"]["fold"] == "FOLD_POLICY_FIRST"


@pytest.mark.parametrize(
    ("what", "gap", "exactness"),
    [
        (crontab("30", "2"), "GAP_POLICY_SHIFT", "EXACT"),
        (crontab("0", "2,3"), "GAP_POLICY_SHIFT", "EXACT"),
        (crontab("*/15", "2"), "GAP_POLICY_NEXT_VALID", "EXACT"),
        (crontab("15,45", "2"), "GAP_POLICY_SHIFT", "EQUAL_SET"),
    ],
)
def test_the_gap_policy_is_the_one_under_which_the_times_are_celerys(
    what: Any, gap: str, exactness: str
) -> None:
    line = entry(what, zone="America/New_York")
    assert (line["schedule"]["gap"], line["exactness"]) == (gap, exactness)


def test_trap_33_ranges_wrap() -> None:
    assert entry(crontab(0, "22-2"))["becomes"] == "cron 0 0-2,22,23 * * *"


def test_trap_38_a_step_beyond_the_field_is_its_first_value() -> None:
    assert entry(crontab("*/60"))["becomes"] == "cron 0 * * * *"
    assert entry(crontab("*/45"))["becomes"] == "cron 0,45 * * * *"


def test_trap_51_the_old_dusk_in_the_afternoon_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    assert entry(solar("dusk_astronomical", 50, 10))["type"] == "schedule"
    monkeypatch.setitem(solar._horizons, "dusk_astronomical", "18")
    line = entry(solar("dusk_astronomical", 50, 10))
    assert line["code"] == "R11_SOLAR" and "5.6.3" in line["remedy"]


def test_trap_60_a_text_that_celery_reads_otherwise_is_imported_with_a_warning() -> None:
    line = entry(crontab(minute="jan", hour="1-5/2-3"))
    assert line["becomes"] == "cron 1 1,3,5 * * *"
    assert [w["code"] for w in line["warnings"]].count("ODD_TEXT") == 2


def test_trap_62_many_missed_runs_are_one_late_run() -> None:
    fields = entry(60)["schedule"]
    assert fields["catchUp"] == "CATCH_UP_FIRE_ONE" and fields["catchUpWindow"] == "31622400s"
    fields = entry(60, conf={"beat_cron_starting_deadline": 90})["schedule"]
    assert fields["catchUpWindow"] == "90s"


@pytest.mark.parametrize("every", [0.5, 0, timedelta(microseconds=1), -5])
def test_trap_63_less_than_a_second_is_refused(every: Any) -> None:
    line = entry(every)
    assert line["code"] == "PERIOD_TOO_SHORT" and "1 s" in line["reason"]


def test_fractions_of_a_second_are_kept() -> None:
    assert entry(1.5)["schedule"]["spec"]["interval"]["period"] == "1.5s"


class Mine(BaseSchedule):
    pass


class MyCrontab(crontab):
    pass


@pytest.mark.parametrize(
    "what", [Mine(), MyCrontab(), crontab(nowfun=datetime.now), schedule(60, nowfun=datetime.now)]
)
def test_r1_code_that_decides_when_it_runs_is_refused(what: Any) -> None:
    line = entry(what)
    assert line["type"] == "refused" and line["code"] == "R1_OPAQUE"


def test_the_sun_is_approximate_and_says_so() -> None:
    line = entry(solar("sunset", -37.81753, 144.96715))
    assert line["exactness"] == "APPROXIMATE" and line["reasons"][0]["code"] == "R11_SOLAR"
    assert line["schedule"]["spec"]["solar"]["event"] == "EVENT_SUNSET"


def test_r4_the_hosts_own_zone_must_be_named() -> None:
    app = make_app(None, enable_utc=False)
    app.conf.beat_schedule = {
        "c": {"task": "t", "schedule": crontab()},
        "i": {"task": "t", "schedule": 60},
    }
    lines = imported(app)
    assert lines["c"]["code"] == "R4_UNKNOWN_ZONE" and "--timezone" in lines["c"]["remedy"]
    assert lines["i"]["exactness"] == "EXACT"
    named_zone = imported(app, timezone="Asia/Tokyo")["c"]
    assert named_zone["schedule"]["timeZone"] == "Asia/Tokyo"


def test_a_zone_that_contradicts_the_apps_own_is_an_error() -> None:
    with pytest.raises(SourceError, match="Europe/Berlin"):
        imported(make_app("Europe/Berlin"), timezone="Asia/Tokyo")
