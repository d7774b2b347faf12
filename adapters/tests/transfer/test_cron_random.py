"""Crontab lines drawn at random: our due times against cron's own loop in simulated time."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from transfer import cron_daemon
from transfer.clocks import ZONES, draw_start, shown
from transfer.cron_daemon import BOUNDS, NAMES
from transfer.instants import COUNT as SPECS
from transfer.instants import SEED, Evaluator, evaluator, lines_of, micros
from z4j_adapters.transfer.cron.importer import CronImporter
from z4j_adapters.transfer.zones import zone_of

DAYS = 4


@pytest.fixture
def ours() -> Iterator[Evaluator]:
    with evaluator() as running:
        yield running


def value(rng: random.Random, index: int) -> str:
    number = rng.randint(*BOUNDS[index])
    if index in NAMES and rng.random() < 0.3:
        name = NAMES[index][(number - BOUNDS[index][0]) % len(NAMES[index])]
        return rng.choice([name, name.upper(), name.title()])
    return f"{number:02d}" if rng.random() < 0.1 else str(number)


def piece(rng: random.Random, index: int) -> str:
    kind = rng.random()
    if kind < 0.2:
        text = "*"
    elif kind < 0.6:
        text = value(rng, index)
        return text + (rng.choice(["#2", "?"]) if rng.random() < 0.03 else "")
    else:
        first, last = sorted(rng.randint(*BOUNDS[index]) for _ in range(2))
        if rng.random() < 0.1:
            first, last = last, first
        text = f"{first}-{last}"
    return text + (f"/{rng.choice([1, 2, 3, 5, 7, 15, 40, 90])}" if rng.random() < 0.4 else "")


def line(rng: random.Random) -> str:
    if rng.random() < 0.05:
        return rng.choice(["@hourly", "@daily", "@midnight", "@weekly", "@monthly"])
    at_night = rng.random() < 0.6
    stars = [0.2, 0.35, 0.5, 0.7, 0.5] if not at_night else [0.2, 0.2, 0.8, 1, 0.8]
    fields = []
    for index, star in enumerate(stars):
        if rng.random() < star:
            fields.append("*")
        elif at_night and index == 1:
            fields.append(
                rng.choice(["0-3", "1", "2", "1,2", "2,3", "0", "23,0", "0,*/2", "*/2", "*,1"])
            )
        else:
            pieces = [piece(rng, index) for _ in range(rng.choice([1, 1, 2]))]
            # What follows a piece that is not understood ends the field.
            fields.append(",".join(pieces))
    return " ".join(fields)


def test_every_line_runs_when_debians_cron_runs_it(
    ours: Evaluator, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = random.Random(SEED)
    causes: Counter[str] = Counter()
    for _ in range(SPECS):
        text, zone = line(rng), rng.choice(ZONES)
        start = draw_start(rng, zone)
        table = tmp_path / "table"
        table.write_text(f"{text} run\n")
        (found,) = lines_of(
            CronImporter,
            at=start,
            crontab=[str(table)],
            task="t",
            engine="rq",
            timezone=zone,
            user_column=False,
            cron_flavour="debian",
        )
        end = start + timedelta(days=DAYS)
        theirs = cron_daemon.run(cron_daemon.job_of(text), zone_of(zone), start, end)
        where = f"Z4J_SEED={SEED}: {text!r} in {zone} from {start}"
        if found["type"] == "refused":
            causes[found["code"]] += 1
            assert found["code"] == "R6_NEVER_FIRES", (where, found)
            assert theirs == [], where
            continue
        causes[found["exactness"]] += 1
        expected = [micros(at) for at in theirs]
        got = until(ours, found["schedule"], start, end, len(expected) + 1)
        assert got == expected, (where, shown(got[:20], zone), shown(expected[:20], zone))
    with capsys.disabled():
        print(f"\ncron: {SPECS} lines, Z4J_SEED={SEED}: {dict(causes)}, 0 differ")
    assert causes["EXACT"] > 0.85 * SPECS


def until(
    ours: Evaluator, schedule: dict[str, Any], start: datetime, end: datetime, n: int
) -> list[int]:
    return [us for us in ours.next([schedule], start, n) if us <= micros(end)]
