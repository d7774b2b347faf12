"""Importing TaskIQ's schedules, against the installed TaskIQ, pycron and taskiq-redis."""

from __future__ import annotations

import json
import random
from datetime import datetime, timedelta, timezone
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from taskiq import InMemoryBroker, TaskiqScheduler
from taskiq.cli.scheduler.run import is_cron_task_now
from transfer.clocks import NOW, ZONES, draw_crontab_text, draw_start
from transfer.instants import COUNT, FIRES, SEED, Evaluator, lines_of, micros
from transfer.tally import tally
from z4j_adapters.engines.taskiq.importing.importer import TaskiqImporter
from z4j_adapters.transfer import command, locate

BOUNDS = [(0, 59), (0, 23), (1, 31), (1, 12), (0, 7)]
DAYS = ["sun", "Mon", "tue", "Wednesday", "thu", "friday", "SAT"]


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Import a broker that the test made; options as on the command line."""

    def read(broker: Any, **given: Any) -> list[dict[str, Any]]:
        module = "z4j_adapters.engines.taskiq.importing.importer"
        monkeypatch.setattr(f"{module}.load_object", lambda *_: broker)
        options = {"taskiq_broker": "shop.tkq:broker" if broker else None, "taskiq_prefix": None}
        more = {"taskiq_module": [], "taskiq_redis_url": None, "workdir": None}
        return lines_of(TaskiqImporter, **{"at": NOW, **options, **more, **given})

    return read


def broker_with(*entries: dict[str, Any], **labels: Any) -> InMemoryBroker:
    broker = InMemoryBroker()
    broker.task(task_name="night", schedule=list(entries), **labels)(lambda: None)
    return broker


def piece(rng: random.Random, index: int) -> str:
    low, high = BOUNDS[index]
    kind = rng.random()
    if kind < 0.25:
        return f"*/{rng.choice([1, 2, 3, 5, 7, 15, 40])}"
    if kind < 0.6:
        return (
            rng.choice(DAYS) if index == 4 and rng.random() < 0.4 else str(rng.randint(low, high))
        )
    if kind < 0.65:
        return rng.choice(["x", "5/3", "mon-fri/2", "sat-sun", "5-7", "1-"])
    first, last = sorted([rng.randint(low, high), rng.randint(low, high)])
    if rng.random() < 0.1:
        first, last = last, first
    return f"{first}-{last}" + (f"/{rng.randint(1, 5)}" if rng.random() < 0.3 else "")


def entry(rng: random.Random, zone: str) -> dict[str, Any]:
    if rng.random() < 0.1:
        seconds = rng.choice([1, 2, 59, 60, 90, 3600, 86_400, rng.randint(1, 10**6)])
        return {"interval": seconds if rng.random() < 0.5 else timedelta(seconds=seconds)}
    found: dict[str, Any] = {"cron": draw_crontab_text(rng, piece)}
    if zone.startswith("UTC") and zone != "UTC":
        found["cron_offset"] = (
            timedelta(hours=5, minutes=30) if "+" in zone else -timedelta(hours=3)
        )
    elif zone != "UTC" or rng.random() < 0.5:
        found["cron_offset"] = zone
    return found


def test_every_entry_fires_when_taskiq_says_so(ours: Evaluator, read: Any) -> None:
    rng = random.Random(SEED)
    with tally("taskiq", f"TaskIQ {version('taskiq')}, pycron {version('pycron')}") as counted:
        while counted.tried < COUNT:
            zone = rng.choice(ZONES)
            start, given = draw_start(rng, zone), entry(rng, zone)
            (line,) = read(broker_with(given), at=start, fires=FIRES)
            what = f"{given} from {start}"
            if counted.promises(line):
                got = ours.next([line["schedule"]], start, FIRES)
                counted.compare(what, got, line["fires"])
                if counted.tried % 8 == 0 and "cron" in given:
                    # What is said to be TaskIQ's: TaskIQ asked for every minute of the first day.
                    first = asked(given, start, 1500)[:FIRES]
                    counted.compare(what, line["fires"][: len(first)], first)
            else:
                assert line["code"] == "R6_NEVER_FIRES", (what, line)
                counted.compare(what, [], asked(given, start, 1500))
    assert counted.verdicts["EXACT"] > 0.75 * COUNT


def asked(given: dict[str, Any], start: datetime, minutes: int) -> list[int]:
    """The minutes at which TaskIQ's scheduler would send it."""
    at = start.replace(second=0, microsecond=0)
    found = []
    for _ in range(minutes):
        at += timedelta(minutes=1)
        if is_cron_task_now(given["cron"], at, given.get("cron_offset")):
            found.append(micros(at))
    return found


