"""The day fields of APScheduler, of which both must match."""

from __future__ import annotations

from collections.abc import Collection

from z4j_adapters.transfer.boxes import LAST_WEEK, Box
from z4j_adapters.transfer.cron_fields import field_text
from z4j_adapters.transfer.exporting.boxes import Days, days_of_box, week_of
from z4j_adapters.transfer.exporting.model import NotHeld

__all__ = ["day_fields"]

WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
POSITIONS = ("1st", "2nd", "3rd", "4th", "5th")


def day_fields(box: Box) -> list[dict[str, str]]:
    """The fields `day` and `day_of_week`, without those that restrict nothing.

    Several, if one trigger cannot hold the days; then no two share a date.

    Raises:
        NotHeld: Days are counted from the end of the month that are not its last, nor a last
            Friday.
    """
    products = days_of_box(box)
    if len(products) > 1:
        merged = _merged(box)
        if merged is not None:
            return [{"day": merged}]
    return [_fields(product) for product in products]


def _fields(product: Days) -> dict[str, str]:
    days, weekdays = product
    text = _dates(days, weekdays)
    fields = {} if text == "*" else {"day": text}
    if len(weekdays) < 7 and days != LAST_WEEK:
        fields["day_of_week"] = ",".join(WEEKDAYS[number] for number in _from_monday(weekdays))
    return fields


def _merged(box: Box) -> str | None:
    """All of it in the field `day`, which is a union: "13,1st fri,2nd fri"; None if it is not."""
    common = frozenset.intersection(*box.days)
    parts = [] if not common else [_dates(common, ())]
    for weekday in _from_monday(range(7)):
        days = box.days[(weekday - 1) % 7]
        covered = common
        for nth, name in enumerate(POSITIONS, 1):
            if week_of(nth) <= days and not week_of(nth) <= common:
                parts.append(f"{name} {WEEKDAYS[weekday]}")
                covered |= week_of(nth)
        if days >= LAST_WEEK and not common >= LAST_WEEK:
            parts.append(f"last {WEEKDAYS[weekday]}")
            covered |= LAST_WEEK
        if covered != days:
            return None
    return ",".join(parts)


def _dates(days: frozenset[int], weekdays: Collection[int]) -> str:
    numbers = [day for day in days if day > 0]
    parts = [field_text("dayOfMonth", numbers)] if numbers else []
    back = {day for day in days if day <= 0}
    if weekdays and back >= LAST_WEEK:
        parts += [f"last {WEEKDAYS[number]}" for number in _from_monday(weekdays)]
        back -= LAST_WEEK
    if 0 in back:
        parts.append("last")
    if back - {0}:
        raise NotHeld(
            f"it counts {-min(back)} days back from the last of a month, and APScheduler has the "
            "last day only",
            "write days of the month",
        )
    return ",".join(parts)


def _from_monday(weekdays: Collection[int]) -> list[int]:
    return sorted(weekdays, key=lambda number: (number - 1) % 7)
