"""Random definitions of Celery: our evaluator's due times are those of Celery's own code."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from celery import __version__ as celery_version
from celery.schedules import crontab, schedule, solar
from transfer.celery_kit import ZONES, draw_crontab, make_app, named, start_near
from transfer.instants import COUNT, SEED, Evaluator, evaluator, lines_of, members
from z4j_adapters.engines.celery.importing.static import CeleryImporter
from z4j_adapters.transfer.values import micros

FIRES = 60
ENTRIES = 10  # In one app, with one zone and one start.
NO_MORE = {"state": None, "redbeat_url": None}


@pytest.fixture(scope="module")
def running() -> Iterator[Evaluator]:
    with evaluator() as running:
        yield running


def draw_schedule(draw: random.Random) -> Any:
    kind = draw.random()
    try:
        if kind < 0.6:
            return crontab(**draw_crontab(draw))
        if kind < 0.7:
            return draw.choice([1, 30, 60.5, 3600, 86_400, 0.2, draw.uniform(1, 1e6)])
        if kind < 0.8:
            return timedelta(seconds=draw.randrange(1, 400_000), microseconds=draw.randrange(5))
        if kind < 0.98:
            unit = draw.choice([1, 60, 3600, 86_400])
            return schedule(draw.choice([1, 1.5, 2, 6, 7, 25]) * unit, relative=True)
        return solar("sunset", draw.uniform(-60, 60), draw.uniform(-180, 180))
    except ValueError:  # Celery itself refuses what never fires.
        return draw_schedule(draw)


def test_due_times_are_celerys(running: Evaluator, capsys: pytest.CaptureFixture[str]) -> None:
    draw = random.Random(SEED)
    tally: Counter[str] = Counter()
    different = []
    for _ in range(COUNT // ENTRIES):
        zone, at = draw.choice(ZONES), start_near(draw)
        entries = {f"e{n}": {"task": "t", "schedule": draw_schedule(draw)} for n in range(ENTRIES)}
        app = make_app(zone, beat_schedule=entries)
        lines = lines_of(CeleryImporter, at=at, fires=FIRES, celery_app=named(app), **NO_MORE)
        for line in lines:
            if line["type"] == "refused":
                tally[f"refused: {line['code']}"] += 1
        for group in members(lines):
            first = group[0]
            exactness = first["exactness"]
            if exactness == "APPROXIMATE":
                exactness += f": {first['reasons'][-1]['code']}"
            tally[exactness] += 1
            if first["exactness"] == "APPROXIMATE":
                continue
            assert first["fires"], first
            ours = running.next([line["schedule"] for line in group], at, len(first["fires"]))
            if ours != first["fires"]:
                different.append((zone, at.isoformat(), first["source"]["raw"]))
                tally["DIFFERENT"] += 1
    with capsys.disabled():
        print(f"\nCelery {celery_version}: {tally.total()} definitions, Z4J_SEED={SEED}")
        for cause, count in sorted(tally.items()):
            print(f"  {count:5}  {cause}")
    assert not different, f"Z4J_SEED={SEED}: {different[:5]}"


def test_the_oracle_does_what_a_beat_does_that_looks_at_its_clock() -> None:
    draw = random.Random(SEED + 1)
    for _ in range(60):
        zone, at = draw.choice(ZONES), start_near(draw)
        try:
            what = crontab(**draw_crontab(draw))
        except ValueError:
            continue
        app = make_app(zone, beat_schedule={"e": {"task": "t", "schedule": what}})
        (line, *_) = lines_of(CeleryImporter, at=at, fires=12, celery_app=named(app), **NO_MORE)
        if line["type"] == "refused":
            continue
        what.app = app
        beat = run_beat(what, at - timedelta(days=2), at, 12)
        assert line["fires"][: len(beat)] == beat, (SEED, zone, at, line["source"]["raw"])


def run_beat(what: Any, start: datetime, after: datetime, fires: int) -> list[int]:
    """What a beat that begins at `start` runs after `after`, from check to check."""
    now = start
    what.nowfun = lambda: now.astimezone(what.tz)
    last, found = now, []
    while len(found) < fires and now.year < 2100:
        is_due, wait = what.is_due(last.astimezone(what.tz))
        if is_due:
            last = now
            if now > after:
                found.append(micros(now))
        now += timedelta(seconds=wait)
    return found


def test_each_kind_was_drawn() -> None:
    draw = random.Random(1)
    kinds = {type(draw_schedule(draw)).__name__ for _ in range(1000)}
    assert kinds >= {"crontab", "schedule", "timedelta", "solar"}
