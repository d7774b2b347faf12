"""One export: translate, write, load it with the target's own library, compare."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import groupby, islice
from pathlib import Path
from typing import Any

from z4j_adapters.transfer.exporting.calendars import as_cron
from z4j_adapters.transfer.exporting.clocks import Crossing, differs_at, not_held
from z4j_adapters.transfer.exporting.compare import lost
from z4j_adapters.transfer.exporting.lines import ExportLines
from z4j_adapters.transfer.exporting.model import Exporter, NotHeld, Wanted, Written
from z4j_adapters.transfer.lines import CALENDAR_END_US
from z4j_adapters.transfer.model import APPROXIMATE, Found, Note, Refused
from z4j_adapters.transfer.zones import tzdata_version, zone_of

__all__ = ["run_export"]

PROGRESS_EVERY = 500
Compared = tuple[Written, tuple[Note, ...], Sequence[Found]]
Result = tuple[Written, tuple[Note, ...], list[list[int]] | None]


def run_export(exporter: Exporter, wanted: Iterable[Wanted], to: Path, lines: ExportLines) -> None:
    """Write to `to` what the target holds of `wanted`, and tell of it and of each schedule."""
    target = exporter.target()
    given = list(wanted)
    if not exporter.calendar_intervals:
        given = [as_cron(one, exporter.options.at) for one in given]
    zone = None
    if exporter.zone is not None:
        zone = exporter.zone.choose(one for one in given if _unfit(exporter, one) is None)
    lines.target(target, tzdata_version(), zone)
    written = list(_translate(exporter, given, lines))
    while True:
        exporter.write(written, to)
        compared, bad = _read_back(exporter, written, to)
        if not bad:
            results, bad = _asked(compared)
        if not bad:
            break
        for schedule, why in bad.items():
            lines.refused(schedule, why)
        written = [one for one in written if one.wanted.id not in bad]
    for one, notes, fires in results:
        lines.exported(one, notes, fires)


def _translate(
    exporter: Exporter, wanted: Iterable[Wanted], lines: ExportLines
) -> Iterator[Written]:
    for number, one in enumerate(wanted, 1):
        try:
            unfit = _unfit(exporter, one)
            if unfit is not None:
                raise unfit
            yield exporter.add(one)
        except NotHeld as why:
            lines.refused(one.id, why)
        if number % PROGRESS_EVERY == 0:
            lines.progress(number)


def _unfit(exporter: Exporter, one: Wanted) -> NotHeld | None:
    """Why no target of this kind has a use for a schedule; None if one may have."""
    if exporter.engine not in (None, one.engine):
        return NotHeld(
            f"it is for {one.engine}, and {exporter.engine} cannot run it",
            "leave it out with --only, or export it to a scheduler of its engine",
            "R9_ENGINE",
        )
    if one.next_due is None:
        return NotHeld("it never comes due again", "delete it, or leave it", "R6_NEVER_FIRES")
    return None


def _read_back(
    exporter: Exporter, written: Sequence[Written], path: Path
) -> tuple[list[Compared], dict[str, NotHeld]]:
    found: dict[str, list[Found | Refused]] = {}
    for entry in exporter.read_back(path) if written else ():
        found.setdefault(entry.key, []).append(entry)
    results: list[Compared] = []
    bad: dict[str, NotHeld] = {}
    for one in written:
        try:
            entries = [entry for key in one.keys for entry in found.get(key, ())]
            results.append(_compared(one, entries, exporter.options.at))
        except NotHeld as why:
            bad[one.wanted.id] = why
    return results, bad


def _asked(compared: Sequence[Compared]) -> tuple[list[Result], dict[str, NotHeld]]:
    """Ask the library for due times, which takes the longest."""
    results: list[Result] = []
    bad: dict[str, NotHeld] = {}
    for one, notes, found in compared:
        try:
            results.append((one, notes, _fires(one, found)))
        except NotHeld as why:
            bad[one.wanted.id] = why
    return results, bad


def _compared(one: Written, found: Sequence[Found | Refused], at: datetime) -> Compared:
    definitions = []
    for entry in found:
        if isinstance(entry, Refused):
            raise NotHeld(f"it does not read back: {entry.reason}", entry.remedy, entry.code)
        definitions.append(entry)
    if {entry.key for entry in definitions} != set(one.keys):
        raise NotHeld("it is not among what the target's library loads", "report this", "READ_BACK")
    for entry in definitions:
        _check_times(one, entry)
    _check_clock_changes(one.wanted, definitions, at)
    notes = (*one.notes, *lost(one.wanted, definitions))
    for entry in definitions:
        notes += entry.reasons
    return one, tuple(dict.fromkeys(notes)), definitions


def _check_times(one: Written, entry: Found) -> None:
    if entry.finished:
        raise NotHeld("it would be taken as finished there", "leave it out with --only")
    if entry.exactness == APPROXIMATE and not _has_any_phase(one):
        why = "; ".join(note.message for note in entry.reasons)
        raise NotHeld(f"it would come due at other times there: {why}", "change it first")


def _check_clock_changes(wanted: Wanted, found: Sequence[Found], at: datetime) -> None:
    if wanted.cron is None or not all("cron" in one.schedule["spec"] for one in found):
        return
    ways = {_crossing(one.schedule) for one in found}
    theirs = ways.pop()
    if ways or theirs.fold == "AUTO":
        return
    ours = Crossing(wanted.gap, wanted.fold)
    wall = differs_at(wanted.cron, zone_of(wanted.time_zone), at, ours, theirs)
    if wall is not None:
        raise not_held(wall, wanted.time_zone, ours, theirs)


def _crossing(schedule: Mapping[str, Any]) -> Crossing:
    gap = schedule.get("gap", "GAP_POLICY_NEXT_VALID")
    fold = schedule.get("fold", "FOLD_POLICY_FIRST")
    return Crossing(gap.removeprefix("GAP_POLICY_"), fold.removeprefix("FOLD_POLICY_"))


def _has_any_phase(one: Written) -> bool:
    return any(note.code == "ANY_PHASE" for note in one.notes)


def _fires(one: Written, found: Sequence[Found]) -> list[list[int]] | None:
    """The due times after each instant that is asked about; None if the library cannot say."""
    if _has_any_phase(one):
        return None
    leaders = [f for f in found if f.fires is not None]
    if {f.key for f in leaders} != set(one.keys):
        return None
    try:
        return [_next(leaders, after, one.wanted.count) for after in one.wanted.after]
    except Exception as error:  # Whatever the library raises concerns this one alone.
        raise NotHeld(
            f"the library cannot say when it fires: {type(error).__name__}: {error}",
            "change its times",
        ) from None


def _next(found: Sequence[Found], after: datetime, count: int) -> list[int]:
    times = heapq.merge(*(f.fires(after, count) for f in found if f.fires is not None))
    distinct = (at for at, _ in groupby(times) if at < CALENDAR_END_US)
    return list(islice(distinct, count))
