"""Exports to periodiq and dramatiq-crontab: modules whose actors are sent as the schedules say."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import dramatiq
import pytest
from dramatiq.brokers.stub import StubBroker
from transfer.clocks import ZONES, draw_start
from transfer.exports import MINUTE, NINE, NOT_IN_CRONS, Batch, cron, exporting, schedules_like
from transfer.instants import COUNT
from z4j_adapters.transfer.exporting.python import run_file

periodiq = pytest.importorskip("periodiq")
pytest.importorskip("django_celery_beat")
django_project = pytest.importorskip("transfer.django_project")
django_project.set_up()
crontab = pytest.importorskip("dramatiq_crontab")

from z4j_adapters.engines.dramatiq.exporting.crontab import CrontabExporter  # noqa: E402
from z4j_adapters.engines.dramatiq.exporting.periodiq import PeriodiqExporter  # noqa: E402

schedule = schedules_like(engine="dramatiq", task="nightly", timeZone="UTC")
to_periodiq = exporting(PeriodiqExporter, schedule)
to_crontab = exporting(CrontabExporter, schedule)


@pytest.fixture(params=["to_periodiq", "to_crontab"])
def to_either(request: pytest.FixtureRequest) -> Any:
    """Exports to the one, and to the other."""
    return request.getfixturevalue(request.param)


@pytest.fixture
def broker() -> Iterator[StubBroker]:
    """One with the actor that schedules call."""
    broker = StubBroker(middleware=[])
    dramatiq.actor(lambda: None, actor_name="nightly", broker=broker)
    yield broker
    broker.close()


def plain(draw: random.Random) -> dict[str, Any]:
    """What makes most of the drawn schedules such as have no arguments."""
    return {
        "task": f"actor{draw.randrange(10**6)}",
        "argsJson": "[]" if draw.random() < 0.97 else "[1]",
        "kwargsJson": "{}",
        "fold": "FOLD_POLICY_" + draw.choice(["BOTH", "BOTH", "BOTH", "AUTO"]),
    }


def of_periodiq(draw: random.Random) -> dict[str, Any]:
    expires = {"expires": "30s"} if draw.random() < 0.97 else {"expires": "31s"}
    gap = {"gap": "GAP_POLICY_" + draw.choice(["SKIP", "SKIP", "SKIP", "NEXT_VALID"])}
    return {**plain(draw), **gap, **expires}


def of_crontab(draw: random.Random) -> dict[str, Any]:
    gap = {"gap": "GAP_POLICY_" + draw.choice(["SHIFT", "SHIFT", "SHIFT", "NEXT_VALID"])}
    return {**plain(draw), **gap}


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("target", "exporter", "more"),
    [
        ("periodiq", PeriodiqExporter, of_periodiq),
        ("dramatiq-crontab", CrontabExporter, of_crontab),
    ],
    ids=("periodiq", "dramatiq-crontab"),
)
def test_what_is_exported_is_sent_when_it_is_due(
    target: str, exporter: Any, more: Any, drawn: Any
) -> None:
    def batch(draw: random.Random) -> Batch:
        zones = tuple(draw.sample([zone for zone in ZONES if "UTC+" not in zone], 3))
        options = {"any_phase": draw.random() < 0.5}
        return Batch("dramatiq", draw_start(draw, zones[0]), zones, more, options)

    tally = drawn(target, exporter, batch)
    assert tally["exported: cron"] > COUNT / 10


def test_periodiq_sends_the_actor_and_drops_what_is_late(
    to_periodiq: Any, broker: StubBroker
) -> None:
    result = to_periodiq(cron("0 9 * * SUN,MON"), expires="45s")
    assert result.exported["s"]["becomes"] == "cron('0 9 * * 1,7')"
    run_file(result.path)["install"](broker)
    actor = broker.get_actor("nightly")
    spec = actor.options["periodic"]
    days = [datetime(2026, 3, day, 9) for day in (1, 2, 3)]  # The first is a Sunday.
    assert [spec.validate(day) for day in days] == [True, True, False]
    (middleware,) = broker.middleware
    assert (type(middleware), middleware.skip_delay) == (periodiq.PeriodiqMiddleware, 45)
    periodiq.Scheduler([actor]).send_actors([actor], days[0])
    assert broker.queues["default"].qsize() == 1


def test_a_broker_that_drops_otherwise_does_not_take_them(
    to_periodiq: Any, broker: StubBroker
) -> None:
    broker.add_middleware(periodiq.PeriodiqMiddleware(skip_delay=30))
    module = run_file(to_periodiq().path)
    with pytest.raises(ValueError, match="skip_delay 30"):
        module["install"](broker)
    run_file(to_periodiq(expires="30s").path)["install"](broker)


def test_what_periodiq_sleeps_over_is_refused(to_periodiq: Any) -> None:
    # After a run on a Sunday it looks for the next Sunday a week later.
    line = to_periodiq(cron("0 9,10 * * SUN")).refused["s"]
    assert (line["code"], "2026-03-08 10:00" in line["reason"]) == ("R9_SLEEPS_OVER", True)
    assert to_periodiq(cron("0 9 * * SUN")).exported
    assert to_periodiq(cron("0 9,10 * * *")).exported


def test_periodiq_oversleeps_when_the_clock_is_put_forward_unless_it_never_sleeps(
    to_periodiq: Any,
) -> None:
    daily = schedule(NINE, timeZone="Europe/Berlin")
    line = to_periodiq(schedules={"s": daily}).refused["s"]
    assert (line["code"], "2026-03-29 09:00" in line["reason"]) == ("R9_SLEEPS_OVER", True)
    policies = {"gap": "GAP_POLICY_SKIP", "fold": "FOLD_POLICY_BOTH"}
    minutely = schedule(cron("* * * * *"), task="other", timeZone="Europe/Berlin", **policies)
    result = to_periodiq(schedules={"s": daily, "m": minutely})
    assert result.exported.keys() == {"s", "m"}


def test_an_actor_of_periodiq_has_one_schedule(to_periodiq: Any) -> None:
    both = {"a": schedule(NINE), "b": schedule(NINE)}
    result = to_periodiq(schedules=both)
    assert result.exported.keys() == {"a"} and "that of a" in result.refused["b"]["reason"]


def test_dramatiq_crontab_sends_the_actor(to_crontab: Any, broker: StubBroker) -> None:
    both = {"a": schedule(cron("0 9 13 * FRI")), "b": schedule(cron("5 9 * * MON-FRI"))}
    result = to_crontab(schedules=both)
    assert result.exported["b"]["becomes"] == "cron('5 9 * * mon,tue,wed,thu,fri')"
    install = run_file(result.path)["install"]
    install(broker)
    install(broker)  # A second time changes nothing.
    jobs = crontab.scheduler.get_jobs()
    crontab.scheduler.remove_all_jobs()
    assert [job.name for job in jobs] == ["nightly"] * 3  # "a" is two of them.
    jobs[0].func()
    assert broker.queues["default"].qsize() == 1


def test_another_zone_of_django_does_not_take_them(to_crontab: Any, broker: StubBroker) -> None:
    module = run_file(to_crontab(timeZone="Asia/Tokyo").path)
    with pytest.raises(ValueError, match="Asia/Tokyo"):
        module["install"](broker)


def test_intervals_keep_their_period_if_any_phase_will_do(to_crontab: Any) -> None:
    line = to_crontab(MINUTE).refused["s"]
    assert line["code"] == "R9_PHASE"
    result = to_crontab(MINUTE, options={"any_phase": True})
    assert result.exported["s"]["becomes"] == "interval(seconds=60.0)"
    assert "ANY_PHASE" in [note["code"] for note in result.exported["s"]["notes"]]


def test_an_actor_with_another_queue_does_not_take_them(to_either: Any, broker: StubBroker) -> None:
    module = run_file(to_either(queue="low").path)
    with pytest.raises(ValueError, match="sends to default"):
        module["install"](broker)


@pytest.mark.parametrize(
    ("spec", "fields", "says"),
    [
        (cron("30 0 9 * * *"), {}, "no seconds"),
        *NOT_IN_CRONS,
        ({"oneShot": {"fireTime": "2026-05-01T00:00:00Z"}}, {}, "a one-shot"),
        ({"calendarInterval": {"days": 2, "startDate": "2026-01-31"}}, {}, "calendar"),
        (NINE, {"argsJson": "[1]"}, "sends its actor none"),
        (NINE, {"kwargsJson": '{"n": 1}'}, "sends its actor none"),
        (NINE, {"engineOptions": {"max_retries": "1"}}, "max_retries"),
        (NINE, {"priority": 5}, "priority is 5"),
        (NINE, {"overlap": "OVERLAP_SKIP"}, "overlap is OVERLAP_SKIP"),
        (
            cron("30 2 * * *"),
            {"timeZone": "Europe/Berlin", "fold": "FOLD_POLICY_BOTH"},
            "2026-03-29 02:30 in Europe/Berlin",
        ),
    ],
)
def test_what_is_refused_says_why(
    to_either: Any, spec: dict[str, Any], fields: dict[str, Any], says: str
) -> None:
    line = to_either(spec, **fields).refused["s"]
    assert says in line["reason"] + line["remedy"]


def test_what_only_one_of_the_two_holds_is_refused_by_the_other(
    to_periodiq: Any, to_crontab: Any
) -> None:
    both_days = cron("0 9 13 * FRI", dayMatch="DAY_MATCH_AND")
    assert "must both match" in to_periodiq(both_days).refused["s"]["reason"]
    assert to_crontab(both_days).exported
    expires = to_crontab(expires="60s").refused["s"]
    assert "expires" in expires["reason"]
    fixed = to_crontab(timeZone="UTC+05:30").refused["s"]
    assert fixed["code"] == "R9_ZONE"


def test_most_crons_decide_on_the_zone_but_not_on_one_that_django_lacks(to_crontab: Any) -> None:
    zones = ("UTC+05:30", "UTC+05:30", "UTC", "Asia/Tokyo", "Asia/Tokyo")
    given = {f"s{n}": schedule(NINE, timeZone=zone) for n, zone in enumerate(zones)}
    result = to_crontab(schedules=given)
    assert result.target["zone"] == "Asia/Tokyo" and result.exported.keys() == {"s3", "s4"}


def test_one_expiry_is_for_all_of_periodiq(to_periodiq: Any) -> None:
    both = {"a": schedule(NINE, expires="45s"), "b": schedule(NINE, task="other")}
    result = to_periodiq(schedules=both)
    assert result.exported.keys() == {"a"}
    assert str(timedelta(seconds=45)) in result.refused["b"]["reason"]