# Traps 7, 10, 11, 12, 13, 33 and 38: what the installed pycron makes of them.
@pytest.mark.parametrize(
    "text",
    [
        "0 0 * * 5-7",
        "0 0 * * sat-sun",
        "0 0 */2 * *",
        "0 0 1 */3 *",
        "0 0 13 * 5",
        "0 0 */2 * 1",
        "0 0 1,*/99 * 1",
        "*/60 * * * *",
        "*/45 * * * *",
        "5,x * * * *",
    ],
)
def test_traps_mean_here_what_they_mean_to_pycron(ours: Evaluator, read: Any, text: str) -> None:
    (line,) = read(broker_with({"cron": text}), fires=60)
    assert ours.next([line["schedule"]], NOW, 60) == line["fires"]
    first = asked({"cron": text}, NOW, 1440)
    assert line["fires"][: len(first)] == first[:60]


@pytest.mark.parametrize(
    "text",
    ["0 0 * * 7", "0 0 * * mon-fri/2", "0 22-2 * * *", "* * * *", "0  5 * * *", "*/0 * * * *"],
)
def test_what_taskiq_never_sends_is_refused(read: Any, text: str) -> None:
    assert read(broker_with({"cron": text}))[0]["code"] == "R6_NEVER_FIRES"


def test_the_31st_of_february_is_refused(read: Any) -> None:
    assert read(broker_with({"cron": "0 0 31 2 *"}))[0]["code"] == "R6_NEVER_FIRES"


@pytest.mark.parametrize(
    ("offset", "zone"),
    [
        (None, "UTC"),
        (timedelta(hours=2), "UTC+02:00"),
        (-timedelta(hours=3, minutes=30), "UTC-03:30"),
        ("02:00:00", "UTC+02:00"),
        ("Europe/Berlin", "Europe/Berlin"),
    ],
)
def test_trap_39_an_offset_is_a_zone(read: Any, offset: Any, zone: str) -> None:
    (line,) = read(broker_with({"cron": "0 12 * * *", "cron_offset": offset}), fires=1)
    assert line["schedule"]["timeZone"] == zone
    due = datetime.fromtimestamp(line["fires"][0] / 1e6, timezone.utc)
    assert due.hour == {"UTC+02:00": 10, "UTC-03:30": 15, "Europe/Berlin": 11}.get(zone, 12)


def test_an_offset_that_is_no_zone_is_refused(read: Any) -> None:
    (line,) = read(broker_with({"cron": "0 12 * * *", "cron_offset": "Mars/Base"}))
    assert line["code"] == "R6_NEVER_FIRES"


def test_trap_40_the_tasks_own_labels_win_over_those_of_its_schedule(read: Any) -> None:
    given = {"cron": "0 0 * * *", "labels": {"queue_name": "a", "tenant": 5, "timeout": 9}}
    (line,) = read(broker_with(given, queue_name="b", max_retries=2))
    options = {name: json.loads(text) for name, text in line["schedule"]["engineOptions"].items()}
    assert line["schedule"]["queue"] == "b"
    assert options == {"labels": {"tenant": 5}, "timeout": 9, "max_retries": 2}


