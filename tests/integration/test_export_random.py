"""Random schedules with every field there is: all of them come through an export of our own."""

from __future__ import annotations

import json
import os
import random
import subprocess
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from tests.harness.scheduler_server import SchedulerServer

SEED = int(os.environ.get("Z4J_SEED", "20261122"))
COUNT = 300
ZONES = ("UTC", "Europe/Berlin", "America/Havana", "Australia/Lord_Howe", "UTC+05:30")
WORDS = ("plain", 'of "the" night: #1', "é ✓ 语", "no", "0x1F", " padded ", "- x", "~", "1e3")
TEXTS = (*WORDS, "a\nb\ttab", "  begins\n\nends\n")
AHEAD = datetime(2100, 1, 1, tzinfo=timezone.utc)


def ahead(draw: random.Random) -> str:
    """An instant to come, now and then to the microsecond."""
    at = AHEAD + timedelta(days=draw.randint(1, 3650), microseconds=draw.choice([0, 1, 250_000]))
    return at.isoformat().replace("+00:00", "Z")


def draw_spec(draw: random.Random) -> dict[str, Any]:
    kind = draw.randrange(7)
    if kind < 2:
        words = draw.choice(["@daily", "*/10 * * * * *", "0 3 L * *", "5 4 1,15 * mon#1"])
        return {"cron": {"expression": words}}
    if kind == 2:
        fields = {"minute": str(draw.randrange(60)), "dayOfMonth": "1", "dayOfWeek": "fri"}
        more = draw.choice([{"year": "2026-2190"}, {"isoWeek": "*/2"}, {"microsecond": 7}])
        return {
            "cron": {**fields, **more, "dayMatch": draw.choice(["DAY_MATCH_AND", "DAY_MATCH_OR"])}
        }
    if kind == 3:
        return {
            "interval": {"period": draw.choice(["90s", "86400.000001s"]), "anchorTime": ahead(draw)}
        }
    if kind == 4:
        return {"oneShot": {"fireTime": ahead(draw)}}
    if kind == 5:
        return {"calendarInterval": {"months": 2, "startDate": "2026-01-31", "atTime": "02:30:00"}}
    return {
        "solar": {"event": "EVENT_SUNSET", "latitude": 52.52, "longitude": -0.1, "offset": "-60s"}
    }


def draw_schedule(draw: random.Random) -> dict[str, Any]:
    """Each field that is not needed is there as often as not."""
    fields: dict[str, Callable[[], Any]] = {
        "gap": lambda: "GAP_POLICY_" + draw.choice(["NEXT_VALID", "SHIFT", "SKIP"]),
        "fold": lambda: "FOLD_POLICY_" + draw.choice(["AUTO", "FIRST", "SECOND", "BOTH"]),
        "argsJson": lambda: json.dumps([1, 10**19, None, {"x": [2.5, draw.choice(TEXTS)]}]),
        "kwargsJson": lambda: json.dumps({draw.choice(TEXTS): True}),
        "queue": lambda: draw.choice(["low", "high"]),
        "expires": lambda: draw.choice(["90s", "1.500s"]),
        "description": lambda: draw.choice(TEXTS),
        "catchUp": lambda: "CATCH_UP_" + draw.choice(["SKIP", "FIRE_ONE", "FIRE_ALL"]),
        "catchUpWindow": lambda: "7200s",
        "catchUpMax": lambda: draw.randint(1, 1000),
        "overlap": lambda: "OVERLAP_" + draw.choice(["ALLOW", "SKIP", "BUFFER_ONE"]),
        "startTime": lambda: "2020-02-29T00:00:00Z",
        "endTime": lambda: "2190-01-01T00:00:00.000001Z",
        "maxFires": lambda: str(draw.randint(1, 10**12)),
        "jitter": lambda: "30s",
        "jitterMode": lambda: "JITTER_MODE_HASH",
        "retry": lambda: {"maxAttempts": 3, "initialBackoff": "2s", "maxBackoff": "90s"},
        "runRetry": lambda: {"maxAttempts": 4, "backoffMultiplier": 1.5, "onLost": "ON_LOST_FAIL"},
        "labels": lambda: {"team": draw.choice(WORDS), "x": ""},
        "adapterLabels": lambda: {"zone": "eu"},
        "affinityKey": lambda: draw.choice(WORDS),
        "state": lambda: draw.choice(["STATE_PAUSED", "STATE_SHADOW"]),
    }
    found = {name: value() for name, value in fields.items() if draw.random() < 0.5}
    if found.get("state") == "STATE_PAUSED":
        found["pause"] = {"reason": draw.choice(TEXTS)}
        if draw.random() < 0.5:
            found["pause"]["untilTime"] = ahead(draw)
    return {
        **{"engine": "stub", "task": "t", "spec": draw_spec(draw)},
        **{"timeZone": draw.choice(ZONES), **found},
    }


def run(server: SchedulerServer, project: str, *words: str, codes: tuple[int, ...] = (0,)) -> str:
    done = subprocess.run(
        [str(server.binary), *words, "-p", project, "--server", server.address],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode in codes, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout


def exported(server: SchedulerServer, project: str, file: Path) -> dict[str, dict[str, Any]]:
    """Id → what an export to JSON says of it."""
    text = run(server, project, "export", "--to", "json", "--output", str(file), "--force")
    assert text
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    return {line["id"]: line["schedule"] for line in lines if line["type"] == "schedule"}


@pytest.mark.parametrize("form", ["json", "yaml"])
def test_random_schedules_are_the_same_on_another_server(tmp_path: Path, form: str) -> None:
    draw = random.Random(SEED)
    print(f"Z4J_SEED={SEED}")
    wanted = {f"s{n}": draw_schedule(draw) for n in range(COUNT)}
    source = {"kind": "drawn", "locator": "here"}
    lines = [{"type": "source", **source}]
    for name, schedule in wanted.items():
        line = {"type": "schedule", "id": name, "schedule": schedule, "exactness": "EXACT"}
        lines.append({**line, "source": {**source, "key": name}})
    lines.append({"type": "end", "schedules": COUNT, "refused": 0})
    drawn = tmp_path / "drawn.jsonl"
    drawn.write_text("".join(json.dumps(line) + "\n" for line in lines))
    project = f"p{uuid.uuid4().hex[:12]}"
    with (
        SchedulerServer(tmp_path / "one", name="one") as one,
        SchedulerServer(tmp_path / "other", name="other") as other,
    ):
        run(one, project, "import", "--file", str(drawn), "--apply")
        ours = exported(one, project, tmp_path / "ours.json")
        assert ours.keys() == wanted.keys()
        for name, schedule in wanted.items():  # What was asked for is there as it was written.
            for field in ("task", "argsJson", "kwargsJson", "description", "labels", "affinityKey"):
                if field in schedule:
                    assert ours[name][field] == schedule[field], (name, field)
            assert ours[name].get("state") == schedule.get("state", "STATE_ENABLED")
            told, pause = ours[name].get("pause", {}), schedule.get("pause", {})
            assert (told.get("reason"), told.keys()) == (pause.get("reason"), pause.keys())
        file = tmp_path / f"all.{form}"
        run(one, project, "export", "--to", form, "--output", str(file), "--prove", "20")
        said = json.loads(
            run(other, project, "import", "--file", str(file), "--apply", "-o", "json")
        )
        assert said["totals"]["identical"] == COUNT
        assert exported(other, project, tmp_path / "theirs.json") == ours
        back = json.loads(run(one, project, "import", "--file", str(file), "-o", "json"))
        assert {x["plan"] for x in back["schedules"]} == {"unchanged"}
