"""What tests of exporters share: schedules, an export of them, and what must hold of it."""

from __future__ import annotations

import io
import json
import random
from argparse import Namespace
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from transfer.drawn_schedules import draw_schedules
from transfer.instants import COUNT, SEED, UTC, Evaluator
from transfer.tally import Tally, tally
from z4j_adapters.transfer.answers import CALENDAR_END_US
from z4j_adapters.transfer.exporting.lines import ExportLines
from z4j_adapters.transfer.exporting.model import Exporter
from z4j_adapters.transfer.exporting.run import run_export
from z4j_adapters.transfer.exporting.wanted import read_wanted
from z4j_adapters.transfer.model import Found, Refused
from z4j_adapters.transfer.nominal import changes
from z4j_adapters.transfer.values import micros
from z4j_adapters.transfer.zones import zone_of

FIRES = 60  # Due times that are compared after each instant.
CALL = ("engine", "task", "argsJson", "kwargsJson", "queue", "priority", "expires")
EMPTY = {"argsJson": "[]", "kwargsJson": "{}", "queue": "", "priority": 0}
AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


def cron(expression: str, **more: Any) -> dict[str, Any]:
    """The spec of a cron."""
    return {"cron": {"expression": expression, **more}}


NINE = cron("0 9 * * *")
MINUTE = {"interval": {"period": "60s", "anchorTime": "2026-01-01T00:00:00Z"}}
# Spec, further fields, and what is said of it where a target has five fields of a cron and no more.
NOT_IN_CRONS = [
    ({"cron": {"hour": "9", "minute": "0", "year": "2027"}}, {}, "no years"),
    ({"cron": {"hour": "9", "minute": "0", "isoWeek": "5"}}, {}, "no ISO weeks"),
    (cron("0 9 L * *"), {}, "L or W"),
    (NINE, {"state": "STATE_PAUSED"}, "state is STATE_PAUSED"),
    (NINE, {"startTime": "2026-05-01T00:00:00Z"}, "start_time has no place"),
    (NINE, {"endTime": "2026-05-01T00:00:00Z"}, "end_time has no place"),
    (NINE, {"maxFires": 3}, "max_fires has no place"),
    (NINE, {"engine": "rq"}, "it is for rq"),
]


def schedules_like(**plain: Any) -> Callable[..., dict[str, Any]]:
    """What makes schedules, of a spec and of fields that are other than the plain ones."""

    def schedule(spec: Mapping[str, Any] = NINE, **fields: Any) -> dict[str, Any]:
        return {**plain, "spec": spec, **fields}

    return schedule


@dataclass(frozen=True)
class Export:
    """What became of schedules."""

    target: Mapping[str, Any]
    """Line."""
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
    return Export(answers[0], schedules, exported, refused, found, to, after)


def exporting(
    exporter: type[Exporter],
    schedule: Callable[..., dict[str, Any]],
    *,
    at: datetime = AT,
    file: str = "schedules.py",
    **plain: Any,
) -> Any:
    """A fixture that exports one schedule, of a spec and fields, or `schedules` by their ids.

    `options` are those of the command, which are `plain` where nothing is said of them.
    """

    @pytest.fixture
    def exported(tmp_path: Path, ours: Evaluator) -> Callable[..., Export]:
        def run(
            spec: Mapping[str, Any] = NINE,
            *,
            schedules: Mapping[str, dict[str, Any]] | None = None,
            options: Mapping[str, Any] | None = None,
            drop: Iterable[str] = (),
            **fields: Any,
        ) -> Export:
            given = schedules or {"s": schedule(spec, **fields)}
            chosen = {**plain, **(options or {})}
            return export(exporter, given, tmp_path / file, ours, at=at, drop=drop, **chosen)

        return run

    return exported


@dataclass(frozen=True)
class Batch:
    """What the schedules of one random export have in common; most are in the first zone."""

    engine: str
    at: datetime
    zones: tuple[str, ...]
    more: Callable[[random.Random], dict[str, Any]] = lambda draw: {}
    options: Mapping[str, Any] = field(default_factory=dict)


