"""Exports to arq: a module whose cron jobs come due, and call, as the schedules do."""

from __future__ import annotations

import random
from datetime import datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from arq import func
from arq.connections import RedisSettings, create_pool
from arq.worker import Worker
from harness import RedisServer
from transfer.clocks import ZONES, draw_start
from transfer.exports import (
    AT,
    NINE,
    NOT_IN_CRONS,
    Batch,
    check,
    cron,
    exporting,
    schedules_like,
)
from transfer.instants import COUNT, Evaluator, lines_of
from z4j_adapters.engines.arq.exporting.exporter import ArqExporter
from z4j_adapters.engines.arq.importing.importer import ArqImporter
from z4j_adapters.transfer.exporting.python import run_file

schedule = schedules_like(
    engine="arq", task="nightly", timeZone="Europe/Berlin", fold="FOLD_POLICY_FIRST"
)
exported = exporting(ArqExporter, schedule, arq_queue=None)
RAN: list[tuple[str, dict[str, Any]]] = []


async def nightly(ctx: dict[str, Any], **kwargs: Any) -> None:
    """The task of these tests."""
    RAN.append((ctx["job_id"], kwargs))


def of_arq(draw: random.Random) -> dict[str, Any]:
    """What makes most of the drawn schedules such as arq may hold."""
    return {
        "argsJson": "[]" if draw.random() < 0.95 else "[1]",
        "gap": "GAP_POLICY_" + draw.choice(["NEXT_VALID", "NEXT_VALID", "SKIP"]),
        "fold": "FOLD_POLICY_" + draw.choice(["FIRST", "FIRST", "AUTO"]),
        "overlap": "OVERLAP_" + draw.choice(["SKIP", "ALLOW", "ALLOW"]),
        "queue": "billing" if draw.random() < 0.9 else "",
    }


@pytest.mark.timeout(900)
def test_what_is_exported_is_arqs(drawn: Any) -> None:
    def batch(draw: random.Random) -> Batch:
        zones = tuple(draw.sample(ZONES, 3))
        return Batch("arq", draw_start(draw, zones[0]), zones, of_arq, {"arq_queue": "billing"})

    tally = drawn("arq", ArqExporter, batch)
    assert tally["exported: cron"] > COUNT / 5


def test_a_cron_is_written_as_a_person_would(exported: Any) -> None:
    result = exported(cron("30 */20 9-17 * * MON-FRI"))
    assert result.exported["s"]["becomes"] == (
        "cron(weekday={*range(0, 5)}, hour={*range(9, 18)}, minute={0, 20, 40}, second=30, "
        "microsecond=0)"
    )
    assert run_file(result.path)["TIMEZONE"] == ZoneInfo("Europe/Berlin")


def test_a_microsecond_is_held(exported: Any, ours: Evaluator) -> None:
    result = exported({"cron": {"minute": "5", "microsecond": 123_456}})
    assert check(result, ours)["exported: cron"] == 1


async def test_a_worker_runs_the_users_own_function_with_the_keywords(
    exported: Any, redis_server: RedisServer
) -> None:
    RAN.clear()
    module = run_file(exported(kwargsJson='{"n": 2}', timeZone="UTC").path)
    worker = Worker(
        [nightly],
        cron_jobs=module["cron_jobs"]([nightly]),
        timezone=module["TIMEZONE"],
        redis_settings=RedisSettings.from_dsn(redis_server.url),
        handle_signals=False,
        burst=True,
    )
    try:
        due = datetime(2026, 3, 2, 9, tzinfo=timezone.utc)
        worker._pool = await create_pool(worker.redis_settings)
        for at in (due - timedelta(minutes=5), due - timedelta(seconds=0.5)):
            await worker.run_cron(at, 0.5)  # As its loop does.
        worker.cron_jobs = []
        await worker.run_check()
    finally:
        await worker.close()
    assert [(f"s:{int(due.timestamp() * 1000)}", {"n": 2})] == RAN


def test_jobs_have_what_their_functions_have(exported: Any) -> None:
    module = run_file(exported().path)
    (job,) = module["cron_jobs"]([func(nightly, timeout=600, max_tries=3, keep_result=60)])
    assert (job.timeout_s, job.max_tries, job.keep_result_s) == (600, 3, 60)
    assert (job.name, job.job_id, job.unique, job.coroutine) == ("s", None, True, nightly)


