"""Finds where a library leaves its own sets when the clocks change.

APScheduler 3.11 forgets a run between 00:00 and 01:00 on the day after the clocks go forward, and
runs a list of minutes in the missing hour once: that depends on its version and on where the run
before stands.  So it is asked, change by change.
"""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone, tzinfo
from itertools import islice, takewhile

from z4j_adapters.transfer.boxes import Box
from z4j_adapters.transfer.model import Fires
from z4j_adapters.transfer.nominal import END, Nominal, changes
from z4j_adapters.transfer.values import EPOCH, timestamp

__all__ = ["Difference", "Differences", "difference", "fitting", "gaps", "listed", "looked_until"]

MARGIN = timedelta(hours=3)
FIRES = 1000  # So many fires ahead, at least two years and not beyond 2199, are looked at.
YEAR = 366
DAYS_MIN = 2 * YEAR
STEPS_MAX = 50_000
LISTED = 12  # Dates that a person reads.
FAR = datetime.max.replace(tzinfo=timezone.utc)


@dataclass(frozen=True, slots=True)
class Difference:
    """An instant that only one of both has."""

    at: datetime
    library_runs: bool
    """It runs at `at`, and nothing is due here; or the other way round."""


@dataclass(frozen=True, slots=True)
class Differences:
    """Those that were found first, in order; at least one."""

    found: tuple[Difference, ...]
    until: datetime
    """How far was looked."""

    def __str__(self) -> str:
        """The dates, for people."""
        here = [each.at for each in self.found if not each.library_runs]
        there = [each.at for each in self.found if each.library_runs]
        sides = (("there", there), ("here", here))
        told = "; ".join(f"only {side} {listed(at)}" for side, at in sides if at)
        return f"until {self.until:%Y-%m-%d}: {told}"


def difference(
    nominal: Nominal,
    fires: Fires,
    zone: tzinfo,
    at: datetime,
    until: datetime | None,
) -> Differences | None:
    """Compare library and sets around the changes of the clocks after `at`.

    Args:
        nominal: What is imported.
        fires: The library.
        zone: The zone of both.
        at: From here.
        until: To here at most; None: no end.
    """
    end = looked_until(nominal, at)
    found = tuple(islice(_differing(nominal, fires, zone, at, until), 2 * LISTED + 1))
    return Differences(found, min(end, until or end)) if found else None


def fitting(
    boxes: Collection[Box],
    fires: Fires,
    zone: tzinfo,
    at: datetime,
    until: datetime | None,
    *,
    gap: str,
    fold: str,
) -> tuple[str, Differences | None]:
    """The gap policy under which the library's times are ours, or `gap` and where they differ.

    Of several times that a change leaves out a library may run the first alone, when the clock is
    put forward, or none if it ran shortly before.
    """
    own = difference(Nominal(boxes, zone, gap=gap, fold=fold), fires, zone, at, until)
    if own is None:
        return gap, None
    for other in ("NEXT_VALID", "SKIP"):
        nominal = Nominal(boxes, zone, gap=other, fold=fold)
        if next(_differing(nominal, fires, zone, at, until), None) is None:
            return other, None
    return gap, own


def _differing(
    nominal: Nominal, fires: Fires, zone: tzinfo, at: datetime, until: datetime | None
) -> Iterator[Difference]:
    seen = at
    for change in changes(zone, at.date(), _days(nominal, at)):
        if until is not None and change > until + MARGIN:
            return
        if change + MARGIN < seen:  # Times far apart reach over the next change.
            continue
        start = change - MARGIN
        before = nominal.before(start)
        start = before if before is not None and before > at else start - MARGIN
        seen = yield from _compare(nominal, fires, max(seen, start), change + MARGIN, until)


def gaps(nominal: Nominal, zone: tzinfo, at: datetime) -> Iterator[datetime]:
    """The changes of the clocks after `at`, as far as `difference` looks, that leave out a time."""
    for change in changes(zone, at.date(), _days(nominal, at)):
        if change > at and nominal.in_gap(change):
            yield change


def looked_until(nominal: Nominal, at: datetime) -> datetime:
    """How far `difference` and `gaps` look."""
    return at + timedelta(days=_days(nominal, at))


def listed(instants: Iterable[datetime]) -> str:
    """The first of them, for people."""
    texts = [timestamp(at) for at in islice(instants, LISTED + 1)]
    return ", ".join(texts[:LISTED]) + (" and more" if len(texts) > LISTED else "")


def _days(nominal: Nominal, at: datetime) -> int:
    first = at.date()
    matching = sum(1 for _ in takewhile(lambda day: (day - first).days < YEAR, nominal.days(first)))
    days = FIRES * YEAR // max(1, matching * nominal.per_day())
    return max(0, min(max(days, DAYS_MIN), (END.date() - first).days))


def _compare(
    nominal: Nominal, fires: Fires, start: datetime, end: datetime, until: datetime | None
) -> Generator[Difference, None, datetime]:
    """What only one side has from `start` to the first instant after `end` that both have; that."""
    ours, theirs = nominal.after(start), _following(fires, start)
    our, their = next(ours, FAR), next(theirs, FAR)
    for _ in range(STEPS_MAX):
        first = min(our, their)
        if first >= END or (until is not None and first > until):
            return FAR
        if our == their and first > end:
            return first
        if our != their:
            yield Difference(first, library_runs=their == first)
        our = next(ours, FAR) if our == first else our
        their = next(theirs, FAR) if their == first else their
    return first


def _following(fires: Fires, after: datetime) -> Iterator[datetime]:
    """The library's instants, each asked for from the one before."""
    last = asked = after
    while theirs := fires(asked, 1):
        at = _instant(theirs[0])
        if at > last:
            yield at
            last = asked = at
        else:  # The same instant twice.
            asked += timedelta(microseconds=1)


def _instant(micros: int) -> datetime:
    return EPOCH + timedelta(microseconds=micros)


assert EPOCH.tzinfo is timezone.utc
