"""What of a Celery app is imported, and as what; what is refused, and why."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import textwrap
import time
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from celery import Celery
from celery.beat import BeatLazyFunc, PersistentScheduler
from celery.schedules import BaseSchedule, crontab, schedule, solar
from kombu import Exchange, Queue
from transfer.celery_kit import instant, make_app, named
from transfer.instants import UTC, lines_of
from z4j_adapters import cli
from z4j_adapters.engines.celery.importing.static import CeleryImporter
from z4j_adapters.engines.celery.options import ENGINE_OPTIONS
from z4j_adapters.transfer.model import SourceError

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


def imported(app: Celery, **options: Any) -> dict[str, dict[str, Any]]:
    """The lines by the entries' names; of a group the first."""
    given = {"at": AT, "state": None, "redbeat_url": None, "celery_app": named(app), **options}
    found: dict[str, dict[str, Any]] = {}
    for line in lines_of(CeleryImporter, **given):
        found.setdefault(line["source"]["key"], line)
    return found


def entry(what: Any, *, zone: str | None = "UTC", conf: Any = None, **more: Any) -> dict[str, Any]:
    """The line of one entry."""
    app = make_app(zone, **(conf or {}))
    app.conf.beat_schedule = {"e": {"task": "t", "schedule": what, **more}}
    return imported(app)["e"]


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


def test_options_are_carried_as_the_celery_adapter_has_them() -> None:
    options = {
        "queue": Queue("mail", Exchange("mail")),
        "priority": 3,
        "expires": 90.5,
        "routing_key": "r",
        "exchange": "x",
        "headers": {"a": [1]},
        "serializer": "json",
        "compression": "zlib",
        "time_limit": 10,
        "soft_time_limit": 5.5,
        "ignore_result": True,
        "shadow": "s",
        "retry": True,
        "countdown": None,
    }
    line = entry(60, options=options)
    fields = line["schedule"]
    assert fields["queue"] == "mail" and fields["expires"] == "90.5s"
    assert {name: json.loads(text) for name, text in fields["engineOptions"].items()} == {
        "celery_priority": 3,
        "routing_key": "r",
        "exchange": "x",
        "headers": {"a": [1]},
        "serializer": "json",
        "compression": "zlib",
        "time_limit": 10,
        "soft_time_limit": 5.5,
        "ignore_result": True,
        "shadow": "s",
    }
    assert set(fields["engineOptions"]) <= {option.name for option in ENGINE_OPTIONS}
    assert "PUBLISHING" in [reason["code"] for reason in line["reasons"]]


def test_trap_47_an_expiry_at_an_instant_stays_one() -> None:
    end = datetime(2027, 1, 1, tzinfo=UTC)
    fields = entry(60, options={"expires": end})["schedule"]
    assert json.loads(fields["engineOptions"]["headers"]) == {"expires": end.isoformat()}


@pytest.mark.parametrize(
    "options",
    [
        {"countdown": 3},
        {"eta": AT},
        {"link": "x"},
        {"task_id": "always"},
        {"expires": 0},
        {"expires": timedelta(seconds=3)},
        {"expires": datetime(2027, 1, 1)},
        {"priority": "high"},
        {"time_limit": True},
        {"headers": {"a": object()}},
        {"queue": 3},
    ],
)
def test_an_option_without_a_counterpart_is_refused_by_its_name(options: dict[str, Any]) -> None:
    line = entry(60, options=options)
    assert line["type"] == "refused" and next(iter(options)) in line["reason"]


def test_arguments_are_what_the_worker_gets() -> None:
    values = [datetime(2026, 1, 1, tzinfo=UTC), Decimal("1.10"), UUID(int=5), b"x", (1, [2])]
    line = entry(60, args=values, kwargs={"n": 2**70})
    from kombu.utils.json import loads

    read = loads(line["schedule"]["argsJson"])
    assert read == [*values[:4], [1, [2]]]
    assert json.loads(line["schedule"]["kwargsJson"]) == {"n": 2**70}


def test_arguments_of_another_serializer_are_plain_or_refused() -> None:
    conf = {"task_serializer": "pickle", "accept_content": ["pickle"]}
    assert entry(60, conf=conf, args=((1, 2),))["code"] == "R2_ARGUMENTS"
    assert entry(60, conf=conf, args=([1, 2],))["schedule"]["argsJson"] == "[[1,2]]"


