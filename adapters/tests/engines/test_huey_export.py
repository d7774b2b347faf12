"""Exports to Huey: a module whose periodic tasks come due, and call, as the schedules do."""

from __future__ import annotations

import json
import random
from datetime import datetime
from typing import Any

import huey
import pytest
from transfer.clocks import ZONES, draw_start
from transfer.exports import AT, NINE, NOT_IN_CRONS, Batch, cron, exporting, schedules_like
from transfer.instants import COUNT, lines_of
from z4j_adapters.engines.huey.exporting.exporter import HueyExporter
from z4j_adapters.engines.huey.importing.importer import HueyImporter
from z4j_adapters.transfer.exporting.python import run_file

schedule = schedules_like(engine="huey", task="shop.tasks.report", timeZone="UTC")
exported = exporting(HueyExporter, schedule)


def shop(**options: Any) -> Any:
    """An instance with the task that schedules call."""
    app = huey.MemoryHuey("shop", **options)

    def report(*args: Any, **kwargs: Any) -> None:
        """The task."""

    report.__module__ = "shop.tasks"
    app.task()(report)
    return app


def of_huey(draw: random.Random) -> dict[str, Any]:
    """What makes most of the drawn schedules such as Huey may hold."""
    options = {"retries": "3", "retry_delay": "10", "timeout": "60.5", "huey_priority": "7"}
    chosen = {name: text for name, text in options.items() if draw.random() < 0.1}
    return {
        "task": draw.choice(["proj.tasks.report", "a.b", "a.b", "send"]),
        "gap": "GAP_POLICY_" + draw.choice(["SKIP", "SKIP", "SKIP", "NEXT_VALID"]),
        "fold": "FOLD_POLICY_" + draw.choice(["BOTH", "BOTH", "BOTH", "AUTO"]),
        "queue": "" if draw.random() < 0.95 else "low",
        "engineOptions": chosen,
    }


@pytest.mark.timeout(900)
def test_what_is_exported_is_hueys(drawn: Any) -> None:
    def batch(draw: random.Random) -> Batch:
        zones = (draw.choice(("UTC", *draw.sample(ZONES, 2))), *draw.sample(ZONES, 2))
        return Batch("huey", draw_start(draw, zones[0]), zones, of_huey)

    tally = drawn("huey", HueyExporter, batch)
    assert tally["exported: cron"] > COUNT / 5


def test_a_cron_is_written_as_a_person_would(exported: Any) -> None:
    result = exported(cron("*/20 9-17 * * MON-FRI"))
    assert result.exported["s"]["becomes"] == (
        "crontab(minute='0,20,40', hour='9-17', day='*', month='*', day_of_week='1-5')"
    )


def test_a_consumer_enqueues_the_task_itself_with_all_that_the_schedule_says(
    exported: Any,
) -> None:
    result = exported(
        argsJson='[1, {"to": "a@b"}]',
        kwargsJson='{"n": 2}',
        expires="90s",
        engineOptions={"retries": "3", "retry_delay": "10", "huey_priority": "7"},
    )
    app = shop()
    run_file(result.path)["install"](app)
    assert app.read_periodic(datetime(2026, 3, 2, 9, 1)) == []
    for task in app.read_periodic(datetime(2026, 3, 2, 9, 0)):
        app.enqueue(task)  # As the consumer's scheduler does.
    message = app.serializer.deserialize(app.storage.dequeue())
    assert (message.name, message.args) == ("shop.tasks.report", (1, {"to": "a@b"}))
    assert (message.kwargs, message.expires) == ({"n": 2}, 90)
    assert (message.retries, message.retry_delay, message.priority) == (3, 10, 7)


def test_a_worker_runs_the_users_own_task(exported: Any) -> None:
    app = huey.MemoryHuey("shop")
    ran = []

    def report(*args: Any, **kwargs: Any) -> None:
        ran.append((args, kwargs))

    report.__module__ = "shop.tasks"
    app.task()(report)
    result = exported(argsJson="[1]", kwargsJson='{"n": 2}')
    run_file(result.path)["install"](app)
    for task in app.read_periodic(datetime(2026, 3, 2, 9, 0)):
        app.enqueue(task)
    app.execute(app.dequeue())
    assert ran == [((1,), {"n": 2})]


