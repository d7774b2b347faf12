"""What tests of exporters share: random schedules, an export of them, and what must hold of it."""

from __future__ import annotations

import io
import json
import random
from argparse import Namespace
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

from transfer.instants import Evaluator
from z4j_adapters.transfer.answers import CALENDAR_END_US
from z4j_adapters.transfer.cron_fields import BOUNDS
from z4j_adapters.transfer.exporting.lines import ExportLines
from z4j_adapters.transfer.exporting.model import Exporter
from z4j_adapters.transfer.exporting.run import run_export
from z4j_adapters.transfer.exporting.wanted import read_wanted
from z4j_adapters.transfer.model import Found, Refused
from z4j_adapters.transfer.nominal import changes
from z4j_adapters.transfer.values import duration, micros, timestamp
from z4j_adapters.transfer.zones import zone_of

COUNT = 60  # Due times that are compared after each instant.
CALL = ("engine", "task", "argsJson", "kwargsJson", "queue", "priority", "expires")
EMPTY = {"argsJson": "[]", "kwargsJson": "{}", "queue": "", "priority": 0}
SHORT_S = 7 * 86_400  # Of a period.


@dataclass(frozen=True)
class Export:
    """What became of schedules."""

    given: Mapping[str, dict[str, Any]]
    exported: Mapping[str, dict[str, Any]]
    """Id → line."""
    refused: Mapping[str, dict[str, Any]]
    """Id → line."""
    found: Mapping[str, list[Found]]
    """Key there → what its importer reads."""
    path: Path
    after: Mapping[str, tuple[datetime, ...]]

    def found_of(self, schedule: str) -> list[Found]:
        """What reads back of one schedule."""
        return [one for key in self.exported[schedule]["keys"] for one in self.found[key]]


def export(
    exporter: type[Exporter],
    schedules: Mapping[str, dict[str, Any]],
    to: Path,
    running: Evaluator,
    *,
    at: datetime,
    drop: Iterable[str] = (),
    **options: Any,
) -> Export:
    """Export schedules (id → JSON) as the command does; `drop` names fields of JSON."""
    text = io.StringIO()
    base = {"at": at, "any_phase": False, "timezone": None}
    writer = exporter(Namespace(**{**base, **options}))
    out = ExportLines(text)
    out.target(writer.target(), "x")
    after = {name: _instants(schedule, at) for name, schedule in schedules.items()}
    lines = [line_of(name, one, running, at, after[name]) for name, one in schedules.items()]
    run_export(writer, read_wanted([*lines, '{"type":"end"}'], drop), to, out)
    out.end()
    answers = [json.loads(line) for line in text.getvalue().splitlines()]
    found: dict[str, list[Found]] = {}
    exported = {line["id"]: line for line in answers if line["type"] == "exported"}
    for entry in writer.read_back(to) if exported else ():
        assert not isinstance(entry, Refused), entry
        found.setdefault(entry.key, []).append(entry)
    refused = {line["id"]: line for line in answers if line["type"] == "refused"}
    return Export(schedules, exported, refused, found, to, after)


def line_of(
    name: str, schedule: dict[str, Any], running: Evaluator, at: datetime, after: Iterable[datetime]
) -> str:
    """The line that an exporter gets of a schedule."""
    question = {
        "export": schedule,
        "now_us": micros(at),
        "after_us": [micros(instant) for instant in after],
        "count": COUNT,
    }
    fields = running.ask(question)
    assert "error" not in fields, (schedule, fields)
    return json.dumps({"type": "schedule", "id": name, "schedule": schedule, **fields})


def check(result: Export, running: Evaluator) -> Counter[str]:
    """Nothing vanishes, what is refused says why, and what is exported is the same there: the call,
    and the due times by our evaluator and by the library.  Returns how many of what there were."""
    assert not result.exported.keys() & result.refused.keys()
    assert result.exported.keys() | result.refused.keys() == result.given.keys()
    tally: Counter[str] = Counter()
    for line in result.refused.values():
        assert line["code"] and line["reason"] and line["remedy"], line
        tally[f"refused: {line['code']}"] += 1
    for name, line in result.exported.items():
        kind = next(iter(result.given[name]["spec"]))
        if any(note["code"] == "ANY_PHASE" for note in line["notes"]):
            tally[f"exported: {kind}, in any phase"] += 1
        else:
            _check_times(result, name, running)
            tally[f"exported: {kind}" + ("" if "fires" in line else ", without an oracle")] += 1
        _check_call(result, name)
    return tally


