"""Cron definitions as products of sets, disjoint where one definition becomes several."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from z4j_adapters.transfer.cron_fields import cron, field_text

__all__ = ["EVERY_DAY", "LAST_WEEK", "SETS", "YEARS", "Box", "Overlapping", "disjoint", "every_day"]

YEARS = frozenset(range(1970, 2200))
"""Those that the scheduler's calendar has."""
EVERY_DAY = frozenset(range(1, 32))
LAST_WEEK = frozenset(range(-6, 1))
SETS = ("year", "month", "week", "hour", "minute", "second")


class Overlapping(ValueError):
    """Triggers whose common instants cannot be taken out of one of them."""


@dataclass(frozen=True, slots=True)
class Box:
    """All instants whose every part is in its set."""

    year: frozenset[int]
    month: frozenset[int]
    week: frozenset[int]
    days: tuple[frozenset[int], ...]
    """Days of the month by weekday, Monday first; 0 and less are the last day and those before."""
    hour: frozenset[int]
    minute: frozenset[int]
    second: frozenset[int]

    @property
    def empty(self) -> bool:
        """Whether some part has nothing to match."""
        return not any(self.days) or not all(getattr(self, name) for name in SETS)

    def has_day(self, day: date) -> bool:
        """Whether a date matches."""
        if day.year not in self.year or day.month not in self.month:
            return False
        of_weekday = self.days[day.weekday()]
        if day.day not in of_weekday:
            if len(of_weekday) == 0 or min(of_weekday) > 0:
                return False
            if day.day - monthrange(day.year, day.month)[1] not in of_weekday:
                return False
        return len(self.week) == 53 or day.isocalendar()[1] in self.week

    def specs(self) -> Iterator[tuple[dict[str, Any], str]]:
        """Make cron specs, one for each set of days that some weekdays share and that occurs."""
        shared: dict[frozenset[int], list[int]] = {}
        for weekday, days in enumerate(self.days):
            if days:
                shared.setdefault(days, []).append((weekday + 1) % 7)
        for days, weekdays in shared.items():
            if not self._occurs(days, weekdays):
                continue
            yield cron(
                day_match="AND",
                second=self.second,
                minute=self.minute,
                hour=self.hour,
                day_of_month=_days_text(days),
                month=self.month,
                day_of_week=weekdays,
                year=None if self.year == YEARS else self.year,
                iso_week=self.week,
            )

    def _occurs(self, days: frozenset[int], weekdays: Collection[int]) -> bool:
        """Whether some date has one of the days and, 0 being Sunday, of the weekdays."""
        of_weekdays = tuple(
            days if (weekday + 1) % 7 in weekdays else frozenset() for weekday in range(7)
        )
        part = replace(self, days=of_weekdays)
        return any(
            part.has_day(date(year, month, day))
            for year in sorted(self.year)
            for month in self.month
            for day in range(1, monthrange(year, month)[1] + 1)
        )


def every_day(hour: frozenset[int], minute: frozenset[int], second: frozenset[int]) -> Box:
    """Times of every day."""
    every = tuple(EVERY_DAY for _ in range(7))
    return Box(YEARS, frozenset(range(1, 13)), frozenset(range(1, 54)), every, hour, minute, second)


def _days_text(days: frozenset[int]) -> str:
    numbers = [day for day in days if day > 0]
    text = field_text("dayOfMonth", numbers) if numbers else ""
    if text == "*":
        return text
    last = [f"L{day}" if day else "L" for day in sorted(days, reverse=True) if day <= 0]
    return ",".join([text, *last] if text else last)


def disjoint(boxes: Collection[Box], most: int = 32) -> list[Box]:
    """Boxes with the same union, none of which shares an instant with another.

    Raises:
        Overlapping: They mix days counted from both ends of the month, or become too many.
    """
    apart: list[Box] = []
    for box in boxes:
        parts = [box]
        for other in apart:
            parts = [piece for part in parts for piece in _minus(part, other)]
        apart += [part for part in parts if not part.empty]
        if len(apart) > most:
            raise Overlapping(f"they are {len(apart)} schedules and more")
    return apart


def _minus(box: Box, other: Box) -> list[Box]:
    """What is in `box` alone, as boxes that share nothing."""
    common = {name: getattr(box, name) & getattr(other, name) for name in SETS}
    if not all(common.values()):
        return [box]
    both = [_common_days(a, b) for a, b in zip(box.days, other.days, strict=True)]
    if not any(both):
        return [box]
    parts = []
    rest = box
    for name in SETS:
        alone = getattr(rest, name) - common[name]
        if alone:
            parts.append(replace(rest, **{name: alone}))
        rest = replace(rest, **{name: common[name]})
    days = tuple(a - b for a, b in zip(box.days, both, strict=True))
    return [*parts, replace(rest, days=days)]


def _common_days(a: frozenset[int], b: frozenset[int]) -> frozenset[int]:
    if a == b or a >= EVERY_DAY or b >= EVERY_DAY:
        return b if a >= EVERY_DAY else a
    if not a or not b:
        return frozenset()
    # Of days counted from the front and from the end nobody can say whether they are the same.
    mixed = [min(days) <= 0 for days in (a, b)]
    if any(mixed):
        raise Overlapping("some days are counted from the end of the month")
    return a & b
