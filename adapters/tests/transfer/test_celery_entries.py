"""What entries of a Celery app call, with what options; which are refused."""

from __future__ import annotations

import json
import time
from collections import Counter
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from celery.beat import BeatLazyFunc
from celery.schedules import crontab
from kombu import Exchange, Queue
from transfer.celery_kit import AT, entry, imported, make_app
from transfer.instants import UTC
from z4j_adapters.engines.celery.options import ENGINE_OPTIONS


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


def test_one_bad_entry_among_ten_thousand_is_refused_and_the_others_are_planned() -> None:
    app = make_app("Europe/Berlin")
    app.conf.beat_schedule = {
        f"e{n}": {"task": "t", "schedule": crontab(n % 60, n % 24) if n % 3 else 60 + n}
        for n in range(10_000)
    } | {"bad": {"task": "t", "schedule": crontab(nowfun=time.time)}}
    lines = imported(app)
    assert len(lines) == 10_001 and lines["bad"]["type"] == "refused"


def test_celery_is_asked_once_for_the_due_times_of_equal_crontabs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    estimate, asked = crontab.remaining_estimate, Counter[int]()

    def counted(self: crontab, last: datetime) -> timedelta:
        asked[entries] += 1
        return estimate(self, last)

    monkeypatch.setattr(crontab, "remaining_estimate", counted)
    for entries, minute in ((1, 7), (50, 8)):
        app = make_app("Europe/Berlin")
        app.conf.beat_schedule = {
            f"e{n}": {"task": "t", "schedule": crontab(minute, "*/2")} for n in range(entries)
        }
        lines = imported(app, fires=1000)
        assert all(len(line["fires"]) == 1000 for line in lines.values())
    assert asked[50] == asked[1] >= 1000
