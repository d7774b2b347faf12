"""Finds where a library leaves its own sets when the clocks change.

APScheduler 3.11 forgets a run between 00:00 and 01:00 on the day after the clocks go forward, and
runs a list of minutes in the missing hour once: that depends on its version and on where the run
before stands.  So it is asked, change by change.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone, tzinfo
from itertools import islice, takewhile

from z4j_adapters.transfer.model import Fires
from z4j_adapters.transfer.nominal import Nominal, changes
from z4j_adapters.transfer.values import EPOCH

__all__ = ["Difference", "difference", "gaps"]

MARGIN = timedelta(hours=3)
FIRES = 1000  # So many fires ahead, at least two years and at most thirty, are looked at.
YEAR = 366
DAYS_MIN, DAYS_MAX = 2 * YEAR, 30 * YEAR
STEPS_MAX = 50_000


@dataclass(frozen=True, slots=True)
class Difference:
    """The first one found."""

    at: datetime
    library_runs: bool
    """It runs at `at`, and nothing is due here; or the other way round."""


def difference(
    nominal: Nominal,
    fires: Fires,
    zone: tzinfo,
    at: datetime,
    until: datetime | None,
) -> Difference | None:
    """Compare library and sets around the changes of the clocks after `at`.

    Args:
        nominal: What is imported.
        fires: The library.
        zone: The zone of both.
        at: From here.
        until: To here at most; None: no end.
    """
    for change in changes(zone, at.date(), _days(nominal, at)):
        if until is not None and change > until + MARGIN:
            return None
        start = change - MARGIN
        before = nominal.before(start)
        start = before if before is not None and before > at else max(at, start - MARGIN)
        found = _compare(nominal, fires, start, change + MARGIN, until)
        if found is not None:
            return found
    return None


def gaps(nominal: Nominal, zone: tzinfo, at: datetime) -> Iterator[datetime]:
    """The changes of the clocks after `at`, as far as `difference` looks, that leave out a time."""
    for change in changes(zone, at.date(), _days(nominal, at)):
        if change > at and nominal.in_gap(change):
            yield change


def _days(nominal: Nominal, at: datetime) -> int:
    first = at.date()
    matching = sum(1 for _ in takewhile(lambda day: (day - first).days < YEAR, nominal.days(first)))
    days = FIRES * YEAR // max(1, matching * nominal.per_day())
    return min(max(days, DAYS_MIN), DAYS_MAX)


def _compare(
    nominal: Nominal, fires: Fires, start: datetime, end: datetime, until: datetime | None
) -> Difference | None:
    """Both sides from `start` to the first instant after `end`."""
    known = start
    for ours in islice(nominal.after(start), STEPS_MAX):
        if until is not None and ours > until:
            return None
        theirs = fires(known, 1)
        while theirs and _instant(theirs[0]) <= known:  # The same instant twice.
            known_us = theirs[0] + 1
            theirs = fires(_instant(known_us), 1)
        if not theirs or _instant(theirs[0]) > ours:
            return Difference(ours, library_runs=False)
        if _instant(theirs[0]) < ours:
            return Difference(_instant(theirs[0]), library_runs=True)
        if ours > end:
            return None
        known = ours
    return None


def _instant(micros: int) -> datetime:
    return EPOCH + timedelta(microseconds=micros)


assert EPOCH.tzinfo is timezone.utc
