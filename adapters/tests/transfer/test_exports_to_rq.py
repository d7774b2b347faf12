"""--to rq: a config module for `rq cron` that fires as the schedules do."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from importlib.metadata import version
from typing import Any

import pytest

pytest.importorskip("rq")
pytest.importorskip("croniter")
if tuple(map(int, version("rq").split(".")[:2])) < (2, 4):
    pytest.skip("this RQ has no cron jobs", allow_module_level=True)

import redis
from rq import Queue
from rq.cron import CronJob, CronScheduler
from transfer.clocks import NAMED_ZONES, draw_start
from transfer.exports import NINE, Batch, exporting, schedules_like
from transfer.instants import COUNT, SEED, UTC, micros
from z4j_adapters.engines.rq.exporting.cron_config import RqExporter
from z4j_adapters.engines.rq.importing.croniters import cron_fires
from z4j_adapters.engines.rq.importing.hosts import has_host_zone
from z4j_adapters.transfer.exporting.python import run_file
from z4j_adapters.transfer.exporting.reading import host_zone, stand_ins
from z4j_adapters.transfer.model import SourceError
from z4j_adapters.transfer.zones import zone_of

AT = datetime(2026, 11, 22, tzinfo=UTC)
IS_LOCAL = has_host_zone(version("rq"))
ZONE = "Europe/Berlin" if IS_LOCAL else "UTC"
TASK = "shop.tasks.clean"
schedule = schedules_like(
    engine="rq", task=TASK, timeZone=ZONE, gap="GAP_POLICY_SHIFT", fold="FOLD_POLICY_FIRST"
)
exported = exporting(RqExporter, schedule, at=AT, file="cron_config.py", queue="default")


def more(draw: random.Random) -> dict[str, Any]:
    options = {"timeout": "60", "meta": '{"a":[1]}', "failure_ttl": "600"}
    some = {name: value for name, value in options.items() if draw.random() < 0.1}
    return {"task": TASK, **({"engineOptions": some} if some else {})}


@pytest.mark.timeout(3600)
def test_random_schedules_fire_there_as_here_or_are_refused(drawn: Any) -> None:
    def batch(draw: random.Random) -> Batch:
        names = draw.sample(NAMED_ZONES, 3)
        zones = tuple(names) if IS_LOCAL else ("UTC", *names[1:])
        options = {"queue": "default", "timezone": zones[0], "any_phase": draw.random() < 0.5}
        return Batch("rq", draw_start(draw, zones[0]), zones, more, options)

    tally = drawn(f"rq {version('rq')}", RqExporter, batch, size=50)
    assert tally["exported: cron"] > COUNT / 5


@pytest.mark.skipif(not IS_LOCAL, reason="before RQ 3.0 it is UTC")
def test_the_due_times_are_those_of_rqs_own_cron_job_on_such_a_host() -> None:
    draw = random.Random(SEED)
    for expression in ("30 2 * * *", "*/20 0-3 * * *", "15,45 1 * * sun", "0 0 1,L * *"):
        for _ in range(8):
            zone = draw.choice(NAMED_ZONES)
            at = draw_start(draw, zone)
            ours = cron_fires(expression, zone_of(zone))(at, 40)
            with host_zone(zone):
                job = CronJob("low", func_name="f.f", cron=expression)
                job.latest_enqueue_time = at
                theirs = []
                for _ in range(40):
                    job.latest_enqueue_time = job.get_next_enqueue_time()
                    theirs.append(micros(job.latest_enqueue_time))
            assert ours == theirs, (SEED, expression, zone, at)


def test_the_file_is_one_that_a_cron_scheduler_loads(exported: Any) -> None:
    result = exported(
        queue="low", argsJson='[1,"x"]', kwargsJson='{"ttl":5,"deep":null}' if IS_LOCAL else "{}",
        expires="90s", engineOptions={"timeout": "60", "meta": '{"a":1}', "failure_ttl": "600"},
    )  # fmt: skip
    assert result.exported["s"]["becomes"] == "cron 0 9 * * *"
    scheduler = CronScheduler(connection=None)
    with host_zone(ZONE if IS_LOCAL else None), stand_ins(["shop.tasks:clean"]):
        scheduler.load_config_from_file(str(result.path))
    (job,) = scheduler.get_jobs()
    assert (job.func_name, job.queue_name, job.cron) == (TASK, "low", "0 9 * * *")
    assert job.args == (1, "x") and job.job_options == {
        "ttl": 90, "job_timeout": 60, "meta": {"a": 1}, "failure_ttl": 600,
    }  # fmt: skip


def test_a_run_of_it_is_the_job_that_the_schedule_describes(
    exported: Any, redis_server: Any
) -> None:
    result = exported(queue="low", argsJson='[1,"x"]', kwargsJson='{"deep":null}', expires="90s")
    with redis.Redis.from_url(redis_server.url) as client:
        client.flushall()
        scheduler = CronScheduler(connection=client)
        with host_zone(ZONE if IS_LOCAL else None), stand_ins(["shop.tasks:clean"]):
            scheduler.load_config_from_file(str(result.path))
            scheduler.get_jobs()[0].next_enqueue_time = AT - timedelta(days=365)  # It is due.
            scheduler.enqueue_jobs()
        (job,) = Queue("low", connection=client).jobs
    assert (job.func_name, list(job.args), job.kwargs) == (TASK, [1, "x"], {"deep": None})
    assert job.ttl == 90


@pytest.mark.skipif(not IS_LOCAL, reason="before RQ 3.0 it is UTC")
def test_the_file_does_not_load_on_a_host_of_another_zone(exported: Any) -> None:
    result = exported()
    with (
        host_zone("America/New_York"),
        stand_ins(["shop.tasks:clean"]),
        pytest.raises(SourceError, match="clock of this host is not that of Europe/Berlin"),
    ):
        run_file(result.path)


def test_either_day_is_one_expression_and_both_days_are_none(exported: Any) -> None:
    days = {"hour": "9", "minute": "0", "dayOfMonth": "13", "dayOfWeek": "5"}
    either = exported({"cron": {**days, "dayMatch": "DAY_MATCH_OR"}})
    assert either.exported["s"]["becomes"] == "cron 0 9 13 * 5"
    both = exported({"cron": {**days, "dayMatch": "DAY_MATCH_AND"}})
    assert "both must match" in both.refused["s"]["reason"]


@pytest.mark.parametrize(
    ("days", "text"),
    [
        ({"dayOfWeek": "5#2,1L"}, "* * L1,5#2"),
        ({"dayOfWeek": "5", "dayOfMonth": "8-14", "dayMatch": "DAY_MATCH_AND"}, "* * 5#2"),
        ({"dayOfWeek": "2,5#2"}, "* * 2#1,2#2,2#3,2#4,2#5,5#2"),
        ({"dayOfMonth": "1,L"}, "1,L * *"),
        ({"dayOfMonth": "15W"}, "15W * *"),
        ({"second": "30", "year": "2027"}, "* * * 30 2027"),
    ],
)
def test_special_days_are_written_as_croniter_has_them(
    exported: Any, days: dict[str, str], text: str
) -> None:
    result = exported({"cron": {"hour": "9", "minute": "0", **days}})
    assert result.exported["s"]["becomes"] == f"cron 0 9 {text}"


def test_a_schedule_without_a_queue_goes_to_the_default_one_and_says_so(exported: Any) -> None:
    (note,) = exported().exported["s"]["notes"]
    assert note["code"] == "DEFAULT_QUEUE"


@pytest.mark.parametrize(
    ("spec", "fields", "code", "says"),
    [
        ({"oneShot": {"fireTime": "2027-01-01T00:00:00Z"}}, {}, "R9_NOT_HELD", "no oneShot"),
        ({"interval": {"period": "90s"}}, {}, "R9_PHASE", "whenever it starts"),
        ({"interval": {"period": "1.5s"}}, {}, "R9_NOT_HELD", "whole seconds"),
        ({"solar": {"event": "EVENT_SUNSET", "latitude": 5}}, {}, "R9_NOT_HELD", "no solar"),
        ({"cron": {"hour": "9", "isoWeek": "5"}}, {}, "R9_NOT_HELD", "no ISO weeks"),
        ({"cron": {"hour": "9", "dayOfMonth": "LW"}}, {}, "R9_NOT_HELD", "working day"),
        ({"cron": {"hour": "9", "dayOfMonth": "L-3"}}, {}, "R9_NOT_HELD", "before the last one"),
        ({"cron": {"hour": "9", "year": "2100"}}, {}, "R9_NOT_HELD", "2099"),
        ({"cron": {"hour": "9", "microsecond": 5}}, {}, "R9_NOT_HELD", "fractions of a second"),
        (NINE, {"timeZone": "Asia/Tokyo"}, "R9_ZONE", "one zone for all"),
        (NINE, {"engineOptions": {"at_front": "true"}}, "R9_NOT_HELD", "at_front"),
        (NINE, {"priority": 5}, "R9_NOT_HELD", "priority"),
        (NINE, {"expires": "1.5s"}, "R9_NOT_HELD", "whole seconds"),
        (NINE, {"state": "STATE_PAUSED"}, "R9_NOT_HELD", "state"),
        (NINE, {"overlap": "OVERLAP_SKIP"}, "R9_NOT_HELD", "overlap"),
        (NINE, {"maxFires": 3}, "R9_NOT_HELD", "max_fires"),
        (NINE, {"endTime": "2027-05-01T00:00:00Z"}, "R9_NOT_HELD", "end_time"),
        (NINE, {"engine": "celery"}, "R9_ENGINE", "it is for celery"),
        (NINE, {"task": "clean"}, "R9_NO_FUNCTION", "no module.function"),
        (NINE, {"task": "shop.import.x"}, "R9_NO_FUNCTION", "no module.function"),
    ],
)
def test_r9_what_rq_cannot_hold_is_refused(
    exported: Any, spec: dict[str, Any], fields: dict[str, Any], code: str, says: str
) -> None:
    result = exported(spec, options={"timezone": ZONE}, **fields)
    line = result.refused["s"]
    assert line["code"] == code and says in line["reason"] and line["remedy"], line


@pytest.mark.skipif(IS_LOCAL, reason="RQ 3.0 hands them over apart")
def test_an_argument_that_rq_takes_for_itself_is_refused(exported: Any) -> None:
    assert "argument ttl" in exported(kwargsJson='{"ttl":5}').refused["s"]["reason"]


def test_an_interval_in_any_phase_keeps_its_period(exported: Any) -> None:
    line = exported({"interval": {"period": "90s"}}, options={"any_phase": True}).exported["s"]
    assert line["becomes"] == "every 90 s" and "fires" not in line
    assert "ANY_PHASE" in {note["code"] for note in line["notes"]}


def test_a_file_without_a_cron_loads_on_every_host(exported: Any) -> None:
    given = {
        "often": schedule({"interval": {"period": "90s"}}),
        "refused": schedule({"cron": {"hour": "9", "isoWeek": "5"}}),
    }
    result = exported(schedules=given, options={"any_phase": True})
    assert result.exported.keys() == {"often"}
    assert "check_zone" not in result.path.read_text()


def test_nothing_of_the_users_is_imported(exported: Any) -> None:
    result = exported(task="no.such.module_of.yours")
    assert result.exported and "import no.such.module_of" in result.path.read_text()