def test_labels_that_no_schedule_carries_are_refused(read: Any) -> None:
    for labels in ({"priority": 5}, {"x": [1]}):
        given = {"cron": "0 0 * * *", "labels": labels}
        assert read(broker_with(given))[0]["code"] == "R2_OPTIONS"
    assert read(broker_with({"cron": "0 0 * * *"}, priority=5))[0]["type"] == "schedule"


def test_trap_41_entries_keep_their_ids_from_import_to_import(read: Any) -> None:
    entries = [
        {"cron": "0 0 * * *"},
        {"interval": 60},
        {"cron": "1 1 * * *", "schedule_id": "mine"},
    ]
    first, second = ([line["id"] for line in read(broker_with(*entries))] for _ in range(2))
    assert first == second
    assert first[2] == "mine"


def test_trap_42_an_interval_says_that_its_phase_is_not_taskiqs(read: Any) -> None:
    (line,) = read(broker_with({"interval": 90}), fires=2)
    assert [note["code"] for note in line["reasons"]] == ["PHASE"]
    assert [us // 1_000_000 % 90 for us in line["fires"]] == [0, 0]


def test_an_entry_with_several_triggers_becomes_as_many_schedules(
    ours: Evaluator, read: Any
) -> None:
    given = {"cron": "5 * * * *", "interval": 600, "time": NOW + timedelta(minutes=7)}
    lines = read(broker_with(given), fires=30)
    assert {line["exactness"] for line in lines} == {"EQUAL_SET"}
    assert [line["group"] for line in lines] == [lines[0]["id"]] * 3
    each = [ours.next([line["schedule"]], NOW, 30) for line in lines]
    assert sorted({us for times in each for us in times})[:30] == lines[0]["fires"]


def test_what_is_past_is_shown_and_not_made(read: Any) -> None:
    past, coming = {"time": NOW - timedelta(days=1)}, {"time": datetime(2030, 1, 1)}
    lines = read(broker_with(past, coming))
    assert [line.get("finished") for line in lines] == [True, None]
    assert lines[1]["schedule"]["spec"]["oneShot"]["fireTime"] == "2030-01-01T00:00:00Z"


def test_arguments_that_are_no_json_are_refused_alone(read: Any) -> None:
    lines = read(
        broker_with(
            {"cron": "0 0 * * *", "args": [{1}]},
            {"cron": "0 0 * * *", "args": [1, "a"], "kwargs": {"b": None}},
            {"interval": 0.5},
            {"interval": timedelta(days=4000)},
            {"kwargs": {}},
        )
    )
    said = ["R2_ARGUMENTS", "schedule", "R1_OPAQUE", "PERIOD_TOO_LONG", "R6_NEVER_FIRES"]
    assert [line.get("code", line["type"]) for line in lines] == said
    call = lines[1]["schedule"]
    assert (call["argsJson"], call["kwargsJson"]) == ('[1,"a"]', '{"b":null}')


def test_a_scheduler_stands_for_its_broker(read: Any) -> None:
    scheduler = TaskiqScheduler(broker_with({"interval": 60}), [])
    assert read(scheduler)[0]["becomes"] == "every 60s"


def test_modules_that_do_not_load_say_why(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locate.sys, "path", list(locate.sys.path))
    modules = {
        "raises_t": "raise RuntimeError('no database')",
        "leaves_t": "import sys; sys.exit(3)",
        "prints_t": "print('hello')\nfrom taskiq import InMemoryBroker\nb = InMemoryBroker()\n",
    }
    said = {}
    for name, text in modules.items():
        (tmp_path / f"{name}.py").write_text(text)
        arguments = ["--from", "taskiq", "--taskiq-broker", f"{name}:b", "--workdir", str(tmp_path)]
        code = command.main(arguments)
        lines = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
        said[name] = (code, lines[-1]["type"], lines[-1].get("message", ""))
    assert "no database" in said["raises_t"][2]
    assert "sys.exit(3)" in said["leaves_t"][2]
    assert said["prints_t"][:2] == (0, "end")
