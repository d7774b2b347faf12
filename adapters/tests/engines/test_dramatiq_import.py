"""Importing the schedules of Dramatiq's actors, against the installed periodiq and
dramatiq-crontab."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from importlib.metadata import version
from pathlib import Path
from typing import Any

import dramatiq
import pytest
from dramatiq.brokers.stub import StubBroker
from transfer.clocks import NAMED_ZONES, NOW, ZONES, draw_crontab_text, draw_start
from transfer.instants import COUNT, FIRES, SEED, Evaluator, lines_of, micros
from transfer.tally import tally
from z4j_adapters.engines.dramatiq.importing.importer import DramatiqImporter
from z4j_adapters.transfer import command
from z4j_adapters.transfer.zones import zone_of

periodiq = pytest.importorskip("periodiq")
pendulum = pytest.importorskip("pendulum")
pytest.importorskip("django_celery_beat")
django_project = pytest.importorskip("transfer.django_project")
django_project.set_up()
settings = pytest.importorskip("django.conf").settings
crontab = pytest.importorskip("dramatiq_crontab")

BOUNDS = [(0, 59), (0, 23), (1, 31), (1, 12), (0, 7)]
DAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]


@pytest.fixture(autouse=True)
def no_jobs() -> Iterator[None]:
    crontab.scheduler.remove_all_jobs()
    yield
    crontab.scheduler.remove_all_jobs()


@pytest.fixture
def broker() -> StubBroker:
    broker = StubBroker(middleware=[periodiq.PeriodiqMiddleware(skip_delay=45)])
    dramatiq.set_broker(broker)
    return broker


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Import a broker that the test made; options as on the command line."""

    def read(broker: Any, **given: Any) -> list[dict[str, Any]]:
        monkeypatch.setattr("dramatiq.cli.import_broker", lambda _: (None, broker))
        options = {"dramatiq_broker": "shop", "dramatiq_module": [], "workdir": None}
        return lines_of(
            DramatiqImporter, **{"at": NOW, "django_settings": None, **options, **given}
        )

    return read


def actor(name: str = "nightly", **options: Any) -> Any:
    return dramatiq.actor(actor_name=name, **options)(lambda: None)


def piece(rng: random.Random, index: int) -> str:
    low, high = BOUNDS[index]
    kind = rng.random()
    if kind < 0.25:
        return f"*/{rng.choice([1, 2, 3, 5, 7, 15, 40])}"
    if kind < 0.6:
        return (
            rng.choice(DAYS) if index == 4 and rng.random() < 0.4 else str(rng.randint(low, high))
        )
    first, last = sorted([rng.randint(low, high), rng.randint(low, high)])
    return f"{first}-{last}" + (f"/{rng.randint(1, 5)}" if rng.random() < 0.3 else "")


def test_every_periodic_actor_runs_when_periodiq_says_so(ours: Evaluator, read: Any) -> None:
    rng = random.Random(SEED)
    with tally("periodiq", f"periodiq {version('periodiq')}") as counted:
        while counted.tried < COUNT:
            zone = rng.choice(ZONES)
            start, text = draw_start(rng, zone), draw_crontab_text(rng, piece)
            dramatiq.set_broker(StubBroker(middleware=[periodiq.PeriodiqMiddleware()]))
            spec = periodiq.cron(text)
            actor(periodic=spec)
            (line,) = read(dramatiq.get_broker(), at=start, fires=FIRES, timezone=zone)
            what = f"{text!r} in {zone} from {start}"
            if counted.promises(line):
                got = ours.next([line["schedule"]], start, FIRES)
                counted.compare(what, got, line["fires"])
                if counted.tried % 8 == 0:
                    # What is said to be periodiq's: periodiq asked for every minute of a day.
                    first = asked(spec, zone, start, 1500)[:FIRES]
                    counted.compare(what, line["fires"][: len(first)], first)
            else:
                assert line["code"] == "R6_NEVER_FIRES", (what, line)
                counted.compare(what, [], asked(spec, zone, start, 1500))
    assert counted.verdicts["EXACT"] > 0.85 * COUNT