@pytest.mark.parametrize("value", [object(), {1, 2}, float("nan"), BeatLazyFunc(time.time)])
def test_r2_what_json_does_not_hold_is_refused(value: Any) -> None:
    line = entry(60, kwargs={"x": value})
    assert line["code"] == "R2_ARGUMENTS" and "['x']" in line["reason"]


def test_a_signature_as_an_argument_is_refused() -> None:
    app = make_app()
    app.conf.beat_schedule = {"e": {"task": "t", "schedule": 60, "args": (app.signature("other"),)}}
    assert imported(app)["e"]["code"] == "R2_ARGUMENTS"


def test_what_handlers_add_is_there() -> None:
    app = make_app()

    @app.on_after_configure.connect(weak=False)
    def configured(sender: Any, **_: Any) -> None:
        sender.add_periodic_task(crontab(7, 3), sender.signature("one"), name="one")

    @app.on_after_finalize.connect(weak=False)
    def finalized(sender: Any, **_: Any) -> None:
        sender.add_periodic_task(10, sender.signature("two", (1,)), name="two", expires=5)

    lines = imported(app)
    assert lines["one"]["becomes"] == "cron 7 3 * * *"
    assert lines["two"]["schedule"]["argsJson"] == "[1]"
    assert lines["two"]["schedule"]["expires"] == "5s"


def test_beats_own_cleanup_is_imported_and_says_so() -> None:
    app = make_app("Europe/Berlin", result_backend="cache+memory://", result_expires=3600)
    app.backend.supports_autoexpire = False
    line = imported(app)["celery.backend_cleanup"]
    assert line["becomes"] == "cron 0 4 * * *"
    assert "BUILT_IN" in [warning["code"] for warning in line["warnings"]]


def test_a_task_that_the_app_does_not_have_is_a_warning() -> None:
    app = make_app()

    @app.task(name="known", shared=False)
    def known() -> None: ...

    app.conf.beat_schedule = {
        "a": {"task": "known", "schedule": 60},
        "b": {"task": "t", "schedule": 60},
    }
    lines = imported(app)
    assert lines["a"]["warnings"] == []
    assert lines["b"]["warnings"][0]["code"] == "UNKNOWN_TASK"


@pytest.mark.parametrize(
    "bad", [3, {"task": "t"}, {"schedule": 60}, {"task": "t", "schedule": 60, "typo": 1}, None]
)
def test_one_bad_entry_ends_nothing(bad: Any) -> None:
    app = make_app()
    good = {"task": "t", "schedule": 60}
    app.conf.beat_schedule = {"a": good, "bad": bad, "z": good}
    lines = imported(app)
    assert lines["bad"]["type"] == "refused" and lines["bad"]["remedy"]
    assert lines["a"]["type"] == lines["z"]["type"] == "schedule"


def test_ten_thousand_entries_and_a_bad_one_are_planned_in_ten_seconds() -> None:
    app = make_app("Europe/Berlin")
    app.conf.beat_schedule = {
        f"e{n}": {"task": "t", "schedule": crontab(n % 60, n % 24) if n % 3 else 60 + n}
        for n in range(10_000)
    } | {"bad": {"task": "t", "schedule": Mine()}}
    began = time.process_time()
    lines = imported(app)
    took_s = time.process_time() - began
    print(f"10,001 entries in {took_s:.2f} s of CPU")
    assert len(lines) == 10_001 and lines["bad"]["type"] == "refused"
    assert took_s < 10


def test_a_thousand_due_times_of_a_crontab_are_quick_the_second_time() -> None:
    app = make_app("Europe/Berlin")
    app.conf.beat_schedule = {
        f"e{n}": {"task": "t", "schedule": crontab(7, "*/2")} for n in range(50)
    }
    began = time.process_time()
    lines = imported(app, fires=1000)
    took_s = time.process_time() - began
    print(f"50 · 1000 due times in {took_s:.2f} s of CPU")
    assert all(len(line["fires"]) == 1000 for line in lines.values()) and took_s < 5


def digests(folder: Path) -> dict[str, str]:
    """Of every file."""
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.iterdir()}


def beat_file(folder: Path, app: Celery, last_run: datetime, **kwargs: Any) -> Path:
    """A file as a real beat leaves it."""
    path = folder / "celerybeat-schedule"
    beat = PersistentScheduler(app, schedule_filename=str(path))
    for each in beat.schedule.values():
        each.last_run_at = last_run
    beat.close()
    return path


