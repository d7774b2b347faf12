"""Judges what a cluster has left behind: its fires, what was run, and who wrote with which token.

Pure: everything is an argument, and the answer is a list of violations.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

PENDING, SKIPPED = 1, 8  # States of a fire's row.


@dataclass(frozen=True)
class Schedule:
    """An interval; its policy is to fire all that an outage delays."""

    id: str
    name: str
    anchor_us: int
    period_us: int


@dataclass(frozen=True)
class Fire:
    """A row of the table of fires."""

    id: str
    schedule_id: str
    due_us: int
    state: int
    count: int = 1


@dataclass(frozen=True)
class Run:
    """What the engine ran, as it was told."""

    fire_id: str
    schedule: str
    """Name of the schedule, with its project."""
    due_us: int


@dataclass(frozen=True)
class Write:
    """A leader's write, or a raise of the fence, in the order in which the database made them."""

    node: str
    """Who wrote, as its connection is called."""
    holder: str
    """Whose term the fence held at that moment."""
    token: int
    """Which one the fence held."""
    is_raise: bool = False


@dataclass(frozen=True)
class Violation:
    """One thing that must not be."""

    kind: str
    text: str


def check(
    schedules: Sequence[Schedule],
    fires: Sequence[Fire],
    runs: Sequence[Run],
    writes: Sequence[Write],
    begin_us: int,
    end_us: int,
) -> list[Violation]:
    """Judges all due times in [begin_us, end_us); fires and runs of others may be there too.

    Kinds: missed (a due time without a row), skipped (or counted in another's), unsettled (never
    handed over), doubled (two rows, or two runs, of one due time), off the grid (a row that is no
    due time), lost (handed over, but never run), unfounded (run without a row), stale write (by one
    who did not hold the fence), token (not monotone).
    """
    return [
        *_check_rows(schedules, fires, begin_us, end_us),
        *_check_runs(schedules, fires, runs, begin_us, end_us),
        *_check_writes(writes),
    ]


def due_times(schedule: Schedule, begin_us: int, end_us: int) -> range:
    """Of one schedule, in [begin_us, end_us)."""
    begin_us = max(begin_us, schedule.anchor_us)
    periods = -(-(begin_us - schedule.anchor_us) // schedule.period_us)
    return range(schedule.anchor_us + periods * schedule.period_us, end_us, schedule.period_us)


def _check_rows(
    schedules: Sequence[Schedule], fires: Sequence[Fire], begin_us: int, end_us: int
) -> Iterable[Violation]:
    rows: dict[str, dict[int, list[Fire]]] = defaultdict(lambda: defaultdict(list))
    for fire in fires:
        if begin_us <= fire.due_us < end_us:
            rows[fire.schedule_id][fire.due_us].append(fire)
    for schedule in schedules:
        mine = rows.pop(schedule.id, {})
        for due in due_times(schedule, begin_us, end_us):
            at = f"{schedule.name} at {due} us"
            found = mine.pop(due, [])
            if not found:
                yield Violation("missed", at)
            if len(found) > 1:
                yield Violation("doubled", f"{at}: {len(found)} rows")
            for fire in found:
                if fire.state == PENDING:
                    yield Violation("unsettled", f"{at}: {fire.id}")
                if fire.state == SKIPPED or fire.count != 1:
                    yield Violation("skipped", f"{at}: {fire}")
        for due in mine:
            yield Violation("off the grid", f"{schedule.name} at {due} us")
    for unknown in rows:
        yield Violation("off the grid", f"fires of an unknown schedule {unknown}")


def _check_runs(
    schedules: Sequence[Schedule],
    fires: Sequence[Fire],
    runs: Sequence[Run],
    begin_us: int,
    end_us: int,
) -> Iterable[Violation]:
    names = {schedule.id: schedule.name for schedule in schedules}
    rows = {fire.id: fire for fire in fires}
    ran: dict[tuple[str, int], list[Run]] = defaultdict(list)
    for run in runs:
        if begin_us <= run.due_us < end_us:
            ran[run.schedule, run.due_us].append(run)
    for (schedule, due), several in ran.items():
        at = f"{schedule} at {due} us"
        if len(several) > 1:
            yield Violation("doubled", f"{at}: run as {[run.fire_id for run in several]}")
        for run in several:
            fire = rows.get(run.fire_id)
            if fire is None or names.get(fire.schedule_id) != schedule or fire.due_us != due:
                yield Violation("unfounded", f"{at}: {run.fire_id} was run, and has no such row")
    for fire in fires:
        settled = fire.state not in (PENDING, SKIPPED)
        name = names.get(fire.schedule_id, "")
        if begin_us <= fire.due_us < end_us and settled and (name, fire.due_us) not in ran:
            yield Violation("lost", f"{name} at {fire.due_us} us: {fire.id} was never run")


def _check_writes(writes: Sequence[Write]) -> Iterable[Violation]:
    for write in writes:
        if write.node != write.holder:
            text = f"{write.node} wrote while {write.holder} held token {write.token}"
            yield Violation("stale write", text)
    for before, after in itertools.pairwise(writes):
        grew = after.token > before.token
        same = after.token == before.token and after.holder == before.holder
        if not (grew if after.is_raise and not same else same):
            yield Violation("token", f"{after} after {before}")