def asked(spec: Any, zone: str, start: datetime, minutes: int) -> list[int]:
    """The minutes at which periodiq would send the actor."""
    tz = zone_of(zone)
    at = start.replace(second=0, microsecond=0)
    found = []
    for _ in range(minutes):
        at += timedelta(minutes=1)
        if spec.validate(at.astimezone(tz)):
            found.append(micros(at))
    return found


def test_every_job_of_dramatiq_crontab_runs_when_apscheduler_says_so(
    ours: Evaluator, broker: StubBroker, read: Any
) -> None:
    rng = random.Random(SEED)
    with tally("dramatiq-crontab", f"dramatiq-crontab {version('dramatiq-crontab')}") as counted:
        while counted.tried < COUNT:
            zone = rng.choice(NAMED_ZONES)
            start = draw_start(rng, zone)
            fields = draw_crontab_text(rng, piece).split()[:4]
            text = " ".join([*fields, rng.choice(["*", "*", "mon", "Mon-Fri", "sat,sun"])])
            crontab.scheduler.remove_all_jobs()
            try:
                with zone_of_django(zone):
                    crontab.cron(text)(actor(f"a{rng.random()}"))
            except ValueError:
                counted.invalid += 1
                continue
            lines = read(broker, at=start, fires=FIRES)
            what = f"{text!r} in {zone} from {start}"
            if counted.promises(lines[0]):
                got = ours.next([line["schedule"] for line in lines], start, FIRES)
                counted.compare(what, got, lines[0]["fires"])
            else:
                code = lines[0].get("code") or lines[0]["reasons"][0]["code"]
                assert code in ("R6_NEVER_FIRES", "DST_DIFFERS"), (what, lines[0])
    assert counted.verdicts["EXACT"] + counted.verdicts["EQUAL_SET"] > 0.7 * COUNT


class zone_of_django:
    """Django's time zone, for a while."""

    def __init__(self, zone: str) -> None:
        self._zone = zone

    def _set(self, zone: str) -> None:
        from django.utils import timezone as django_timezone

        settings.TIME_ZONE = zone
        django_timezone.get_default_timezone.cache_clear()

    def __enter__(self) -> None:
        self._set(self._zone)

    def __exit__(self, *_: Any) -> None:
        self._set("UTC")


@pytest.mark.parametrize("change", ["2025-03-09T07:00", "2025-11-02T06:00"])
@pytest.mark.parametrize(
    "text", ["30 2 * * *", "30 1 * * *", "*/10 1-3 * * *", "0 */2 * * *", "*/30 * * * *"]
)
def test_periodiqs_own_wake_ups_around_a_change_of_the_clock_are_the_due_times(
    broker: StubBroker, read: Any, text: str, change: str
) -> None:
    spec = periodiq.cron(text)
    actor(periodic=spec)
    changed = datetime.fromisoformat(change).replace(tzinfo=timezone.utc)
    # Where it is started, periodiq may sleep over the rest of a day.
    start, begin, end = (changed + timedelta(hours=hours) for hours in (-60, -30, 30))
    now = pendulum.instance(start).in_timezone("America/New_York")
    woken = []
    while now < end:
        now = spec.next_valid_date(now)
        if begin < now < end and spec.validate(now):
            woken.append(round(now.timestamp()) * 1_000_000)
    (line,) = read(broker, at=begin, fires=200, timezone="America/New_York")
    assert [us for us in line["fires"] if us < micros(end)] == woken


def test_sunday_is_7_to_periodiq_and_0_never_comes(broker: StubBroker, read: Any) -> None:
    for name, day in (("zero", "0"), ("sun", "sun"), ("seven", "7"), ("both", "0,3")):
        actor(name, periodic=periodiq.cron(f"0 5 * * {day}"))
    lines = {line.get("id", line.get("object")): line for line in read(broker, timezone="UTC")}
    assert {lines[name]["code"] for name in ("zero", "sun")} == {"R6_NEVER_FIRES"}
    assert lines["seven"]["becomes"] == "cron 0 5 * * 0"
    assert lines["both"]["becomes"] == "cron 0 5 * * 3"
    assert [note["code"] for note in lines["both"]["warnings"]] == ["SUNDAY_NEVER"]


