"""RQ's own cron, as the installed croniter understands it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timezone, tzinfo
from typing import Any

from z4j_adapters.engines.rq.importing.stored import Unfit
from z4j_adapters.transfer.boxes import EVERY_DAY, LAST_WEEK, Box
from z4j_adapters.transfer.cron_fields import cron, field_text, numbers
from z4j_adapters.transfer.model import Fires
from z4j_adapters.transfer.values import micros

__all__ = ["cron_box", "cron_fires", "cron_spec"]

UTC = timezone.utc
MIXED = "write two cron jobs, one for each of the day fields"
# Not the letters of MAR or THU: drawn at random, or by a hash that RQ does not give.
DRAWN = re.compile(r"(?<![a-z])[rh](?![a-z])", re.IGNORECASE)


def cron_spec(expression: str) -> tuple[dict[str, Any], str]:
    """The JSON of a CronSpec, and in short.

    Raises:
        Unfit: croniter refuses it, or it cannot be said exactly.
    """
    import croniter

    if DRAWN.search(expression):
        raise Unfit(
            "R3_RANDOM", f"{expression!r} is drawn anew whenever RQ starts", "write fixed values"
        )
    try:
        found = croniter.croniter(expression, datetime(2026, 1, 1, tzinfo=UTC))
        found.get_next(datetime)
    except croniter.CroniterBadDateError:
        raise Unfit(
            "R6_NEVER_FIRES", f"{expression!r} matches no date", "leave it out, or correct it"
        ) from None
    except Exception as error:  # It raises what its parts raise.
        raise Unfit(
            "R5_BAD_CRON", f"croniter refuses {expression!r}: {error}", "correct the expression"
        ) from None
    minute, hour, day, month, weekday, *rest = found.expanded
    nth, nearest = found.nth_weekday_of_month, getattr(found, "nearest_weekday", ())
    restricts_both = day[0] != "*" and (weekday[0] != "*" or nth)
    if (nth or nearest) and (restricts_both or (nth and nearest)):
        raise Unfit(
            "R5_MIXED_DAYS", f"croniter reads {expression!r} in a way of its own: '#', 'L' or 'W' "
            "in one day field, and a value in the other", MIXED,
        )  # fmt: skip
    days: Any = _plain(day)
    weekdays: Any = _plain(weekday)
    if nearest:
        if max(nearest) > 28:
            raise Unfit(
                "R5_MIXED_DAYS", f"{expression!r}: croniter goes to the end of a shorter month, "
                "and here it is left out", "write LW for the last weekday",
            )  # fmt: skip
        days = ",".join(f"{number}W" for number in sorted(nearest))
    elif "l" in day:
        numbers = [number for number in day if number != "l"]
        text = field_text("dayOfMonth", numbers) if numbers else ""
        # A "*" would restrict nothing, and with "L" beside it croniter's field does.
        days = ",".join(["1-31" if text == "*" else text, "L"] if text else ["L"])
    if nth:
        if "*" in nth:
            raise Unfit("R5_MIXED_DAYS", f"{expression!r} has an n-th of any weekday", MIXED)
        weekdays = ",".join(_nth(number, each) for number in sorted(nth) for each in nth[number])
    return cron(
        day_match="OR",
        minute=_plain(minute),
        hour=_plain(hour),
        day_of_month=days,
        month=_plain(month),
        day_of_week=weekdays,
        second=_plain(rest[0]) if rest else (0,),
        year=_plain(rest[1]) if len(rest) > 1 else None,
    )


def _nth(weekday: Any, number: Any) -> str:
    return f"{weekday}L" if number == "l" else f"{weekday}#{number}"


def _plain(values: list[Any]) -> list[int] | None:
    if values[0] == "*":
        return None
    return [number for number in values if isinstance(number, int)]


def cron_box(spec: Mapping[str, Any]) -> Box | None:
    """The times of what `cron_spec` made; None if it has nearest weekdays, which are no product."""
    if "W" in spec["dayOfMonth"]:
        return None
    dates = _days_of(spec["dayOfMonth"])
    weekdays = [_weekday(text) for text in spec["dayOfWeek"].split(",")]
    open_dates, open_weekdays = (spec[name] == "*" for name in ("dayOfMonth", "dayOfWeek"))
    by_weekday = []
    for weekday in (1, 2, 3, 4, 5, 6, 0):
        of_week = frozenset[int]().union(*(days for on, days in weekdays if on(weekday)))
        if open_dates:
            by_weekday.append(of_week)
        else:
            by_weekday.append(dates if open_weekdays else dates | of_week)
    return Box(
        year=numbers("year", spec.get("year", "*")),
        month=numbers("month", spec["month"]),
        week=frozenset(range(1, 54)),
        days=tuple(EVERY_DAY if days >= EVERY_DAY else days for days in by_weekday),
        hour=numbers("hour", spec["hour"]),
        minute=numbers("minute", spec["minute"]),
        second=numbers("second", spec["second"]),
    )


def _days_of(text: str) -> frozenset[int]:
    parts = [part for part in text.split(",") if part != "L"]
    found = numbers("dayOfMonth", ",".join(parts)) if parts else frozenset[int]()
    return found | {0} if "L" in text else found


def _weekday(text: str) -> tuple[Callable[[int], bool], frozenset[int]]:
    """Which weekdays a part is for, and their days of the month."""
    if text.endswith("L"):
        return int(text[:-1]).__eq__, LAST_WEEK
    number, _, nth = text.partition("#")
    if nth:
        return int(number).__eq__, frozenset(range(7 * int(nth) - 6, min(7 * int(nth), 31) + 1))
    return numbers("dayOfWeek", text).__contains__, EVERY_DAY


def cron_fires(expression: str, zone: tzinfo = UTC) -> Fires:
    """The due times as `rq cron` finds them: the next after the last, by the clock of `zone`."""

    def fires(after: datetime, count: int) -> list[int]:
        return [micros(at) for at in _times(expression, zone, after, count)]

    return fires


def _times(expression: str, zone: tzinfo, after: datetime, count: int) -> Iterator[datetime]:
    from croniter import CroniterBadDateError, croniter

    last = after
    for _ in range(count):
        # A new croniter each time, from the run before: as CronJob.get_next_enqueue_time does it.
        walls = croniter(expression, last.astimezone(zone).replace(tzinfo=None))
        before = last
        while last <= before:  # A time that is repeated is its first.
            try:
                wall = walls.get_next(datetime)
            except CroniterBadDateError:
                return
            last = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
        yield last
