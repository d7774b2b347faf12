"""--to apscheduler: a module whose jobs fire as the schedules do, in versions 3 and 4."""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("apscheduler")

from transfer.clocks import NAMED_ZONES, draw_start
from transfer.exports import NINE, Batch, exporting, schedules_like
from transfer.instants import COUNT, UTC, lines_of
from z4j_adapters.transfer.apscheduler.exporting.exporter import ApschedulerExporter
from z4j_adapters.transfer.apscheduler.importing import ApschedulerImporter, apscheduler_version
from z4j_adapters.transfer.exporting.python import run_file
from z4j_adapters.transfer.exporting.reading import stand_ins

AT = datetime(2026, 11, 22, tzinfo=UTC)
VERSION = apscheduler_version()
IS_3 = VERSION.startswith("3.")
APP = "shop.celery:app"
EVERY = {"interval": {"period": "90s", "anchorTime": "2026-11-22T00:00:30Z"}}
schedule = schedules_like(
    engine="celery", task="shop.tasks.clean", timeZone="Europe/Berlin", gap="GAP_POLICY_SHIFT"
)
GIVEN = {"celery_app": APP, "rq_queue": None, "module": None}
exported = exporting(ApschedulerExporter, schedule, at=AT, **GIVEN)
at_a_gap = exporting(
    ApschedulerExporter, schedule, at=datetime(2027, 3, 27, 20, tzinfo=UTC), **GIVEN
)


@pytest.mark.timeout(3600)
def test_random_schedules_fire_there_as_here_or_are_refused(drawn: Any) -> None:
    def batch(draw: random.Random) -> Batch:
        zones = tuple(draw.sample(NAMED_ZONES, 3))
        engine = draw.choice(("celery", "dramatiq", "taskiq", "huey", "rq"))
        tasks = {"dramatiq": "clean", "taskiq": "shop.tasks:clean"}
        fields = {"task": tasks.get(engine, "shop.tasks.clean")}
        options = {**GIVEN, "module": "shop.tasks"}
        return Batch(engine, draw_start(draw, zones[0]), zones, lambda _: fields, options)

    tally = drawn(f"apscheduler {VERSION}", ApschedulerExporter, batch, size=50)
    assert tally["exported: cron"] > COUNT / 8 and tally["exported: interval"] > COUNT / 40


@pytest.mark.skipif(not IS_3, reason="of version 3")
@pytest.mark.skipif(not all(map(find_spec, ("sqlalchemy", "celery"))), reason="needs both")
def test_the_module_puts_the_jobs_into_a_real_store_each_once(
    exported: Any, tmp_path: Path
) -> None:
    schedules = {
        "nine": schedule(NINE, argsJson='[1,"x"]', kwargsJson='{"deep":null}', queue="low"),
        "often": schedule(EVERY, state="STATE_PAUSED", description="the nightly one"),
        "once": schedule({"oneShot": {"fireTime": "2031-01-01T00:00:00.25Z"}}),
    }
    result = exported(schedules=schedules)
    assert not result.refused
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "celery.py").write_text("from celery import Celery\napp = Celery()\n")
    url = f"sqlite:///{tmp_path / 'jobs.sqlite'}"
    for _ in range(2):
        command = [sys.executable, str(result.path), url]
        subprocess.run(command, check=True, cwd=tmp_path, env={"PYTHONPATH": "."}, timeout=60)
    lines = lines_of(
        ApschedulerImporter, at=AT, engine="celery", jobstore_url=url, export=None,
        jobstore_table="apscheduler_jobs",
    )  # fmt: skip
    found = {line["id"]: line["schedule"] for line in lines if line["type"] == "schedule"}
    assert sorted(found) == ["nine", "often", "once"]
    assert (found["nine"]["queue"], found["nine"]["argsJson"]) == ("low", '[1,"x"]')
    assert found["often"]["state"] == "STATE_PAUSED"
    assert found["often"]["description"] == "the nightly one"
    assert found["once"]["spec"] == {"oneShot": {"fireTime": "2031-01-01T00:00:00.25Z"}}


