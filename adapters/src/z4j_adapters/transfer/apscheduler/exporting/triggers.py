"""The code of APScheduler's triggers, of versions 3 and 4."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, time, timedelta, tzinfo

from z4j_adapters.transfer.apscheduler.exporting.days import day_fields
from z4j_adapters.transfer.apscheduler.terms import Library
from z4j_adapters.transfer.boxes import YEARS, Box
from z4j_adapters.transfer.cron_fields import field_text
from z4j_adapters.transfer.exporting.boxes import box_of
from z4j_adapters.transfer.exporting.clocks import Crossing
from z4j_adapters.transfer.exporting.model import NotHeld, Wanted
from z4j_adapters.transfer.exporting.python import literal
from z4j_adapters.transfer.exporting.source import call, instant_code, zone_code
from z4j_adapters.transfer.exporting.wanted import span_of
from z4j_adapters.transfer.exporting.zones import check_time_of_day, elapsed_period
from z4j_adapters.transfer.values import duration, timestamp
from z4j_adapters.transfer.wall import changes_clock
from z4j_adapters.transfer.zones import zone_of

__all__ = ["Code", "triggers_of"]

Code = tuple[str, str]
"""A trigger as Python source, and in short."""
INDENT = " " * 8


def triggers_of(wanted: Wanted, library: Library, at: datetime, jitter: str | None) -> list[Code]:
    """The triggers that a schedule becomes; several are disjoint.

    Args:
        library: Which version's.
        jitter: Code of its seconds, where triggers have it.
    Raises:
        NotHeld: There is no such trigger.
    """
    extra = [("jitter", jitter)] if jitter is not None and library.accumulates else []
    match wanted.kind:
        case "cron":
            return _crons(wanted, library, at, extra)
        case "interval":
            return [_interval(wanted, library, at, extra)]
        case "oneShot":
            assert wanted.next_due is not None
            when = instant_code(wanted.next_due)
            return [(f"DateTrigger({when})", f"once at {timestamp(wanted.next_due)}")]
        case "calendarInterval":
            return [_calendar(wanted, at, extra)]
    raise NotHeld(f"APScheduler has no {wanted.kind} trigger", "make it a cron")


def _crons(wanted: Wanted, library: Library, at: datetime, extra: list[Code]) -> list[Code]:
    cron = wanted.cron
    assert cron is not None
    if cron.microsecond:
        raise NotHeld("a CronTrigger has whole seconds", "set microsecond to 0")
    box = box_of(cron)
    found = []
    for days in day_fields(box):
        fields = _fields(box, days)
        code = [(name, literal(text)) for name, text in fields.items()]
        code.append(("timezone", zone_code(wanted.time_zone)))
        made = call("CronTrigger", [*code, *_window(wanted, library), *extra], INDENT)
        found.append((made, "cron " + " ".join(f"{k}={v}" for k, v in fields.items())))
    return found


def _fields(box: Box, days: dict[str, str]) -> dict[str, str]:
    """All from the hour down, as what is left out behind a field that is given is its minimum."""
    texts = {
        "year": "*" if box.year == YEARS else field_text("year", box.year),
        "month": field_text("month", box.month),
        "week": field_text("isoWeek", box.week),
    }
    return {
        **{name: text for name, text in texts.items() if text != "*"},
        **days,
        "hour": field_text("hour", box.hour),
        "minute": field_text("minute", box.minute),
        "second": field_text("second", box.second),
    }


def _window(wanted: Wanted, library: Library, *, start: bool = True) -> Iterable[Code]:
    names = ("start_date", "end_date") if library.accumulates else ("start_time", "end_time")
    for name, at in zip(names, (wanted.start if start else None, wanted.end), strict=True):
        if at is not None:
            yield name, instant_code(at)


def _interval(wanted: Wanted, library: Library, at: datetime, extra: list[Code]) -> Code:
    period = span_of(wanted.spec["period"])
    start = wanted.next_due
    assert start is not None
    code = instant_code(start)
    if library.by_wall_clock and wanted.spec.get("arithmetic") == "ARITHMETIC_WALL":
        zone = zone_of(wanted.time_zone)
        if changes_clock(zone, at):
            wall = start.astimezone(zone).time()
            check_time_of_day(wanted, wall, Crossing(library.gap, "FIRST"), at)
            if _may_be_shifted(start, zone):
                raise NotHeld(
                    f"its next run, {timestamp(start)}, is at a time that a change of the clocks "
                    "moves, and APScheduler would go on from there",
                    "export it again after that run",
                    "R9_DST",
                )
            code += f".astimezone({zone_code(wanted.time_zone)})"
    else:
        elapsed_period(wanted, at)  # Or it is refused.
    whole, rest = divmod(period, timedelta(seconds=1))
    spans = [("seconds", str(whole))]
    if rest and library.by_wall_clock:
        spans.append(("microseconds", str(rest.microseconds)))
    elif rest:
        spans = [("seconds", repr(period.total_seconds()))]
    begins = "start_date" if library.accumulates else "start_time"
    zone_given = [("timezone", "timezone.utc")] if library.accumulates else []
    made = call(
        "IntervalTrigger",
        [*spans, (begins, code), *zone_given, *_window(wanted, library, start=False), *extra],
        INDENT,
    )
    return made, f"every {duration(period)} from {timestamp(start)}"


def _may_be_shifted(due: datetime, zone: tzinfo) -> bool:
    """Whether `due` may be a time that the clocks left out, moved by as much as they went forward:
    a day at most."""
    now, before = (
        at.astimezone(zone).utcoffset() for at in (due, due - timedelta(days=1, hours=1))
    )
    assert now is not None and before is not None
    return now > before and (due - (now - before)).astimezone(zone).utcoffset() == before


def _calendar(wanted: Wanted, at: datetime, extra: list[Code]) -> Code:
    assert wanted.next_due is not None
    zone = zone_of(wanted.time_zone)
    units = [
        (unit, str(wanted.spec[unit]))
        for unit in ("years", "months", "weeks", "days")
        if wanted.spec.get(unit)
    ]
    at_time = time.fromisoformat(wanted.spec.get("atTime") or "00:00:00")
    check_time_of_day(wanted, at_time, Crossing("SKIP", "FIRST"), at)
    if wanted.end is not None:
        raise NotHeld("a CalendarIntervalTrigger ends with a day, not at an instant", "clear it")
    first = wanted.next_due.astimezone(zone).date()
    clock = [(name, str(getattr(at_time, name))) for name in ("hour", "minute", "second")]
    made = call(
        "CalendarIntervalTrigger",
        [
            *units,
            *clock,
            ("start_date", f"date({first.year}, {first.month}, {first.day})"),
            ("timezone", zone_code(wanted.time_zone)),
            *extra,
        ],
        INDENT,
    )
    return made, f"every {' '.join(f'{n} {unit}' for unit, n in units)} at {at_time} from {first}"
