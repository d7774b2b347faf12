"""A cron in the terms of Celery's crontab."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from z4j_adapters.engines.celery.importing.gaps import Sets, gaps_of, policies_of
from z4j_adapters.transfer.cron_fields import field_text
from z4j_adapters.transfer.exporting.clocks import Crossing, differs_at, not_held
from z4j_adapters.transfer.exporting.days import days_of
from z4j_adapters.transfer.exporting.model import Cron, NotHeld, Wanted
from z4j_adapters.transfer.zones import zone_of

__all__ = ["Crontab", "crontabs"]

_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")


@dataclass(frozen=True, slots=True)
class Crontab:
    """The fields, as texts; all of them must match."""

    minute: str
    hour: str
    day_of_month: str
    month_of_year: str
    day_of_week: str

    def arguments(self) -> dict[str, str]:
        """Of `crontab`; those that are "*" are left out, but for the minute."""
        fields = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return {name: text for name, text in fields.items() if text != "*" or name == "minute"}

    def __str__(self) -> str:
        return f"crontab({', '.join(f'{n}={v!r}' for n, v in self.arguments().items())})"


def crontabs(wanted: Wanted, at: datetime) -> list[Crontab]:
    """The crontabs whose due times together are those of the cron, each with its own.

    Raises:
        NotHeld: There are none.
    """
    cron = wanted.cron
    assert cron is not None
    _check_minutes(cron)
    ours = Crossing(wanted.gap, wanted.fold)
    theirs = Crossing(wanted.gap, "FIRST")
    zone = zone_of(wanted.time_zone)
    wall = differs_at(cron, zone, at, ours, theirs)
    if wall is not None:
        raise not_held(wall, wanted.time_zone, ours, theirs)
    gaps = gaps_of(zone, at)
    found = []
    for part in days_of(cron):
        sets = Sets(cron.minutes, cron.hours, part.days, cron.months, part.weekdays)
        if wanted.gap not in policies_of(sets, gaps):
            raise NotHeld(
                "of times that the clock leaves out, Celery runs the first one, as much later as "
                f"the clock is put forward; gap {wanted.gap} is another thing for this cron in "
                f"{wanted.time_zone}",
                "set gap to SHIFT, or choose times at which no clock is changed",
                "R9_DST",
            )
        found.append(_crontab(sets))
    return found


def _check_minutes(cron: Cron) -> None:
    for held, what in (
        (cron.seconds == {0} and not cron.microsecond, "seconds"),
        (cron.any_year, "years"),
        (cron.any_iso_week, "ISO weeks"),
    ):
        if not held:
            raise NotHeld(f"Celery's crontab has no {what}", f"leave {what} out of the cron")


def _crontab(sets: Sets) -> Crontab:
    weekdays = ",".join(_WEEKDAYS[day] for day in sorted(sets.weekdays))
    return Crontab(
        minute=field_text("minute", sets.minutes),
        hour=field_text("hour", sets.hours),
        day_of_month=field_text("dayOfMonth", sets.days),
        month_of_year=field_text("month", sets.months),
        day_of_week="*" if len(sets.weekdays) == 7 else weekdays,
    )