def test_trap_54_beats_file_is_read_and_stays_as_it_is(tmp_path: Path) -> None:
    app = make_app("Europe/Berlin")
    app.conf.beat_schedule = {
        "soon": {"task": "t", "schedule": 3600, "args": (Decimal(1),)},
        "late": {"task": "t", "schedule": 60},
    }
    last_run = AT - timedelta(minutes=10)
    path = beat_file(tmp_path, app, last_run.astimezone(timezone(timedelta(hours=1))))
    before = digests(tmp_path)
    other = make_app("Asia/Tokyo", beat_schedule=app.conf.beat_schedule)
    lines = imported(other, state=path)
    assert digests(tmp_path) == before
    anchor = lines["soon"]["schedule"]["spec"]["interval"]["anchorTime"]
    assert instant(anchor) == last_run
    assert lines["soon"]["reasons"][0]["code"] == "COUNTED_FROM_LAST_RUN"
    assert "overdue" in lines["late"]["reasons"][0]["message"]


def test_a_hostile_pickle_in_beats_file_runs_nothing(tmp_path: Path) -> None:
    import dbm
    import os
    import pickle

    class Hostile:
        def __reduce__(self) -> Any:
            return os.mkdir, (str(tmp_path / "ran"),)

    with dbm.open(str(tmp_path / "state"), "c") as file:
        file[b"entries"] = pickle.dumps({"soon": Hostile()})
    app = make_app()
    app.conf.beat_schedule = {"soon": {"task": "t", "schedule": 60}}
    line = imported(app, state=tmp_path / "state")["soon"]
    assert line["reasons"][0]["code"] == "COUNTED_FROM_NOW"
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("content", [None, b"", b"nonsense"])
def test_what_is_no_file_of_beats_is_said_in_one_sentence(
    tmp_path: Path, content: bytes | None
) -> None:
    if content is not None:
        (tmp_path / "state").write_bytes(content)
    with pytest.raises(SourceError, match="--state"):
        imported(make_app(), state=tmp_path / "state")


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("raise RuntimeError('no settings')", "RuntimeError: no settings"),
        ("import sys; sys.exit('bye')", "sys.exit('bye')"),
        ("import no_such_module_of_mine", "no_such_module_of_mine"),
        ("app = 3", "proj_bad"),
    ],
)
def test_a_project_that_cannot_be_imported_is_an_error_line(
    tmp_path: Path,
    code: str,
    message: str,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "proj_bad.py").write_text(code)
    monkeypatch.setattr(sys, "path", [*sys.path])
    arguments = ["import", "--from", "celery", "--celery-app", "proj_bad:app"]
    assert cli.main([*arguments, "--workdir", str(tmp_path)]) == 2
    sys.modules.pop("proj_bad", None)
    (line,) = [json.loads(text) for text in capfd.readouterr().out.splitlines()]
    assert line["code"] == "IMPORT_FAILED" and message in line["message"]


def test_a_real_project_is_read_from_its_folder(tmp_path: Path) -> None:
    (tmp_path / "proj_real.py").write_text(
        textwrap.dedent("""
        from celery import Celery
        from celery.schedules import crontab

        print("loud")
        app = Celery("proj_real", broker="redis://:secret@localhost:1/0", include=["proj_tasks"])
        app.conf.timezone = "Europe/Rome"
    """)
    )
    (tmp_path / "proj_tasks.py").write_text(
        textwrap.dedent("""
        from proj_real import app

        @app.task
        def send(): ...

        @app.on_after_finalize.connect
        def setup(sender, **kwargs):
            sender.add_periodic_task(30.0, send.s(), name="every half minute")
    """)
    )
    # In a process of its own: every later app of a process gets the tasks of all others.
    command = [sys.executable, "-m", "z4j_adapters", "import", "--from", "celery"]
    command += ["--celery-app", "proj_real", "--workdir", str(tmp_path), "--fires", "2"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    lines = [json.loads(text) for text in done.stdout.splitlines()]
    assert lines[0]["locator"] == "proj_real" and lines[0]["libraries"]["celery"]
    assert lines[1]["schedule"]["task"] == "proj_tasks.send" and len(lines[1]["fires"]) == 2


def test_without_an_app_the_option_is_named() -> None:
    with pytest.raises(SourceError, match="--celery-app"):
        lines_of(CeleryImporter, at=AT, celery_app=None, state=None, redbeat_url=None)