def _check_times(result: Export, name: str, running: Evaluator) -> None:
    line, schedule, found = result.exported[name], result.given[name], result.found_of(name)
    for number, after in enumerate(result.after[name]):
        ours = [at for at in running.next([schedule], after, COUNT) if at < CALENDAR_END_US]
        theirs = running.next([dict(one.schedule) for one in found], after, COUNT)
        assert ours == theirs, (after, schedule, [one.schedule for one in found])
        if "fires" in line:
            assert ours == line["fires"][number], (after, schedule, line)


def _check_call(result: Export, name: str) -> None:
    given = result.given[name]
    for one in result.found_of(name):
        for field in CALL:
            ours, theirs = (
                schedule.get(field, EMPTY.get(field)) for schedule in (given, one.schedule)
            )
            if field.endswith("Json"):
                ours, theirs = json.loads(ours), json.loads(theirs)
            assert ours == theirs, (field, given, one.schedule)


def _instants(schedule: dict[str, Any], at: datetime) -> tuple[datetime, ...]:
    """From where due times are compared: now, and before the next change of its clock."""
    if schedule.get("maxFires") or not schedule["spec"].keys() & {"cron", "calendarInterval"}:
        return (at,)
    zone = zone_of(schedule.get("timeZone", "UTC"))
    following = (change for change in changes(zone, at.date(), 400) if change > at)
    return at, *(max(at, change - timedelta(hours=30)) for change in islice(following, 1))


def draw_schedules(
    draw: random.Random,
    running: Evaluator,
    n: int,
    *,
    at: datetime,
    engine: str,
    zones: tuple[str, ...],
    more: Callable[[random.Random], dict[str, Any]] = lambda draw: {},
) -> dict[str, dict[str, Any]]:
    """n schedules that the scheduler takes, by their ids; most of them plain, in the first zone.

    `more` gives further fields, which only this engine has.
    """
    found: dict[str, dict[str, Any]] = {}
    while len(found) < n:
        schedule = _draw(draw, at, zones) | {"engine": engine, "task": draw.choice(TASKS)}
        schedule |= more(draw)
        if "error" not in running.ask({"export": schedule, "now_us": micros(at)}):
            found[f"s{len(found)}"] = schedule
    return found


TASKS = ("proj.tasks.report", "send", "a.b:c")


def _draw(draw: random.Random, at: datetime, zones: tuple[str, ...]) -> dict[str, Any]:
    zone = zones[0] if draw.random() < 0.85 else draw.choice(zones)
    kind = draw.random()
    if kind < 0.68:
        spec = {"cron": _draw_cron(draw)}
    elif kind < 0.86:
        spec = {"interval": _draw_interval(draw, at)}
    elif kind < 0.92:
        spec = {"oneShot": {"fireTime": timestamp(at + _span(draw, 2e7))}}
    elif kind < 0.97:
        spec = {"calendarInterval": _draw_calendar(draw, at)}
    else:
        spec = {"solar": {"event": "EVENT_SUNSET", "latitude": 52.5, "longitude": 13.4}}
    return {
        "spec": spec,
        "timeZone": zone,
        "gap": "GAP_POLICY_" + draw.choice(["NEXT_VALID", "SHIFT", "SHIFT", "SKIP"]),
        "fold": "FOLD_POLICY_" + draw.choice(["AUTO", "FIRST", "FIRST", "SECOND", "BOTH"]),
        **_draw_call(draw),
        **_draw_bounds(draw, at),
    }


def _draw_cron(draw: random.Random) -> dict[str, Any]:
    stars = {"minute": 0.15, "hour": 0.3, "dayOfMonth": 0.6, "month": 0.7, "dayOfWeek": 0.6}
    fields = {name: draw_field(draw, name) for name, star in stars.items() if draw.random() >= star}
    if draw.random() < 0.4:  # At night, when the clocks are changed.
        hour = draw.choice(["2", "1,2", "2,3", "0", "0,23", "*/2", "1-3", "0-4", "*", "23"])
        fields = {"minute": fields.get("minute", "0"), "hour": hour}
    rare = draw.random()
    if rare < 0.04:
        fields["second"] = draw.choice(["30", "*/15", "0,59"])
    elif rare < 0.08:
        fields["dayOfMonth"] = draw.choice(["L", "L-3", "15W", "LW", "1,L"])
    elif rare < 0.14:
        fields["dayOfWeek"] = draw.choice(["5#2", "5L", "1#1,3#3", "MON#5", "2,5#2"])
    elif rare < 0.18:
        fields["year"] = draw.choice(["2026-2040", "2027,2029"])
    elif rare < 0.2:
        fields["isoWeek"] = draw.choice(["1-26", "53", "*/2"])
    match = draw.choice(["AND", "OR"])
    return {**fields, "dayMatch": f"DAY_MATCH_{match}"}


