"""Importing the cron jobs of arq's workers, against the installed arq."""

from __future__ import annotations

import json
import random
from datetime import datetime, timedelta, timezone
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from arq import cron, func
from arq.worker import Worker
from transfer.clocks import NOW, ZONES, draw_start
from transfer.instants import COUNT, FIRES, SEED, Evaluator, lines_of, micros
from transfer.tally import tally
from z4j_adapters.engines.arq.importing.importer import ArqImporter
from z4j_adapters.transfer import command, locate
from z4j_adapters.transfer.zones import zone_of

NEW_YORK = ZoneInfo("America/New_York")
DUE = max(1, FIRES // 5)  # arq tries second after second.


async def nightly(ctx: Any) -> None:
    """The task of these tests."""


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Import settings that the test made; options as on the command line."""

    def read(
        jobs: list[Any], settings: dict[str, Any] | None = None, **given: Any
    ) -> list[dict[str, Any]]:
        whole = {"functions": [nightly], "timezone": timezone.utc, **(settings or {})}
        module = "z4j_adapters.engines.arq.importing.importer"
        monkeypatch.setattr(f"{module}.load_object", lambda *_: {**whole, "cron_jobs": jobs})
        options = {"at": NOW, "arq_settings": "shop.W", "workdir": None}
        return lines_of(ArqImporter, **{**options, **given})

    return read


def codes(line: dict[str, Any]) -> list[str]:
    return [note["code"] for note in line["warnings"]]


def value(rng: random.Random, low: int, high: int, none: float) -> Any:
    kind = rng.random()
    if kind < none:
        return None
    if kind < none + 0.3:
        return rng.randint(low, high)
    return {rng.randint(low, high) for _ in range(rng.randint(1, 5))}


def cron_arguments(rng: random.Random) -> dict[str, Any]:
    at_night = rng.random() < 0.6
    given = {
        "month": None if at_night else value(rng, 1, 12, 0.7),
        "day": None if at_night else value(rng, 1, 31, 0.6),
        "weekday": value(rng, 0, 6, 0.6),
        "hour": value(rng, 0, 3 if at_night else 23, 0.2),
        "minute": value(rng, 0, 59, 0.15),
        "second": value(rng, 0, 59, 0) if rng.random() < 0.3 else 0,
    }
    if given["month"] is not None and given["day"] is not None:
        given["weekday"] = None  # Else arq's own search takes seconds.
    elif rng.random() < 0.2:
        given["weekday"] = rng.choice(["mon", "tues", "wed", "thurs", "fri", "sat", "sun"])
    if rng.random() < 0.3:
        given["microsecond"] = rng.randint(0, 999_999)
    return given


def test_every_cron_job_fires_when_arq_says_so(ours: Evaluator, read: Any) -> None:
    rng = random.Random(SEED)
    with tally("arq", f"arq {version('arq')}", DUE) as counted:
        while counted.tried < COUNT:
            zone = rng.choice(ZONES)
            start, arguments = draw_start(rng, zone), cron_arguments(rng)
            settings = {"timezone": zone_of(zone)}
            (line,) = read([cron(nightly, **arguments)], settings, at=start, fires=DUE)
            what = f"{arguments} in {zone} from {start}"
            if counted.promises(line):
                counted.compare(what, ours.next([line["schedule"]], start, DUE), line["fires"])
            else:
                assert line["code"] == "R6_NEVER_FIRES", (what, line)
    assert counted.verdicts["EXACT"] > 0.95 * COUNT


class Pool:
    """Stands for Redis in a worker."""

    def __init__(self) -> None:
        self.jobs: list[Any] = []

    async def enqueue_job(self, *_: Any, _defer_until: Any, **__: Any) -> None:
        self.jobs.append(_defer_until)


# What arq's own worker does around a change of the clock, its loop driven by hand.
@pytest.mark.parametrize(
    ("change", "expected"),
    [
        # 02:00 and 02:30 do not exist; with 03:00 they all run when the clock is put forward.
        ("2025-03-09T07:00", ["06:00", "06:30", "07:00", "07:30"]),
        # 01:00 and 01:30 come twice; the second time nothing runs.
        ("2025-11-02T06:00", ["05:00", "05:30", "07:00", "07:30"]),
    ],
)
async def test_trap_29_arqs_worker_runs_what_a_change_of_the_clock_leaves_out_once_it_is_over(
    ours: Evaluator, read: Any, change: str, expected: list[str]
) -> None:
    times: dict[str, Any] = {"hour": {1, 2, 3}, "minute": {0, 30}}
    changed = datetime.fromisoformat(change).replace(tzinfo=timezone.utc)
    at = changed - timedelta(hours=1, minutes=5)
    worker = Worker([nightly], cron_jobs=[cron(nightly, **times)], handle_signals=False)
    pool = worker._pool = Pool()
    worker.timezone = NEW_YORK
    ran: list[datetime] = []
    start, end = at, at + timedelta(hours=3)
    while at < end:
        before = len(pool.jobs)
        await worker.run_cron(at.astimezone(NEW_YORK), 0.5)
        if len(pool.jobs) > before:
            ran.append(at)
        at += timedelta(seconds=1)
    minutes = sorted({f"{instant + timedelta(seconds=2):%H:%M}" for instant in ran})
    (line,) = read([cron(nightly, **times)], {"timezone": NEW_YORK}, at=start, fires=20)
    said = [instant for instant in line["fires"] if instant < micros(end)]
    assert shown_minutes(said) == expected
    assert minutes == expected
    assert ours.next([line["schedule"]], start, len(said)) == said


def shown_minutes(instants: list[int]) -> list[str]:
    return [f"{datetime.fromtimestamp(us / 1e6, timezone.utc):%H:%M}" for us in instants]


@pytest.mark.parametrize(
    ("weekday", "ours_is"), [(0, "1"), (6, "0"), ("tues", "2"), ("Thurs", "4"), ({5, 6}, "0,6")]
)
def test_trap_5_weekday_0_is_monday(read: Any, weekday: Any, ours_is: str) -> None:
    (line,) = read([cron(nightly, weekday=weekday, hour=9, minute=0)])
    assert line["schedule"]["spec"]["cron"]["dayOfWeek"] == ours_is


def test_trap_14_an_hour_without_a_minute_runs_sixty_times(read: Any) -> None:
    assert read([cron(nightly, hour=5)])[0]["becomes"] == "cron * 5 * * * +123456 µs"


def test_trap_11_both_day_fields_must_match(read: Any) -> None:
    (line,) = read([cron(nightly, day=13, weekday=4, hour=0, minute=0)])
    assert line["becomes"] == "cron 0 0 13 * 5 (AND of the days) +123456 µs"


def test_the_microsecond_is_kept(read: Any) -> None:
    (line,) = read([cron(nightly, minute=5, microsecond=7)], fires=2)
    assert line["schedule"]["spec"]["cron"]["microsecond"] == 7
    assert [us % 1_000_000 for us in line["fires"]] == [7, 7]


@pytest.mark.parametrize(
    "arguments",
    [
        {"minute": 60},
        {"weekday": {"mon", "fri"}},
        {"weekday": 7},
        {"hour": set()},
        {"month": 2, "day": {30, 31}},
        {"microsecond": 1_000_000},
    ],
)
def test_what_arqs_worker_would_look_for_without_end_is_refused(
    read: Any, arguments: dict[str, Any]
) -> None:
    assert read([cron(nightly, **arguments)])[0]["code"] == "R6_NEVER_FIRES"


@pytest.mark.parametrize("arguments", [{"weekday": "monday"}, {"hour": "5"}])
def test_what_arq_cannot_read_is_refused(read: Any, arguments: dict[str, Any]) -> None:
    assert read([cron(nightly, **arguments)])[0]["code"] == "R1_OPAQUE"


def test_trap_30_a_worker_without_a_zone_is_refused_until_one_is_named(read: Any) -> None:
    jobs = [cron(nightly, hour=9, minute=0)]
    (line,) = read(jobs, {"timezone": None})
    assert (line["code"], "--timezone" in line["remedy"]) == ("R4_ZONE", True)
    (line,) = read(jobs, {"timezone": None}, timezone="Europe/Berlin")
    assert (line["schedule"]["timeZone"], codes(line)[0]) == ("Europe/Berlin", "FROZEN_OFFSET")


def test_zones_of_the_settings_hold(read: Any) -> None:
    jobs = [cron(nightly, hour=9, minute=0)]
    zones = [ZoneInfo("Asia/Tokyo"), timezone.utc, timezone(timedelta(hours=-3, minutes=-30))]
    read_zones = [read(jobs, {"timezone": zone})[0]["schedule"]["timeZone"] for zone in zones]
    assert read_zones == ["Asia/Tokyo", "UTC", "UTC-03:30"]


def test_a_coroutine_that_is_no_function_is_refused_with_what_to_add(read: Any) -> None:
    (line,) = read([cron(nightly, hour=9)], {"functions": []})
    assert line["code"] == "NO_ENGINE_TASK"
    assert line["remedy"] == "add nightly to functions, and import again"
    (line,) = read([cron(nightly, hour=9)], {"functions": [func(nightly, name="night")]})
    assert line["schedule"]["task"] == "night"


def test_what_a_cron_job_says_and_its_function_does_not_is_told(read: Any) -> None:
    jobs = [cron(nightly, hour=9, timeout=900, max_tries=5, keep_result=60)]
    (line,) = read(jobs)
    told = [note["message"] for note in line["warnings"] if note["code"] == "OF_THE_FUNCTION"]
    assert [text.split()[0] for text in told] == ["timeout", "keep_result"]
    same = [func(nightly, timeout=900, max_tries=5, keep_result=60)]
    assert "OF_THE_FUNCTION" not in codes(read(jobs, {"functions": same})[0])


def test_options_of_a_cron_job_are_carried_or_told(read: Any) -> None:
    job = cron(nightly, hour=9, minute=0, run_at_startup=True, unique=False, job_id="one")
    (line,) = read([job], {"queue_name": "night"})
    schedule = line["schedule"]
    assert (schedule["queue"], schedule["overlap"]) == ("night", "OVERLAP_SKIP")
    assert {"R7_STARTUP", "NOT_UNIQUE", "JOB_ID"} <= set(codes(line))


def test_keywords_that_partial_gives_are_those_of_the_call(read: Any) -> None:
    job = cron(partial(nightly, n=2), name="twice", hour=9, minute=0)
    (line,) = read([job])
    assert (line["schedule"]["task"], line["schedule"]["kwargsJson"]) == ("nightly", '{"n":2}')
    for wrong in (partial(nightly, 1), partial(nightly, n={1, 2})):
        (line,) = read([cron(wrong, name="wrong", hour=9, minute=0)])
        assert line["code"] == "R2_ARGUMENTS"


def test_jobs_of_one_name_become_several(read: Any) -> None:
    lines = read([cron(nightly, hour=9), cron(nightly, hour=10)])
    assert len({line["id"] for line in lines}) == 2


def test_a_stranger_among_the_jobs_is_refused_alone(read: Any) -> None:
    lines = read(["0 5 * * *", cron(nightly, hour=9)], at=NOW)
    assert [line.get("code", line["type"]) for line in lines] == ["R1_OPAQUE", "schedule"]


def test_settings_that_do_not_load_say_why(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locate.sys, "path", list(locate.sys.path))
    modules = {
        "raises_a": "raise RuntimeError('no database')",
        "leaves_a": "import sys; sys.exit(3)",
        "prints_a": "print('hello')\nfrom arq import cron\nasync def f(ctx): pass\n"
        "class W:\n    functions = [f]\n    cron_jobs = [cron(f, hour=5)]\n",
    }
    said = {}
    for name, text in modules.items():
        (tmp_path / f"{name}.py").write_text(text)
        arguments = ["--from", "arq", "--arq-settings", f"{name}.W", "--workdir", str(tmp_path)]
        code = command.main([*arguments, "--timezone", "UTC"])
        lines = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
        said[name] = (code, lines[-1]["type"], lines[-1].get("message", ""))
    assert "no database" in said["raises_a"][2]
    assert "sys.exit(3)" in said["leaves_a"][2]
    assert said["prints_a"][:2] == (0, "end")