def test_what_was_installed_is_imported_as_it_was(
    exported: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = schedule(
        cron("30 2 13 * 5", dayMatch="DAY_MATCH_AND"), argsJson="[1]", kwargsJson='{"n":2}'
    )
    app = shop()
    module = run_file(exported(schedules={"nightly run": given}).path)
    module["install"](app)
    module["install"](app)  # A second time changes nothing.
    path = "z4j_adapters.engines.huey.importing.importer.load_object"
    monkeypatch.setattr(path, lambda *_: app)
    (line,) = lines_of(HueyImporter, at=AT, huey_app="shop.tasks:huey")
    assert line["source"]["key"] == "nightly run"
    found = line["schedule"]
    for field in ("task", "argsJson", "kwargsJson", "timeZone"):
        assert found[field] == given[field]
    assert line["becomes"] == "cron 30 2 13 * 5 (AND of the days)"


def test_either_day_is_two_periodic_tasks_that_never_meet(exported: Any) -> None:
    result = exported(cron("0 9 13 * FRI"))
    assert result.exported["s"]["keys"] == ["s", "s (2)"]
    assert "day='1-12,14-31', month='*', day_of_week='5'" in result.exported["s"]["becomes"]


@pytest.mark.parametrize(
    ("spec", "fields", "says"),
    [
        (cron("30 0 9 * * *"), {}, "no seconds"),
        *NOT_IN_CRONS,
        ({"oneShot": {"fireTime": "2026-05-01T00:00:00Z"}}, {}, "a one-shot, and Huey has none"),
        (
            {"interval": {"period": "60s", "anchorTime": "2026-01-01T00:00:00Z"}},
            {},
            "an interval, and Huey has none",
        ),
        (NINE, {"task": "report"}, "module.function"),
        (NINE, {"priority": 5}, "huey_priority"),
        (NINE, {"queue": "low"}, "queue is low"),
        (NINE, {"engineOptions": {"delay": "5"}}, "no delay"),
        (NINE, {"overlap": "OVERLAP_SKIP"}, "overlap is OVERLAP_SKIP"),
    ],
)
def test_what_is_refused_says_why(
    exported: Any, spec: dict[str, Any], fields: dict[str, Any], says: str
) -> None:
    line = exported(spec, **fields).refused["s"]
    assert says in line["reason"] + line["remedy"]


def test_a_time_that_the_clock_leaves_out_is_refused_unless_it_is_to_be_left_out(
    exported: Any,
) -> None:
    berlin = {"timeZone": "Europe/Berlin", "fold": "FOLD_POLICY_BOTH"}
    line = exported(cron("30 2 * * *"), **berlin).refused["s"]
    assert (line["code"], "2026-03-29 02:30" in line["reason"]) == ("R9_DST", True)
    assert exported(cron("30 2 * * *"), **berlin, gap="GAP_POLICY_SKIP").exported
    assert exported(cron("*/30 * * * *"), **berlin).exported  # 03:00 is one of its times anyway.
    either = exported(cron("30 2 29 * FRI"), **berlin).refused["s"]  # Two periodic tasks.
    assert (either["code"], "2026-03-29 02:30" in either["reason"]) == ("R9_DST", True)


def test_one_instance_has_one_zone(exported: Any) -> None:
    both = {"a": schedule(NINE, timeZone="Asia/Tokyo"), "b": schedule(NINE)}
    result = exported(schedules=both)
    assert result.exported.keys() == {"a"} and result.refused["b"]["code"] == "R9_ZONE"
    assert exported(schedules=both, options={"timezone": "UTC"}).exported.keys() == {"b"}


def test_an_instance_with_another_clock_does_not_take_them(exported: Any) -> None:
    module = run_file(exported(timeZone="Asia/Tokyo").path)
    with pytest.raises(ValueError, match="utc=False"):
        module["install"](shop())
    module["install"](shop(utc=False))


def test_a_task_that_the_instance_lacks_is_named(exported: Any) -> None:
    module = run_file(exported(task="shop.tasks.gone").path)
    with pytest.raises(Exception, match=r"shop\.tasks\.gone"):
        module["install"](shop())


def test_arguments_that_a_class_of_the_users_gives_are_imported(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    app = shop()
    app.periodic_task(huey.crontab(minute="0"), name="hourly")(lambda: None)
    (task,) = app._registry._periodic_tasks
    plain = task.__init__
    monkeypatch.setattr(task, "__init__", lambda self: plain(self, ({1, 2},)))
    path = "z4j_adapters.engines.huey.importing.importer.load_object"
    monkeypatch.setattr(path, lambda *_: app)
    (line,) = lines_of(HueyImporter, at=AT, huey_app="shop.tasks:huey")
    assert line["code"] == "R2_ARGUMENTS"
    monkeypatch.setattr(task, "__init__", lambda self: plain(self, (1, "x")))
    (line,) = lines_of(HueyImporter, at=AT, huey_app="shop.tasks:huey")
    assert json.loads(line["schedule"]["argsJson"]) == [1, "x"]
