"""What an interval of Celery becomes."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from z4j_adapters.engines.celery.importing.gaps import changes_by_hours, gaps_of
from z4j_adapters.engines.celery.importing.oracle import first_due, schedule_fires
from z4j_adapters.engines.celery.importing.shapes import (
    Clock,
    Timing,
    Unfit,
    utc_or_zone,
    zone_of_clock,
)
from z4j_adapters.transfer.cron_fields import cron
from z4j_adapters.transfer.model import APPROXIMATE, Note
from z4j_adapters.transfer.values import duration, timestamp

__all__ = ["PERIOD_MAX", "PERIOD_MIN", "interval_timing"]

PERIOD_MIN = timedelta(seconds=1)  # As the scheduler has them.
PERIOD_MAX = timedelta(days=3653)
ELAPSED_SINCE = (5, 7)  # Before, the period was added to the wall clock.
DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)


def interval_timing(what: Any, clock: Clock) -> Timing:
    """Counted from the last run, or from now.

    Raises:
        Unfit: Its period is too short or too long.
    """
    period: timedelta = what.run_every
    if period < PERIOD_MIN:
        raise Unfit(
            "PERIOD_TOO_SHORT",
            f"it runs every {period.total_seconds()} s, and the shortest period here is 1 s",
            "use a period of a second or more",
        )
    if period > PERIOD_MAX:
        raise Unfit("PERIOD_TOO_LONG", f"it runs every {period}", "use at most 3653 days")
    last, told = _last_run(period, clock)
    if what.relative:
        timing = _relative(what, period, last, told, clock)
    else:
        timing = _elapsed(what, period, last, told, clock)
    if clock.version < ELAPSED_SINCE and clock.zone is not None and gaps_of(clock.zone, clock.at):
        reason = Note(
            "WALL_INTERVAL",
            "Celery before 5.7 adds the period to the wall clock, and so waits longer or shorter "
            "when the clock is changed; here it is elapsed time",
        )
        return replace(timing, exactness=APPROXIMATE, reasons=(*timing.reasons, reason))
    return timing


def _elapsed(what: Any, period: timedelta, last: datetime, told: Note, clock: Clock) -> Timing:
    leap = period if clock.version >= ELAPSED_SINCE else None
    fields = {
        "spec": {"interval": {"period": duration(period), "anchorTime": timestamp(last)}},
        "timeZone": "UTC",
    }
    return Timing(
        fields,
        f"every {_span(period)}",
        reasons=(told,),
        fires=schedule_fires(what, utc_or_zone(clock), last, leap=leap),
        first=last + period,
    )


def _last_run(period: timedelta, clock: Clock) -> tuple[datetime, Note]:
    """What the grid is counted from."""
    last = clock.last_run
    if last is not None and last + period > clock.at:
        return last, Note(
            "COUNTED_FROM_LAST_RUN",
            "Celery counts the period from each run, and so drifts by beat's latency; here it is "
            f"counted from the last run, {timestamp(last)}, without drift",
        )
    overdue = "it is overdue there, where beat would run it at once; " if last else ""
    return clock.at, Note(
        "COUNTED_FROM_NOW",
        f"{overdue}Celery counts the period from each run, and from beat's start before the first; "
        f"here it is counted from {timestamp(clock.at)}, without drift",
    )


def _relative(what: Any, period: timedelta, last: datetime, told: Note, clock: Clock) -> Timing:
    """Celery rounds each end down to the day, hour or minute of the zone, or to the second."""
    zone = zone_of_clock(clock)
    unit = next((u for u in (DAY, HOUR, MINUTE) if period >= u), PERIOD_MIN)
    times = period // unit
    first = first_due(what, zone, last)
    rounded = Note(
        "RELATIVE",
        f"relative=True: rounded down to {_span(unit)}, it runs every {_span(times * unit)}",
    )
    common: dict[str, Any] = {
        "reasons": (told, rounded),
        "fires": schedule_fires(what, zone, last),
        "first": first,
    }
    if unit == DAY:
        start = first.astimezone(zone).date().isoformat()
        at_midnight = {
            "timeZone": clock.zone_name,
            "gap": "GAP_POLICY_SHIFT",
            "fold": "FOLD_POLICY_FIRST",
        }
        if times == 1:
            spec, becomes = cron(day_match="AND", minute={0}, hour={0})
            fields = {"spec": {"cron": spec}, **at_midnight}
            if first.astimezone(zone).date() != last.astimezone(zone).date() + DAY:
                fields["startTime"] = timestamp(first)
                becomes += f" from {start}"
            return Timing(fields, becomes, **common)
        calendar = {"days": times, "atTime": "00:00:00", "startDate": start}
        fields = {"spec": {"calendarInterval": calendar}, **at_midnight}
        return Timing(fields, f"every {times} days at 00:00 from {start}", **common)
    fields = {
        "spec": {"interval": {"period": duration(times * unit), "anchorTime": timestamp(first)}},
        "timeZone": "UTC",
    }
    timing = Timing(fields, f"every {_span(times * unit)} from {timestamp(first)}", **common)
    if unit == HOUR and not changes_by_hours(zone, clock.at):
        reason = Note(
            "DST_HALF_HOUR",
            f"{clock.zone_name} moves its clock by less than an hour: Celery then rounds to "
            "another minute, ours stays",
        )
        return replace(timing, exactness=APPROXIMATE, reasons=(told, rounded, reason))
    return timing


def _span(span: timedelta) -> str:
    """ "90s", "2h", "1.5s": the largest unit in which it is whole."""
    for unit, name in ((DAY, "d"), (HOUR, "h"), (MINUTE, "min")):
        if span >= unit and span % unit == timedelta(0):
            return f"{span // unit}{name}"
    seconds = span.total_seconds()
    return f"{int(seconds)}s" if math.floor(seconds) == seconds else f"{seconds}s"