def test_what_is_not_to_overlap_has_one_id_and_keeps_no_result(exported: Any) -> None:
    result = exported(cron("0 9 13 * FRI"), overlap="OVERLAP_SKIP")
    jobs = run_file(result.path)["cron_jobs"]([nightly])
    assert [(job.name, job.job_id, job.keep_result_s) for job in jobs] == [
        ("s", "s", 0),
        ("s (2)", "s", 0),
    ]


def test_what_was_written_is_imported_as_it_was(
    exported: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = schedule(
        cron("30 2 13 * 5", dayMatch="DAY_MATCH_AND"), kwargsJson='{"n":2}', overlap="OVERLAP_SKIP"
    )
    module = run_file(exported(schedules={"nightly run": given}).path)
    settings = {
        "functions": [nightly],
        "cron_jobs": module["cron_jobs"]([nightly]),
        "timezone": module["TIMEZONE"],
    }
    path = "z4j_adapters.engines.arq.importing.importer.load_object"
    monkeypatch.setattr(path, lambda *_: settings)
    (line,) = lines_of(ArqImporter, at=AT, arq_settings="shop.W")
    assert line["source"]["key"] == "nightly run"
    found = line["schedule"]
    for field in ("engine", "kwargsJson", "timeZone", "overlap", "fold"):
        assert found[field] == given[field]
    assert line["becomes"] == "cron 30 2 13 * 5 (AND of the days)"


@pytest.mark.parametrize(
    ("spec", "fields", "says"),
    [
        *NOT_IN_CRONS,
        ({"oneShot": {"fireTime": "2026-05-01T00:00:00Z"}}, {}, "a one-shot, and arq has none"),
        (
            {"interval": {"period": "60s", "anchorTime": "2026-01-01T00:00:00Z"}},
            {},
            "an interval, and arq has none",
        ),
        (NINE, {"argsJson": "[1]"}, "pass them by name"),
        (NINE, {"queue": "low"}, "--arq-queue"),
        (NINE, {"priority": 5}, "priority is 5"),
        (NINE, {"expires": "60s"}, "expires is"),
        (NINE, {"overlap": "OVERLAP_BUFFER_ONE"}, "overlap is"),
        (cron("30 2 * * *"), {"gap": "GAP_POLICY_SKIP"}, "2026-03-29 02:30 in Europe/Berlin"),
        (cron("30 2 * * *"), {"fold": "FOLD_POLICY_BOTH"}, "2026-10-25 02:30 in Europe/Berlin"),
    ],
)
def test_what_is_refused_says_why(
    exported: Any, spec: dict[str, Any], fields: dict[str, Any], says: str
) -> None:
    line = exported(spec, **fields).refused["s"]
    assert says in line["reason"] + line["remedy"]


def test_a_queue_has_a_file_of_its_own(exported: Any) -> None:
    both = {"a": schedule(NINE, queue="low"), "b": schedule(NINE)}
    assert exported(schedules=both, options={"arq_queue": "low"}).exported.keys() == {"a"}
    assert exported(schedules=both).exported.keys() == {"b"}


def test_a_worker_has_one_zone(exported: Any) -> None:
    both = {"a": schedule(NINE, timeZone="UTC-03:30"), "b": schedule(NINE)}
    result = exported(schedules=both)
    assert result.exported.keys() == {"a"} and result.refused["b"]["code"] == "R9_ZONE"
    assert exported(schedules=both, options={"timezone": "Europe/Berlin"}).exported.keys() == {"b"}


def test_times_that_run_together_when_the_clock_is_put_forward_are_told(exported: Any) -> None:
    def notes(expression: str) -> list[str]:
        return [note["code"] for note in exported(cron(expression)).exported["s"]["notes"]]

    assert notes("0,30 1-3 * * *") == ["R10_DUPLICATES"]
    assert notes("30 2,3 * * *") == []  # 03:30 is half an hour later.
    assert notes("0 2,3 * * *") == ["R10_DUPLICATES"]
    assert notes("0,30 1-3 1 6 *") == []


def test_a_function_that_the_worker_lacks_is_named(exported: Any) -> None:
    with pytest.raises(LookupError, match="nightly"):
        run_file(exported().path)["cron_jobs"]([])