def test_either_day_suffices_to_periodiq_where_both_restrict(broker: StubBroker, read: Any) -> None:
    actor(periodic=periodiq.cron("0 0 13 * 5"))
    assert read(broker, timezone="UTC")[0]["becomes"] == "cron 0 0 13 * 5 (OR of the days)"


def test_periodiq_needs_the_zone_of_its_host(broker: StubBroker, read: Any) -> None:
    actor(periodic=periodiq.cron("0 5 * * *"))
    (line,) = read(broker)
    assert (line["code"], "--timezone" in line["remedy"]) == ("R4_ZONE", True)


def test_what_periodiq_drops_when_late_expires_here(broker: StubBroker, read: Any) -> None:
    actor(periodic=periodiq.cron("0 5 * * *"), queue_name="mail")
    schedule = read(broker, timezone="Europe/Rome")[0]["schedule"]
    assert (schedule["expires"], schedule["queue"], schedule["timeZone"]) == (
        "45s",
        "mail",
        "Europe/Rome",
    )
    assert (schedule["engine"], schedule["task"]) == ("dramatiq", "nightly")


def test_strangers_are_refused_alone(broker: StubBroker, read: Any) -> None:
    actor("text", periodic="0 5 * * *")
    actor("february", periodic=periodiq.cron("0 5 31 2 *"))
    actor("good", periodic=periodiq.cron("0 5 * * *"))
    crontab.scheduler.add_job(print, "interval", seconds=5, name="mine")
    lines = read(broker, timezone="UTC")
    said = ["R1_OPAQUE", "R6_NEVER_FIRES", "schedule", "R1_OPAQUE"]
    assert [line.get("code", line["type"]) for line in lines] == said


def test_jobs_of_dramatiq_crontab_are_read_with_djangos_zone(
    ours: Evaluator, broker: StubBroker, read: Any
) -> None:
    with zone_of_django("Europe/Berlin"):
        crontab.cron("30 2 * * Mon-Fri")(actor("nightly"))
        crontab.interval(seconds=90)(actor("often"))
    nightly, often = read(broker, fires=20)
    assert nightly["schedule"]["timeZone"] == "Europe/Berlin"
    assert nightly["becomes"] == "cron 30 2 * * 1-5"
    assert [note["code"] for note in often["reasons"]] == ["PHASE"]
    again = read(broker, fires=20, at=NOW + timedelta(hours=1))[1]
    assert again["schedule"] == often["schedule"]
    for line in (nightly, often):
        assert ours.next([line["schedule"]], NOW, 20) == line["fires"]


def test_an_actor_with_two_schedules_becomes_two(broker: StubBroker, read: Any) -> None:
    both = actor(periodic=periodiq.cron("0 5 * * *"))
    crontab.cron("0 6 * * *")(both)
    lines = read(broker, timezone="UTC")
    assert len({line["id"] for line in lines}) == 2
    assert {line["schedule"]["task"] for line in lines} == {"nightly"}


def test_modules_that_do_not_load_say_why(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.path", list(__import__("sys").path))
    modules = {
        "raises_d": "raise RuntimeError('no database')",
        "leaves_d": "import sys; sys.exit(3)",
        "prints_d": "print('hello')\nfrom dramatiq.brokers.stub import StubBroker\n"
        "import dramatiq\ndramatiq.set_broker(StubBroker())\n",
    }
    said = {}
    for name, text in modules.items():
        (tmp_path / f"{name}.py").write_text(text)
        arguments = ["--from", "dramatiq", "--dramatiq-broker", name, "--workdir", str(tmp_path)]
        code = command.main(arguments)
        lines = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
        said[name] = (code, lines[-1]["type"], lines[-1].get("message", ""))
    assert "no database" in said["raises_d"][2]
    assert "sys.exit(3)" in said["leaves_d"][2]
    assert said["prints_d"][:2] == (0, "end")