def export_drawn(
    title: str,
    exporter: type[Exporter],
    draw_batch: Callable[[random.Random], Batch],
    folder: Path,
    ours: Evaluator,
    *,
    size: int = 30,
    file: str = "schedules.py",
    also: Callable[[Export], None] = lambda result: None,
) -> Counter[str]:
    """Export schedules by the batch and check each export, and `also` what only its target has.

    `title` is the target, and its version if there are several; its tally is "to-TARGET".
    """
    draw = random.Random(SEED)
    with tally(f"to-{title.partition(' ')[0]}", title, FIRES) as counted:
        while counted.tried < COUNT:
            batch = draw_batch(draw)
            schedules = draw_schedules(
                *(draw, ours, size), at=batch.at, engine=batch.engine, zones=batch.zones,
                more=batch.more,
            )  # fmt: skip
            to = folder / f"{counted.tried}-{file}"
            result = export(exporter, schedules, to, ours, at=batch.at, **batch.options)
            count(result, ours, counted)
            also(result)
    return counted.verdicts


def line_of(
    name: str, schedule: dict[str, Any], running: Evaluator, at: datetime, after: Iterable[datetime]
) -> str:
    """The line that an exporter gets of a schedule."""
    question = {
        "export": schedule,
        "now_us": micros(at),
        "after_us": [micros(instant) for instant in after],
        "count": FIRES,
    }
    fields = running.ask(question)
    assert "error" not in fields, (schedule, fields)
    return json.dumps({"type": "schedule", "id": name, "schedule": schedule, **fields})


def check(result: Export, running: Evaluator) -> Counter[str]:
    """All that must hold of an export; how many of what there were."""
    with tally("export", "export", FIRES) as counted:
        count(result, running, counted)
    return counted.verdicts


def count(result: Export, running: Evaluator, counted: Tally) -> None:
    """Nothing vanishes, what is refused says why, and what is exported is the same there: the call,
    and the due times by our evaluator and by the library."""
    assert not result.exported.keys() & result.refused.keys()
    assert result.exported.keys() | result.refused.keys() == result.given.keys()
    for line in result.refused.values():
        assert line["code"] and line["reason"] and line["remedy"], line
        counted.count(f"refused: {line['code']}")
    for name, line in result.exported.items():
        kind = next(iter(result.given[name]["spec"]))
        if any(note["code"] == "ANY_PHASE" for note in line["notes"]):
            counted.count(f"exported: {kind}, in any phase")
        else:
            counted.count(f"exported: {kind}" + ("" if "fires" in line else ", without an oracle"))
            _compare_times(result, name, running, counted)
        _check_call(result, name)


def _compare_times(result: Export, name: str, running: Evaluator, counted: Tally) -> None:
    line, schedule = result.exported[name], result.given[name]
    ends = result.target.get("ends")
    end_us = micros(datetime.fromisoformat(ends[:-1] + "+00:00")) if ends else CALENDAR_END_US
    read_back = [dict(one.schedule) for one in result.found_of(name)]
    for number, after in enumerate(result.after[name]):
        what = f"{schedule} from {after}, there {line['becomes']}"
        ours = [at for at in running.next([schedule], after, FIRES) if at < end_us]
        theirs = [at for at in running.next(read_back, after, FIRES) if at < end_us]
        counted.compare(f"{what}, read back", ours, theirs)
        if "fires" in line:
            counted.compare(what, ours, [at for at in line["fires"][number] if at < end_us])


def _check_call(result: Export, name: str) -> None:
    given = result.given[name]
    for one in result.found_of(name):
        for part in CALL:
            ours, theirs = (
                schedule.get(part, EMPTY.get(part)) for schedule in (given, one.schedule)
            )
            if part.endswith("Json"):
                ours, theirs = json.loads(ours), json.loads(theirs)
            assert ours == theirs, (part, given, one.schedule)


def _instants(schedule: dict[str, Any], at: datetime) -> tuple[datetime, ...]:
    """From where due times are compared: now, and before the next change of its clock."""
    if schedule.get("maxFires") or not schedule["spec"].keys() & {"cron", "calendarInterval"}:
        return (at,)
    zone = zone_of(schedule.get("timeZone", "UTC"))
    following = (change for change in changes(zone, at.date(), 400) if change > at)
    return at, *(max(at, change - timedelta(hours=30)) for change in islice(following, 1))


def report(title: str, tally: Counter[str]) -> str:
    """What to print of a random test."""
    lines = (f"  {count:5}  {what}" for what, count in sorted(tally.items()))
    return "\n".join([f"\n{title}, Z4J_SEED={SEED}: {tally.total()} schedules", *lines])
