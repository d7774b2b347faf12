"""Cron expressions that croniter, which reads two day fields as an OR, understands as they are."""

from __future__ import annotations

from z4j_adapters.transfer.boxes import EVERY_DAY, LAST_WEEK
from z4j_adapters.transfer.cron_fields import field_text
from z4j_adapters.transfer.exporting.boxes import box_of, week_of
from z4j_adapters.transfer.exporting.model import Cron, NotHeld

__all__ = ["croniter_text"]


def croniter_text(cron: Cron) -> str:
    """Five fields, or six with a second, or seven with a second and a year.

    Raises:
        NotHeld: croniter has no such days, or no such field.
    """
    if not cron.any_iso_week:
        raise NotHeld("a cron of RQ has no ISO weeks", "write days or months instead")
    if cron.microsecond:
        raise NotHeld("a cron of RQ has no fractions of a second", "set microsecond to 0")
    if not cron.any_year and max(cron.years) > 2099:
        raise NotHeld("a cron of RQ ends with the year 2099", "shorten the years")
    days, weekdays = _day_fields(cron)
    fields = [
        field_text("minute", cron.minutes),
        field_text("hour", cron.hours),
        days,
        field_text("month", cron.months),
        weekdays,
    ]
    if cron.seconds != {0} or not cron.any_year:
        fields.append(field_text("second", cron.seconds))
    if not cron.any_year:
        fields.append(field_text("year", cron.years))
    return " ".join(fields)


def _day_fields(cron: Cron) -> tuple[str, str]:
    if cron.nearest_weekdays:
        return _nearest(cron), "*"
    box = box_of(cron)
    sets = {weekday: box.days[(weekday - 1) % 7] for weekday in range(7)}
    found = set(sets.values())
    if len(found) == 1:
        return _dates(found.pop()), "*"
    positions = [_positions(weekday, days) for weekday, days in sets.items()]
    if all(each is not None for each in positions):
        whole = [weekday for weekday, days in sets.items() if days >= EVERY_DAY]
        if all(days >= EVERY_DAY or not days for days in found):
            return "*", field_text("dayOfWeek", whole)
        return "*", ",".join(text for each in positions for text in each or ())
    whole = [weekday for weekday, days in sets.items() if days >= EVERY_DAY]
    rest = {days for days in found if not days >= EVERY_DAY}
    if whole and len(rest) == 1 and all(rest):
        return _dates(rest.pop()), field_text("dayOfWeek", whole)
    raise NotHeld(
        "croniter takes days of the month and of the week as an OR, and here both must match",
        "write the days of one field only, or let the task look at the date",
    )


def _positions(weekday: int, days: frozenset[int]) -> list[str] | None:
    """The n-th such weekdays that the days are; None: they are others."""
    if days == LAST_WEEK:
        return [f"L{weekday}"]
    numbers = [nth for nth in range(1, 6) if week_of(nth) <= days]
    if days != frozenset[int]().union(*map(week_of, numbers)):
        return None
    return [f"{weekday}#{nth}" for nth in numbers]


def _dates(days: frozenset[int]) -> str:
    numbers = [day for day in days if day > 0]
    back = [day for day in days if day <= 0]
    if any(back):
        raise NotHeld(
            "croniter counts no days before the last one of a month",
            "write L, or days of the month",
        )
    text = field_text("dayOfMonth", numbers) if numbers else ""
    return ",".join(filter(None, [text, "L" if back else ""]))


def _nearest(cron: Cron) -> str:
    others = cron.days or cron.days_before_last or cron.last_weekday_of_month
    several = len(cron.nearest_weekdays) > 1 or max(cron.nearest_weekdays) > 28
    if several or others or not cron.any_weekday or cron.either_day:
        raise NotHeld(
            "croniter has the nearest working day (W) of one day, 1 to 28, and nothing beside it",
            "make a schedule of each",
        )
    return ",".join(f"{day}W" for day in sorted(cron.nearest_weekdays))
