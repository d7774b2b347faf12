"""Crons as rq-scheduler's package crontab reads them: all fields must match."""

from __future__ import annotations

from z4j_adapters.transfer.boxes import YEARS, Box
from z4j_adapters.transfer.cron_fields import field_text
from z4j_adapters.transfer.exporting.boxes import days_of_box
from z4j_adapters.transfer.exporting.model import Cron, NotHeld

__all__ = ["crontab_texts"]

FROM_END_MAX = 7


def crontab_texts(cron: Cron, box: Box) -> list[str]:
    """Expressions whose instants are together those of `box`, and of which no two share one.

    Five fields, six with a year, or seven with a second first.

    Raises:
        NotHeld: The package has no such field.
    """
    if not cron.any_iso_week:
        raise NotHeld("a cron of rq-scheduler has no ISO weeks", "write days or months instead")
    if cron.microsecond:
        raise NotHeld("a cron of rq-scheduler has no fractions of a second", "set microsecond to 0")
    if box.year != YEARS and max(box.year) > 2099:
        raise NotHeld("a cron of rq-scheduler ends with the year 2099", "shorten the years")
    times = [field_text("minute", box.minute), field_text("hour", box.hour)]
    month = field_text("month", box.month)
    years = [] if box.year == YEARS else [field_text("year", box.year)]
    if box.second != {0}:
        times = [field_text("second", box.second), *times]
        years = years or ["*"]
    return [
        " ".join([*times, _dates(days), month, field_text("dayOfWeek", weekdays), *years])
        for days, weekdays in days_of_box(box)
    ]


def _dates(days: frozenset[int]) -> str:
    numbers = [day for day in days if day > 0]
    if min(days) < -FROM_END_MAX:
        raise NotHeld(
            f"it is {-min(days)} days before the last of a month, and rq-scheduler counts up to "
            f"{FROM_END_MAX}",
            "write days of the month",
        )
    # "Z3" alone would end the list that it stands in.
    back = [f"z{-day}-{-day}" if day else "l" for day in sorted(days, reverse=True) if day <= 0]
    text = field_text("dayOfMonth", numbers) if numbers else ""
    return text if text == "*" else ",".join(filter(None, [text, *back]))