@pytest.mark.skipif(not IS_3, reason="of version 3")
@pytest.mark.skipif(not all(map(find_spec, ("sqlalchemy", "celery"))), reason="needs both")
def test_a_run_of_a_stored_job_sends_the_task_that_the_schedule_describes(
    exported: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from apscheduler.schedulers.background import BackgroundScheduler

    text = "from celery import Celery\napp = Celery(broker='memory://')\n"
    (tmp_path / "kept_shop.py").write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    call = {"argsJson": '[1,"x"]', "kwargsJson": '{"deep":null}', "queue": "low"}
    result = exported(options={"celery_app": "kept_shop:app"}, **call)
    for is_first in (True, False):
        store = {"type": "sqlalchemy", "url": f"sqlite:///{tmp_path / 'jobs.sqlite'}"}
        scheduler = BackgroundScheduler(jobstores={"default": store}, timezone="UTC")
        scheduler.start(paused=True)
        if is_first:
            run_file(result.path)["add_to"](scheduler)
        job = scheduler.get_job("s")
        scheduler.shutdown()
    job.func(*job.args, **job.kwargs)
    app = sys.modules.pop("kept_shop").app
    with app.connection() as connection:
        message = connection.SimpleQueue("low").get(block=False)
    assert message.headers["task"] == "shop.tasks.clean"
    assert message.payload[:2] == [[1, "x"], {"deep": None}]


def test_an_argument_with_the_name_of_an_option_of_rq_stays_an_argument(exported: Any) -> None:
    result = exported(
        options={"rq_queue": "shop:low"}, engine="rq", argsJson="[1]", kwargsJson='{"ttl":5}'
    )
    (found,) = result.found_of("s")
    assert (found.schedule["argsJson"], found.schedule["kwargsJson"]) == ("[1]", '{"ttl":5}')


def test_a_task_of_celery_keeps_its_queue_and_when_it_expires(exported: Any) -> None:
    (found,) = exported(queue="low", expires="1.5s").found_of("s")
    assert (found.schedule["queue"], found.schedule["expires"]) == ("low", "1.5s")


def test_the_jitter_of_a_cron_is_kept(exported: Any) -> None:
    result = exported(jitter="30s", state="STATE_PAUSED")
    (found,) = result.found_of("s")
    assert found.schedule["jitter"] == "30s" and found.schedule["state"] == "STATE_PAUSED"


@pytest.mark.skipif(IS_3, reason="of version 4")
def test_a_real_scheduler_takes_the_schedules_and_adds_them_again(exported: Any) -> None:
    from apscheduler import AsyncScheduler

    result = exported(schedules={"nine": schedule(NINE, queue="low"), "often": schedule(EVERY)})

    async def added() -> Any:
        async with AsyncScheduler() as scheduler:
            module = run_file(result.path)
            await module["add_to"](scheduler)
            await module["configure"](scheduler)
            await module["add_to"](scheduler)
            return await scheduler.get_schedules()

    with stand_ins(["shop.celery:app.send_task"]):
        schedules = asyncio.run(added())
    assert sorted(each.id for each in schedules) == ["nine", "often"]
    nine = next(each for each in schedules if each.id == "nine")
    assert nine.kwargs == {"queue": "low"} and nine.args == ("shop.tasks.clean",)


@pytest.mark.parametrize(
    ("days", "text"),
    [
        ({"dayOfMonth": "1,L"}, "day=1,last"),
        ({"dayOfWeek": "5L"}, "day=last fri"),
        ({"dayOfWeek": "5#2,1#1"}, "day=1st mon,2nd fri"),
        ({"dayOfWeek": "1-5"}, "day_of_week=mon,tue,wed,thu,fri"),
        (
            {"dayOfMonth": "13", "dayOfWeek": "5", "dayMatch": "DAY_MATCH_OR"},
            "day=13,1st fri,2nd fri,3rd fri,4th fri,5th fri",
        ),
        (
            {"dayOfMonth": "13", "dayOfWeek": "5", "dayMatch": "DAY_MATCH_AND"},
            "day=13 day_of_week=fri",
        ),
        ({"year": "2027", "isoWeek": "5"}, "year=2027 week=5"),
    ],
)
def test_days_are_written_as_apscheduler_has_them(
    exported: Any, days: dict[str, str], text: str
) -> None:
    result = exported({"cron": {"hour": "9", "minute": "0", **days}})
    assert result.exported["s"]["becomes"] == f"cron {text} hour=9 minute=0 second=0"


def test_days_that_no_single_trigger_holds_become_jobs_that_never_meet(exported: Any) -> None:
    days = {"dayOfMonth": "8-20", "dayOfWeek": "1,5#2", "dayMatch": "DAY_MATCH_AND"}
    line = exported({"cron": {"hour": "9", "minute": "0", **days}}).exported["s"]
    assert line["keys"] == ["s", "s (2)"]


@pytest.mark.parametrize(
    ("engine", "task", "options", "function"),
    [
        ("celery", "shop.tasks.clean", {}, "shop.celery:app.send_task"),
        ("dramatiq", "clean", {"module": "shop.actors"}, "shop.actors:clean.send"),
        ("taskiq", "shop.tasks:clean", {}, "shop.tasks:clean.kiq"),
        ("huey", "shop.tasks.clean", {}, "shop.tasks:clean"),
        ("rq", "shop.tasks.clean", {}, "shop.tasks:clean"),
        ("rq", "shop.tasks.clean", {"rq_queue": "shop:low"}, "shop:low.enqueue"),
    ],
)
def test_a_job_calls_what_hands_the_task_to_its_engine(
    exported: Any, engine: str, task: str, options: dict[str, str], function: str
) -> None:
    result = exported(options=options, engine=engine, task=task, argsJson="[1]")
    assert not result.refused
    written = function if IS_3 else function.replace(":", ".")
    assert written in result.path.read_text()
    (found,) = result.found_of("s")
    assert (found.schedule["engine"], found.schedule["task"]) == (engine, task)


@pytest.mark.parametrize(
    ("fields", "code", "says"),
    [
        ({"engine": "arq", "task": "clean"}, "R9_ENGINE", "no way to enqueue in arq"),
        ({"engine": "dramatiq", "task": "clean"}, "R9_NO_FUNCTION", "in which module"),
        ({"engine": "rq", "task": "shop.1"}, "R9_NO_FUNCTION", "no function"),
        ({"engine": "rq", "queue": "low"}, "R9_NOT_HELD", "queue"),
        ({"priority": 5}, "R9_NOT_HELD", "priority"),
        ({"expires": "60s", "engine": "huey"}, "R9_NOT_HELD", "expires"),
        ({"maxFires": 3}, "R9_NOT_HELD", "max_fires"),
        ({"overlap": "OVERLAP_SKIP"}, "R9_NOT_HELD", "overlap"),
        ({"jitter": "5s", "jitterMode": "JITTER_MODE_HASH"}, "R9_NOT_HELD", "jitter"),
        (
            {"gap": "GAP_POLICY_SKIP", "spec": {"cron": {"hour": "2", "minute": "30"}}},
            "R9_DST",
            "gap SKIP",
        ),
        (
            {"fold": "FOLD_POLICY_FIRST", "spec": {"cron": {"hour": "2", "minute": "30"}}},
            "R9_DST",
            "fold FIRST",
        ),
        ({"spec": {"cron": {"hour": "9", "dayOfMonth": "15W"}}}, "R9_NOT_HELD", "working day"),
        ({"spec": {"cron": {"hour": "9", "dayOfMonth": "L-3"}}}, "R9_NOT_HELD", "last day only"),
        ({"spec": {"cron": {"hour": "9", "microsecond": 5}}}, "R9_NOT_HELD", "whole seconds"),
        ({"spec": {"solar": {"event": "EVENT_SUNSET", "latitude": 5}}}, "R9_NOT_HELD", "no solar"),
    ],
)
def test_r9_what_apscheduler_cannot_hold_is_refused(
    exported: Any, fields: dict[str, Any], code: str, says: str
) -> None:
    line = exported(**fields).refused["s"]
    assert line["code"] == code and says in line["reason"] and line["remedy"], line


@pytest.mark.skipif(not IS_3, reason="of version 3")
def test_a_time_that_version_3_forgets_when_clocks_change_is_refused(exported: Any) -> None:
    line = exported({"cron": {"hour": "0", "minute": "30"}}).refused["s"]
    assert "leaves its own rule" in line["reason"]


@pytest.mark.skipif(not IS_3, reason="of version 3")
def test_celerys_delay_is_refused_in_version_3_which_breaks_it_in_a_store(exported: Any) -> None:
    line = exported(options={"celery_app": None}).refused["s"]
    assert line["code"] == "R9_NO_FUNCTION" and "--celery-app" in line["remedy"]


def test_overlap_skip_of_what_runs_inside_is_one_instance(exported: Any) -> None:
    line = exported(engine="rq", overlap="OVERLAP_SKIP").exported["s"]
    assert "RUNS_INSIDE" in {note["code"] for note in line["notes"]}
    option = "max_instances=1" if IS_3 else "max_running_jobs=1"
    assert option in exported(engine="rq", overlap="OVERLAP_SKIP").path.read_text()


def test_an_interval_keeps_its_phase_and_a_later_start(exported: Any) -> None:
    line = exported(EVERY, startTime="2027-01-01T00:00:00Z").exported["s"]
    assert line["becomes"] == "every 90s from 2027-01-01T00:00:30Z"


@pytest.mark.skipif(IS_3, reason="of version 4")
def test_an_interval_by_the_clock_whose_next_run_a_change_moves_is_refused(at_a_gap: Any) -> None:
    def every_four_days(anchor: str) -> Any:
        wall = {"period": "345600s", "anchorTime": anchor, "arithmetic": "ARITHMETIC_WALL"}
        return at_a_gap({"interval": wall})

    at_half_past_two = every_four_days("2027-03-24T01:30:00Z")
    line = at_half_past_two.refused["s"]
    assert line["code"] == "R9_DST" and "2027-03-28T01:30:00Z" in line["reason"]
    assert every_four_days("2027-03-24T04:30:00Z").exported
