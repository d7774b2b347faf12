"""Importing Huey's periodic tasks, against the installed Huey."""

from __future__ import annotations

import hashlib
import json
import random
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import huey
import pytest
from transfer.clocks import NOW, ZONES, draw_start
from transfer.instants import COUNT, FIRES, SEED, Evaluator, lines_of, micros
from transfer.tally import tally
from z4j_adapters.engines.huey.importing.importer import HueyImporter
from z4j_adapters.transfer import command, locate
from z4j_adapters.transfer.zones import zone_of

BOUNDS = {"minute": (0, 59), "hour": (0, 23), "day": (1, 31), "month": (1, 12)}


@pytest.fixture
def app() -> huey.Huey:
    return huey.MemoryHuey("shop")


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Import an instance that the test made; options as on the command line."""

    def read(instance: huey.Huey, **given: Any) -> list[dict[str, Any]]:
        module = "z4j_adapters.engines.huey.importing.importer"
        monkeypatch.setattr(f"{module}.load_object", lambda *_: instance)
        options = {"at": NOW, "huey_app": "shop.tasks:huey", "workdir": None}
        return lines_of(HueyImporter, **{**options, **given})

    return read


def periodic(app: huey.Huey, validate: Any, name: str = "nightly", **options: Any) -> None:
    app.periodic_task(validate, name=name, **options)(lambda: None)


def piece(rng: random.Random, name: str) -> str:
    low, high = BOUNDS.get(name, (0, 7))
    kind = rng.random()
    if kind < 0.3 and name != "day_of_week":
        return f"*/{rng.choice([1, 2, 3, 5, 7, 15, 40])}"
    if kind < 0.65:
        return str(rng.randint(low, high))
    first, last = rng.randint(low, high), rng.randint(low, high)
    return f"{first}-{last}" + (f"/{rng.randint(1, 5)}" if rng.random() < 0.3 else "")


def crontab_arguments(rng: random.Random) -> dict[str, Any]:
    at_night = rng.random() < 0.5
    stars = {"minute": 0.2, "hour": 0.3, "day": 0.6, "month": 0.7, "day_of_week": 0.6}
    given: dict[str, Any] = {}
    for name, star in stars.items():
        if at_night and name in ("hour", "day", "month"):
            nights = ["*", "0-3", "1", "2", "1,2", "2,3", "0", "23,0", "22-3", "*/2"]
            given[name] = rng.choice(nights) if name == "hour" else "*"
        elif rng.random() < star:
            given[name] = "*"
        else:
            pieces = [piece(rng, name) for _ in range(rng.choice([1, 1, 2, 3]))]
            given[name] = ",".join([*pieces, *(["x"] if rng.random() < 0.05 else [])])
            if given[name].isdigit() and rng.random() < 0.5:
                given[name] = int(given[name])
    return given


def test_every_crontab_fires_when_huey_says_so(ours: Evaluator, read: Any) -> None:
    rng = random.Random(SEED)
    with tally("huey", f"Huey {huey.__version__}") as counted:
        while counted.tried < COUNT:
            zone = rng.choice(ZONES)
            start, arguments = draw_start(rng, zone), crontab_arguments(rng)
            instance = huey.MemoryHuey(utc=zone == "UTC")
            try:
                periodic(instance, huey.crontab(**arguments))
            except ValueError:
                counted.invalid += 1
                continue
            (line,) = read(instance, timezone=zone, at=start, fires=FIRES)
            what = f"{arguments} in {zone} from {start}"
            if counted.promises(line):
                got = ours.next([line["schedule"]], start, FIRES)
                counted.compare(what, got, line["fires"])
                if counted.tried % 8 == 0:
                    # What is said to be Huey's: Huey asked for every minute of the first day.
                    first = asked(instance, zone, start, 1500)[:FIRES]
                    counted.compare(what, line["fires"][: len(first)], first)
            else:
                assert line["code"] == "R6_NEVER_FIRES", (what, line)
                counted.compare(what, [], asked(instance, zone, start, 3000))
    assert counted.verdicts["EXACT"] > 0.9 * COUNT


def asked(instance: huey.Huey, zone: str, start: datetime, minutes: int) -> list[int]:
    """The minutes at which a consumer on that clock would enqueue the task."""
    tz = zone_of(zone)
    at = start.replace(second=0, microsecond=0) + timedelta(minutes=1)
    found = []
    for _ in range(minutes):
        if instance.read_periodic(at.astimezone(tz).replace(tzinfo=None)):
            found.append(micros(at))
        at += timedelta(minutes=1)
    return found


def test_trap_55_utc_is_hueys_default_whatever_zone_its_host_is_in(
    app: huey.Huey, read: Any
) -> None:
    periodic(app, huey.crontab(hour="9", minute="0"))
    (line,) = read(app, timezone="Asia/Tokyo")
    assert line["schedule"]["timeZone"] == "UTC"


def test_with_utc_false_the_zone_must_be_named(read: Any) -> None:
    app = huey.MemoryHuey(utc=False)
    periodic(app, huey.crontab(hour="9", minute="0"))
    (line,) = read(app)
    assert (line["code"], "--timezone" in line["remedy"]) == ("R4_ZONE", True)
    (line,) = read(app, timezone="Asia/Tokyo")
    assert line["schedule"]["timeZone"] == "Asia/Tokyo"


def test_trap_14_an_hour_without_a_minute_runs_sixty_times(app: huey.Huey, read: Any) -> None:
    periodic(app, huey.crontab(hour="5"))
    assert read(app)[0]["becomes"] == "cron * 5 * * *"


# Traps 8, 9, 33 and 38: what the installed version makes of them, read from what it made.
@pytest.mark.parametrize(
    "arguments",
    [
        {"day_of_week": "0-7"},
        {"day_of_week": "1-7"},
        {"day_of_week": "5-7"},
        {"day_of_week": "6-0"},
        {"day_of_week": "7"},
        {"minute": "10-40/10"},
        {"hour": "22-2", "minute": "0"},
        {"minute": "*/60"},
        {"minute": "*/45"},
        {"day": "13", "day_of_week": "5"},
        {"minute": "5,x"},
    ],
)
def test_traps_mean_here_what_they_mean_to_huey(
    ours: Evaluator, app: huey.Huey, read: Any, arguments: dict[str, str]
) -> None:
    periodic(app, huey.crontab(**arguments))
    (line,) = read(app, fires=50)
    first = asked(app, "UTC", NOW, 1440)
    if line["type"] == "refused":  # To versions before 3.4 some of them come at no time.
        assert (line["code"], first) == ("R6_NEVER_FIRES", [])
        return
    assert ours.next([line["schedule"]], NOW, 50) == line["fires"]
    assert line["fires"][: len(first)] == first[:50]


def test_a_function_of_ones_own_is_refused(app: huey.Huey, read: Any) -> None:
    periodic(app, lambda at: True, "always")

    def crontab() -> Any:
        cron_settings = [[1], [1], [1], [1], [1]]
        return lambda at: bool(cron_settings)

    periodic(app, crontab(), "alike")
    periodic(app, huey.crontab(minute="5"), "good")
    assert [line.get("code", line["type"]) for line in read(app)] == [
        "R1_OPAQUE",
        "R1_OPAQUE",
        "schedule",
    ]


def test_the_31st_of_february_is_refused(app: huey.Huey, read: Any) -> None:
    periodic(app, huey.crontab(day="30,31", month="2"))
    assert read(app)[0]["code"] == "R6_NEVER_FIRES"


def test_what_the_decorator_says_travels_along(app: huey.Huey, read: Any) -> None:
    options = {"retries": 3, "retry_delay": 10, "priority": 5, "expires": timedelta(minutes=2)}
    periodic(app, huey.crontab(minute="5"), "a", **options)
    periodic(app, huey.crontab(minute="5"), "b", expires=datetime(2030, 1, 1))
    carried, refused = read(app)
    schedule = carried["schedule"]
    given = {"retries": "3", "retry_delay": "10", "huey_priority": "5"}
    assert (schedule["engineOptions"], schedule["expires"]) == (given, "120s")
    assert (schedule["engine"], schedule["task"].rpartition(".")[2]) == ("huey", "a")
    assert refused["code"] == "R2_OPTIONS"


def test_the_commands_of_an_app_that_is_not_loaded_say_why(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locate.sys, "path", list(locate.sys.path))
    modules = {
        "raises_h": "raise RuntimeError('no database')",
        "leaves_h": "import sys; sys.exit(3)",
        "other_h": "h = 5",
        "prints_h": "print('hello')\nimport huey\nh = huey.MemoryHuey()\n"
        "@h.periodic_task(huey.crontab(minute='5'))\ndef t(): pass\n",
    }
    said = {}
    for name, text in modules.items():
        (tmp_path / f"{name}.py").write_text(text)
        code = command.main(
            ["--from", "huey", "--huey-app", f"{name}:h", "--workdir", str(tmp_path)]
        )
        lines = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
        said[name] = (code, lines[-1]["type"], lines[-1].get("message", ""))
    assert "no database" in said["raises_h"][2]
    assert "sys.exit(3)" in said["leaves_h"][2]
    assert "is a int" in said["other_h"][2]
    assert [each[:2] for each in said.values()] == [(2, "error")] * 3 + [(0, "end")]


def test_the_storage_is_left_as_it_was(tmp_path: Path, read: Any) -> None:
    file = tmp_path / "huey.db"
    app = huey.SqliteHuey("shop", filename=str(file))
    app.enqueue(app.task()(lambda: None).s())
    periodic(app, huey.crontab(minute="5"))
    before = hashlib.sha256(file.read_bytes()).hexdigest()
    assert read(app)[0]["type"] == "schedule"
    assert hashlib.sha256(file.read_bytes()).hexdigest() == before