def draw_field(draw: random.Random, name: str) -> str:
    """A field of a cron, as people write them."""
    low, high = BOUNDS[name]
    kind = draw.random()
    if kind < 0.4:
        return str(draw.randint(low, high))
    if kind < 0.6:
        return f"*/{draw.randint(2, (high - low) // 2 + 2)}"
    first, last = sorted((draw.randint(low, high), draw.randint(low, high)))
    if kind < 0.8:
        return f"{first}-{last}"
    return ",".join(str(draw.randint(low, high)) for _ in range(draw.randint(2, 4)))


def _draw_interval(draw: random.Random, at: datetime) -> dict[str, Any]:
    period = draw.choice([1, 30, 60, 90, 3600, 7200, 86_400, 0, 0])
    span = timedelta(seconds=period or draw.randint(2, SHORT_S))
    if draw.random() < 0.1:
        span += timedelta(microseconds=draw.randint(1, 999_999))
    anchor = at - _span(draw, 2e6)
    interval = {"period": duration(span), "anchorTime": timestamp(anchor)}
    if draw.random() < 0.1:
        days = draw.randint(1, 9)
        interval |= {"period": f"{days * 86_400}s", "arithmetic": "ARITHMETIC_WALL"}
    return interval


def _draw_calendar(draw: random.Random, at: datetime) -> dict[str, Any]:
    unit = draw.choice(["days", "weeks", "months", "years"])
    start = (at - _span(draw, 4e7)).date()
    time = draw.choice(["00:00", "02:30", "12:00:05"])
    return {unit: draw.randint(1, 4), "startDate": start.isoformat(), "atTime": time}


def _draw_call(draw: random.Random) -> dict[str, Any]:
    return _some(
        draw,
        (0.5, "argsJson", lambda: json.dumps([1, "zwei", None, {"x": [2.5, True]}])),
        (0.4, "kwargsJson", lambda: json.dumps({"to": "a@b", "n": draw.randrange(10**20)})),
        (0.3, "queue", lambda: draw.choice(["reports", "low"])),
        (0.03, "priority", lambda: draw.choice([-50, 10])),
        (0.15, "expires", lambda: draw.choice(["90s", "3600s", "1.5s"])),
    )


def _draw_bounds(draw: random.Random, at: datetime) -> dict[str, Any]:
    return _some(
        draw,
        (0.03, "startTime", lambda: timestamp(at + _span(draw, 4e6))),
        (0.03, "endTime", lambda: timestamp(at + _span(draw, 4e7) + timedelta(days=1))),
        (0.03, "maxFires", lambda: draw.choice([1, 5])),
        (0.02, "jitter", lambda: "30s"),
        (0.02, "overlap", lambda: "OVERLAP_SKIP"),
        (0.02, "runRetry", lambda: {"maxAttempts": 3}),
        (0.03, "state", lambda: "STATE_PAUSED"),
        (0.1, "description", lambda: "of the night"),
        (0.1, "labels", lambda: {"team": "billing"}),
        (0.1, "catchUp", lambda: "CATCH_UP_SKIP"),
    )


def _some(draw: random.Random, *choices: tuple[float, str, Callable[[], Any]]) -> dict[str, Any]:
    return {name: value() for chance, name, value in choices if draw.random() < chance}


def _span(draw: random.Random, most_s: float) -> timedelta:
    return timedelta(seconds=draw.randrange(1, int(most_s)))


def report(title: str, tally: Counter[str]) -> str:
    """What to print of a random test."""
    lines = (f"  {count:5}  {what}" for what, count in sorted(tally.items()))
    return "\n".join([f"\n{title}: {tally.total()} schedules", *lines])
