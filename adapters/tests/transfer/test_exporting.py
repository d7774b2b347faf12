"""What holds for every export: the command, and what it refuses of what it reads back."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from transfer.exports import AT, Export, export, line_of
from transfer.instants import Evaluator
from z4j_adapters.engines.celery.exporting.static import CeleryExporter
from z4j_adapters.transfer.exporting.clocks import Crossing, differs_at, meets_at
from z4j_adapters.transfer.exporting.days import Days, days_of
from z4j_adapters.transfer.exporting.model import Cron
from z4j_adapters.transfer.exporting.targets import TARGETS, exporter_of
from z4j_adapters.transfer.exporting.wanted import read_wanted
from z4j_adapters.transfer.model import APPROXIMATE, Found, Note, Refused

NINE = {
    "engine": "celery",
    "task": "t",
    "timeZone": "Europe/Berlin",
    "spec": {"cron": {"expression": "0 9 * * *"}},
}


def cron_of(ours: Evaluator, expression: str) -> Cron:
    schedule = {**NINE, "spec": {"cron": {"expression": expression}}}
    lines = [line_of("s", schedule, ours, AT, ()), '{"type":"end"}']
    (wanted,) = read_wanted(lines, ())
    assert wanted.cron is not None
    return wanted.cron


@pytest.fixture
def export_as(tmp_path: Path, ours: Evaluator) -> Any:
    """Exports one schedule to Celery, which then reads it back as `change` has it."""

    def run(change: Callable[[Found], Found]) -> dict[str, Any]:
        class Changed(CeleryExporter):
            def read_back(self, path: Path) -> Iterator[Found | Refused]:
                for entry in super().read_back(path):
                    yield change(entry) if isinstance(entry, Found) else entry

        result = export(Changed, {"s": NINE}, tmp_path / "s.py", ours, at=AT, state=None)
        assert result.path.read_text().endswith("beat_schedule = {}\n")  # Nothing is left there.
        return dict(result.refused["s"])

    return run


def test_what_the_library_cannot_tell_the_times_of_is_refused_and_not_written(
    export_as: Any,
) -> None:
    def fails(after: datetime, n: int) -> list[int]:
        raise RuntimeError("no such day")

    line = export_as(lambda found: dataclasses.replace(found, fires=fails))
    assert "RuntimeError: no such day" in line["reason"]


def test_what_would_come_due_at_other_times_is_refused(export_as: Any) -> None:
    reasons = (Note("OLD", "an old version is an hour late"),)
    late = {"exactness": APPROXIMATE, "reasons": reasons}
    line = export_as(lambda found: dataclasses.replace(found, **late))
    assert "an hour late" in line["reason"]


def test_what_would_be_taken_as_finished_is_refused(export_as: Any) -> None:
    line = export_as(lambda found: dataclasses.replace(found, finished=True))
    assert "finished there" in line["reason"]


def in_zones(*zones: str, **fields: Any) -> dict[str, dict[str, Any]]:
    return {f"s{n}": {**NINE, "timeZone": zone, **fields} for n, zone in enumerate(zones)}


TOKYO, KOLKATA = "Asia/Tokyo", "Asia/Kolkata"
EVERY = {"spec": {"interval": {"period": "60s", "anchorTime": "2026-01-01T00:00:00Z"}}}
SECONDS = {"spec": {"cron": {"expression": "30 0 9 * * *"}}}
PAST = {"spec": {"cron": {"minute": "0", "year": "2020"}}}


@pytest.mark.parametrize(
    ("schedules", "zone"),
    [
        (in_zones("Asia/Tokyo", "Europe/Berlin", "UTC", "Europe/Berlin"), "Europe/Berlin"),
        (in_zones("Asia/Tokyo", "Europe/Berlin", "Europe/Berlin", "Asia/Tokyo"), "Asia/Tokyo"),
        ({"x": {**NINE, **SECONDS, "timeZone": "UTC"}, **in_zones(TOKYO, TOKYO)}, TOKYO),
        (in_zones(KOLKATA, TOKYO, TOKYO, engine="rq") | {"x": NINE}, "Europe/Berlin"),
        (in_zones(KOLKATA, TOKYO, TOKYO, **EVERY) | {"x": NINE}, "Europe/Berlin"),
        (in_zones(KOLKATA, TOKYO, TOKYO, **PAST) | {"x": NINE}, "Europe/Berlin"),
        (in_zones("UTC", **EVERY), None),
    ],
    ids=["most", "tie", "refused", "another engine", "no cron", "never due", "none"],
)
def test_the_one_zone_of_a_target_is_that_of_most_crons_that_it_may_hold_and_is_told(
    tmp_path: Path, ours: Evaluator, schedules: Any, zone: str | None
) -> None:
    to = tmp_path / "s.py"
    result = export(CeleryExporter, schedules, to, ours, at=AT, state=None, any_phase=True)
    assert result.target.get("zone") == zone
    crons = (name for name in result.exported if "cron" in schedules[name]["spec"])
    assert {schedules[name]["timeZone"] for name in crons} == {zone} - {None}


def test_a_zone_that_was_given_is_that_of_the_target(tmp_path: Path, ours: Evaluator) -> None:
    schedules = in_zones("Europe/Berlin", "Europe/Berlin", "Asia/Tokyo")
    options = {"state": None, "timezone": "Asia/Tokyo"}
    result = export(CeleryExporter, schedules, tmp_path / "s.py", ours, at=AT, **options)
    assert "zone" not in result.target and result.exported.keys() == {"s2"}
    assert "--timezone Europe/Berlin" in result.refused["s0"]["remedy"]


BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("expression", "here", "there", "expected"),
    [
        ("30 2 * * *", ("SKIP", "FIRST"), ("SHIFT", "FIRST"), datetime(2026, 3, 29, 2, 30)),
        ("30 2 * * *", ("SHIFT", "FIRST"), ("SHIFT", "BOTH"), datetime(2026, 10, 25, 2, 30)),
        ("0 2 * * *", ("SHIFT", "FIRST"), ("NEXT_VALID", "FIRST"), None),
        ("30 2,3 * * *", ("SHIFT", "FIRST"), ("SKIP", "FIRST"), None),
        ("30 2 * * MON", ("SHIFT", "FIRST"), ("SKIP", "BOTH"), None),
        ("30 2 L * *", ("SHIFT", "FIRST"), ("SKIP", "BOTH"), datetime(2027, 10, 31, 2, 30)),
        ("30 2 * 3 7L", ("SHIFT", "FIRST"), ("SKIP", "FIRST"), datetime(2026, 3, 29, 2, 30)),
        ("30 2 * 4 *", ("SHIFT", "FIRST"), ("SKIP", "BOTH"), None),
    ],
)
def test_policies_differ_only_where_a_time_is_left_out_or_repeated(
    ours: Evaluator, expression: str, here: Any, there: Any, expected: datetime | None
) -> None:
    cron = cron_of(ours, expression)
    assert differs_at(cron, BERLIN, AT, Crossing(*here), Crossing(*there)) == expected


def test_times_that_come_together_when_the_clock_is_put_forward_are_found(
    ours: Evaluator,
) -> None:
    assert meets_at(cron_of(ours, "30 2 * * *"), BERLIN, AT) is None
    assert meets_at(cron_of(ours, "30 2,3 * * *"), BERLIN, AT) is None
    assert meets_at(cron_of(ours, "0,30 2 * * *"), BERLIN, AT) == datetime(2026, 3, 29, 2)
    assert meets_at(cron_of(ours, "0 2,3 * * *"), BERLIN, AT) == datetime(2026, 3, 29, 2)


@pytest.mark.parametrize("expression", ["0 9 13 * FRI", "0 9 1-7 * 2,5#2,1#5", "0 9 * 2 1#5"])
def test_days_as_sets_are_the_days_of_the_cron_and_none_twice(
    ours: Evaluator, expression: str
) -> None:
    schedule = {**NINE, "timeZone": "UTC", "spec": {"cron": {"expression": expression}}}
    sets = days_of(cron_of(ours, expression))
    months = cron_of(ours, expression).months

    def matching(day: datetime) -> list[Days]:
        weekday = day.isoweekday() % 7
        return [one for one in sets if day.day in one.days and weekday in one.weekdays]

    days = [AT.replace(hour=9) + timedelta(days=n) for n in range(1, 4000)]
    found = [day for day in days if day.month in months and matching(day)]
    assert all(len(matching(day)) == 1 for day in found)
    expected = ours.next([schedule], AT, len(found))
    assert [int(day.timestamp()) * 1_000_000 for day in found] == expected


@pytest.mark.parametrize("target", TARGETS)
def test_each_target_teaches(target: str, capsys: pytest.CaptureFixture[str]) -> None:
    from z4j_adapters.transfer.exporting.command import main

    assert main(["--to", target, "--help"]) == 0
    assert "examples:" in capsys.readouterr().out and exporter_of(target).summary


def test_the_command_writes_the_file_and_tells_of_each_schedule(
    tmp_path: Path, ours: Evaluator
) -> None:
    lines = [line_of(name, NINE, ours, AT, (AT,)) for name in ("a", "b")]
    to, state = tmp_path / "schedules.py", tmp_path / "beat"
    command = ["export", "--to", "celery", "--output", str(to), "--state", str(state)]
    done = subprocess.run(
        [sys.executable, "-m", "z4j_adapters", *command, "--at", "2026-03-01T12:00:00Z"],
        input="\n".join([*lines, '{"type":"end"}']),
        capture_output=True,
        text=True,
        check=True,
    )
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    kinds = [line["type"] for line in answers]
    assert kinds == ["target", "exported", "exported", "end"], done
    assert len(answers[1]["fires"][0]) == 60 and answers[3] == {
        "type": "end",
        "exported": 2,
        "refused": 0,
    }
    assert to.read_text().count("crontab(minute='0', hour='9')") == 2


def every_to_celery(
    folder: Path, ours: Evaluator, interval: dict[str, Any]
) -> tuple[dict[str, Any], Export]:
    """A schedule of a calendar interval, and its export."""
    schedule = {**NINE, "spec": {"calendarInterval": interval}}
    return schedule, export(
        CeleryExporter, {"s": schedule}, folder / "s.py", ours, at=AT, state=None
    )


@pytest.mark.parametrize(
    ("every", "first"),
    [
        ({"days": 1}, "2020-02-29"),
        ({"weeks": 1}, "2020-02-29"),
        ({"days": 7}, "2026-03-01"),
        ({"months": 1}, "2025-01-31"),
        ({"months": 2}, "2025-11-30"),
        ({"months": 3}, "2024-02-29"),
        ({"months": 6}, "2025-08-31"),
        ({"months": 12}, "2024-02-29"),
        ({"years": 1}, "2025-12-31"),
    ],
    ids=str,
)
@pytest.mark.parametrize("at_time", ["", "08:15:00"])
def test_a_calendar_interval_that_a_cron_says_as_well_is_exported_as_one(
    tmp_path: Path, ours: Evaluator, every: dict[str, int], first: str, at_time: str
) -> None:
    interval = {**every, "startDate": first, "atTime": at_time}
    schedule, result = every_to_celery(tmp_path, ours, interval)
    assert not result.refused
    (found,) = result.found_of("s")
    for begin in result.after["s"]:
        assert ours.next([schedule], begin, 60) == ours.next([found.schedule], begin, 60)


@pytest.mark.parametrize(
    ("every", "says"),
    [
        ({"days": 2}, "calendar interval"),
        ({"weeks": 2}, "calendar interval"),
        ({"months": 5}, "calendar interval"),
        ({"years": 2}, "calendar interval"),
        ({"months": 1, "days": 1}, "calendar interval"),
        ({"days": 1, "startDate": "2026-03-02"}, "start_time has no place"),
    ],
    ids=str,
)
def test_a_calendar_interval_that_no_cron_says_is_refused(
    tmp_path: Path, ours: Evaluator, every: dict[str, Any], says: str
) -> None:
    _, result = every_to_celery(tmp_path, ours, {"startDate": "2026-01-01", **every})
    assert says in result.refused["s"]["reason"]
