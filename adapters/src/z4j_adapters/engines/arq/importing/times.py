"""The times of arq's cron jobs: sets of numbers, and arq's own next_cron."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Any

from z4j_adapters.transfer.cron_fields import cron
from z4j_adapters.transfer.minutes import YEAR_MAX
from z4j_adapters.transfer.model import Fires
from z4j_adapters.transfer.values import micros
from z4j_adapters.transfer.wall import day_exists, first_shown

__all__ = ["Never", "Times", "Unreadable", "read_times", "shown"]

# In the order of arq's own fields; weekday 0 is Monday.
_RANGES = {
    "month": range(1, 13),
    "day": range(1, 32),
    "weekday": range(7),
    "hour": range(24),
    "minute": range(60),
    "second": range(60),
}
FOLD_MAX = timedelta(hours=3)  # What a clock is put back at most.


class Never(ValueError):
    """It never comes due; arq's worker would look for the next time without end."""


class Unreadable(ValueError):
    """A field is nothing that arq takes."""


@dataclass(frozen=True, slots=True)
class Times:
    """When a job runs; None: any."""

    month: frozenset[int] | None
    day: frozenset[int] | None
    weekday: frozenset[int] | None
    hour: frozenset[int] | None
    minute: frozenset[int] | None
    second: frozenset[int] | None
    microsecond: int
    own: dict[str, Any]
    """The fields as arq has them."""

    @property
    def runs_a_day(self) -> int:
        """On a day that matches."""
        runs = 1
        for values, count in ((self.hour, 24), (self.minute, 60), (self.second, 60)):
            runs *= count if values is None else len(values)
        return runs

    def spec(self) -> tuple[dict[str, Any], str]:
        """The CronSpec's JSON, and what people read."""
        return cron(
            second=self.second,
            minute=self.minute,
            hour=self.hour,
            day_of_month=self.day,
            month=self.month,
            day_of_week=None if self.weekday is None else {(d + 1) % 7 for d in self.weekday},
            day_match="AND",
            microsecond=self.microsecond,
        )

    def fires(self, zone: tzinfo) -> Fires:
        """Due times by arq's next_cron.

        arq counts on the wall clock, from one time to the next, and its worker runs a job once the
        clock shows its time or more.
        """
        from arq.cron import next_cron

        def fires(after: datetime, n: int) -> list[int]:
            # next_cron looks from a second later on; and a worker that runs has not forgotten the
            # first pass of an hour that is repeated.
            shown_at = after.astimezone(zone)
            at = shown_at - (FOLD_MAX if shown_at.fold else timedelta(seconds=2))
            found: list[int] = []
            while len(found) < n:
                try:
                    at = next_cron(at, **self.own)
                except OverflowError:  # After the year 9999.
                    break
                if at.year > YEAR_MAX:
                    break
                wall = at.replace(tzinfo=None)
                instant = first_shown(wall, zone)
                if not instant.microsecond:  # The clock was put forward over it.
                    instant = instant.replace(microsecond=self.microsecond)
                if instant > after and (not found or micros(instant) > found[-1]):
                    found.append(micros(instant))
            return found

        return fires


def read_times(job: Any) -> Times:
    """Read the fields of a CronJob.

    Raises:
        Never: It never comes due.
        Unreadable: arq itself could not work with a field.
    """
    own = {name: getattr(job, name) for name in (*_RANGES, "microsecond")}
    sets = {name: _values(name, own[name]) for name in _RANGES}
    microsecond = own["microsecond"]
    if type(microsecond) is not int:
        raise Unreadable(f"microsecond={microsecond!r} is no whole number")
    if not 0 <= microsecond <= 999_999:
        raise Never(f"microsecond={microsecond} is not in 0..999999")
    if not day_exists(sets["day"] or range(1, 32), sets["month"] or range(1, 13)):
        raise Never("there is no such day in its months")
    return Times(**sets, microsecond=microsecond, own=own)


def _values(name: str, value: Any) -> frozenset[int] | None:
    from arq.typing import WEEKDAYS

    if value is None:
        return None
    if name == "weekday" and isinstance(value, str):
        if value.lower() not in WEEKDAYS:
            raise Unreadable(f"weekday={value!r} is none of {', '.join(WEEKDAYS)}")
        return frozenset((WEEKDAYS.index(value.lower()),))
    if isinstance(value, int):
        given = [value]
    elif isinstance(value, (set, list, tuple)):
        given = list(value)
    else:
        raise Unreadable(f"{name}={value!r} is neither a number nor a set of numbers")
    kept = frozenset(number for number in _RANGES[name] if number in given)
    if not kept:
        more = " (names only one at a time, as text)" if name == "weekday" else ""
        raise Never(f"{name}={value!r} is never met{more}")
    return kept


def shown(job: Any) -> str:
    """The job as its author wrote it, roughly."""
    fields = (
        f"{name}={getattr(job, name)!r}"
        for name in (*_RANGES, "microsecond")
        if getattr(job, name, None) is not None
    )
    coroutine = getattr(job.coroutine, "func", job.coroutine)  # Of functools.partial.
    return f"cron({getattr(coroutine, '__qualname__', coroutine)}, {', '.join(fields)})"
