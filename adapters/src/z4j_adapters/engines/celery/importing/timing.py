"""What a schedule of Celery becomes: when it fires, and nothing else."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone, tzinfo
from typing import Any

from celery.schedules import crontab, schedule, solar

from z4j_adapters.engines.celery.importing.gaps import (
    Sets,
    changes_by_hours,
    gaps_of,
    policy_of,
    split_fits,
)
from z4j_adapters.engines.celery.importing.oracle import (
    crontab_fires,
    first_due,
    schedule_fires,
)
from z4j_adapters.transfer.cron_fields import cron
from z4j_adapters.transfer.model import APPROXIMATE, EQUAL_SET, EXACT, Fires, Note
from z4j_adapters.transfer.values import duration, timestamp

__all__ = ["Clock", "Timing", "Unfit", "timings"]

PERIOD_MIN = timedelta(seconds=1)  # As the scheduler has them.
PERIOD_MAX = timedelta(days=3653)
DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)


class Unfit(Exception):
    """It cannot be represented; the fields are those of Refused."""

    def __init__(self, code: str, reason: str, remedy: str) -> None:
        super().__init__(reason)
        self.code, self.reason, self.remedy = code, reason, remedy


@dataclass(frozen=True, slots=True)
class Clock:
    """What a schedule object does not say itself."""

    at: datetime
    """Due times are counted from here; in UTC."""
    zone: tzinfo | None
    """The zone in which it is evaluated; None: the host's, which nobody named."""
    zone_name: str
    version: tuple[int, ...]
    """Of Celery."""
    last_run: datetime | None = None
    no_zone: str = "it follows the host of beat: enable_utc is off, and no timezone is set"
    """Why there is none."""


@dataclass(frozen=True, slots=True)
class Timing:
    """One schedule here."""

    fields: dict[str, Any]
    """spec, timeZone, gap, fold, startTime of Schedule."""
    becomes: str
    exactness: str = EXACT
    reasons: tuple[Note, ...] = ()
    warnings: tuple[Note, ...] = ()
    fires: Fires | None = field(default=None, compare=False)
    first: datetime | None = None
    """Of an interval: its first due time."""


def timings(what: Any, clock: Clock) -> list[Timing]:
    """What the schedule object becomes: one schedule here, or two that are the same together.

    Raises:
        Unfit: It cannot be represented.
    """
    kind = type(what)
    if kind is schedule or kind is crontab or kind is solar:
        if what.nowfun is not None:
            raise Unfit(
                "R1_OPAQUE",
                "its nowfun is code that decides what time it is",
                "leave nowfun out, and name the zone in the setting `timezone`",
            )
        return known_timings(what, clock)
    raise Unfit(
        "R1_OPAQUE",
        f"{kind.__module__}.{kind.__qualname__} is code that decides when it runs",
        "write it as crontab, interval or solar, or create it here by hand",
    )


def known_timings(what: Any, clock: Clock) -> list[Timing]:
    """`timings`, of a crontab, interval or solar whose clock and zone are those of `clock`."""
    if isinstance(what, crontab):
        return _crontab(what, clock)
    if isinstance(what, solar):
        return [_solar(what, clock)]
    return [_interval(what, clock)]


def zone_of_clock(clock: Clock) -> tzinfo:
    """The zone, which must be known here."""
    if clock.zone is None:
        raise Unfit("R4_UNKNOWN_ZONE", clock.no_zone, "name the zone: --timezone Europe/Berlin")
    return clock.zone


def _crontab(what: Any, clock: Clock) -> list[Timing]:
    zone = zone_of_clock(clock)
    sets = Sets(
        minutes=_numbers("minute", what.minute),
        hours=_numbers("hour", what.hour),
        days=_numbers("day_of_month", what.day_of_month),
        months=_numbers("month_of_year", what.month_of_year),
        weekdays=_numbers("day_of_week", what.day_of_week),
    )
    longest = {2: 29, 4: 30, 6: 30, 9: 30, 11: 30}
    if min(sets.days) > max(longest.get(month, 31) for month in sets.months):
        raise Unfit("R6_NEVER_FIRES", "none of its months has such a day", "correct the days")
    gaps = gaps_of(zone, clock.at)
    policy = policy_of(sets, gaps)
    warnings = _odd_texts(what)
    whole = _cron(sets, policy or "SHIFT", clock, warnings)
    whole = replace(whole, fires=crontab_fires(what, sets, zone))
    if gaps and clock.version < (5, 5, 2):
        reason = Note(
            "OLD_CELERY_DST",
            "Celery before 5.5.2 is an hour late on days on which the clock is put forward; here "
            "it runs as 5.7 does",
        )
        return [replace(whole, exactness=APPROXIMATE, reasons=(reason,))]
    if policy is not None:
        return [whole]
    if not split_fits(sets, gaps):
        reason = Note(
            "DST_GAP",
            "of several times in an hour that a DST change removes, Celery runs only the first and "
            "passes over some that follow; here each runs as much later as the clock moved",
        )
        return [replace(whole, exactness=APPROXIMATE, reasons=(reason,))]
    first = frozenset((min(sets.minutes),))
    reason = Note(
        "DST_GAP_SPLIT",
        "of several times in an hour that a DST change removes, Celery runs only the first: that "
        "minute is a schedule of its own here",
    )
    one = _cron(replace(sets, minutes=first), "SHIFT", clock, warnings)
    rest = _cron(replace(sets, minutes=sets.minutes - first), "SKIP", clock, ())
    return [
        replace(one, exactness=EQUAL_SET, reasons=(reason,), fires=whole.fires),
        replace(rest, exactness=EQUAL_SET, reasons=(reason,)),
    ]


def _cron(sets: Sets, gap: str, clock: Clock, warnings: tuple[Note, ...]) -> Timing:
    spec, becomes = cron(
        day_match="AND",
        minute=sets.minutes,
        hour=sets.hours,
        day_of_month=sets.days,
        month=sets.months,
        day_of_week=sets.weekdays,
    )
    fields = {
        "spec": {"cron": spec},
        "timeZone": clock.zone_name,
        "gap": f"GAP_POLICY_{gap}",
        "fold": "FOLD_POLICY_FIRST",
    }
    return Timing(fields, becomes, warnings=warnings)


def _numbers(name: str, values: Any) -> frozenset[int]:
    found = set()
    for value in values:
        if isinstance(value, bool) or not isinstance(value, (int, float)) or value % 1:
            raise Unfit(
                "R5_AMBIGUOUS", f"{name} holds {value!r}, which is no whole number", f"mend {name}"
            )
        found.add(int(value))
    if not found:
        raise Unfit("R6_NEVER_FIRES", f"{name} is empty", f"give {name} a value")
    return frozenset(found)


_PART = re.compile(r"(\*|\w+(-\w+)?)(/\d+)?")
_NAMES = {
    "day_of_week": re.compile(r"(sun|mon|tue|wed|thu|fri|sat)\w*", re.I),
    "month_of_year": re.compile(r"(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)\w*", re.I),
}


def _odd_texts(what: Any) -> tuple[Note, ...]:
    """Texts of which Celery's parser takes something else than their author may have meant."""
    notes = []
    for name in ("minute", "hour", "day_of_month", "month_of_year", "day_of_week"):
        text = getattr(what, f"_orig_{name}", None)
        if not isinstance(text, str):
            continue
        for part in text.replace(" ", "").split(","):
            names = re.findall(r"[A-Za-z]\w*", part)
            pattern = _NAMES.get(name)
            strange = [n for n in names if pattern is None or not pattern.fullmatch(n)]
            if strange or not _PART.fullmatch(part):
                message = f"{name}={text!r}: Celery reads {part!r} as something else than it says"
                notes.append(Note("ODD_TEXT", message + "; what it reads was imported"))
    return tuple(notes)


def _interval(what: Any, clock: Clock) -> Timing:
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
    if clock.version < (5, 7) and clock.zone is not None and gaps_of(clock.zone, clock.at):
        reason = Note(
            "WALL_INTERVAL",
            "Celery before 5.7 adds the period to the wall clock, and so waits longer or shorter "
            "when the clock is changed; here it is elapsed time",
        )
        return replace(timing, exactness=APPROXIMATE, reasons=(*timing.reasons, reason))
    return timing


def _elapsed(what: Any, period: timedelta, last: datetime, told: Note, clock: Clock) -> Timing:
    fields = {
        "spec": {"interval": {"period": duration(period), "anchorTime": timestamp(last)}},
        "timeZone": "UTC",
    }
    return Timing(
        fields,
        f"every {_span(period)}",
        reasons=(told,),
        fires=schedule_fires(what, _utc_or(clock), last),
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


def _solar(what: Any, clock: Clock) -> Timing:
    if what.event == "dusk_astronomical" and what._horizons[what.event] != "-18":
        raise Unfit(
            "R11_SOLAR",
            "this Celery takes dusk_astronomical for the sun 18 degrees above the horizon",
            "upgrade to Celery 5.6.3 or newer, or choose the event that you mean",
        )
    fields = {
        "spec": {
            "solar": {
                "event": f"EVENT_{what.event.upper()}",
                "latitude": float(what.lat),
                "longitude": float(what.lon),
            }
        },
        "timeZone": "UTC",
    }
    reason = Note(
        "R11_SOLAR",
        "Celery computes the sun with the package ephem, we ourselves: instants differ by seconds",
    )
    return Timing(
        fields,
        f"{what.event} at {float(what.lat):g}, {float(what.lon):g}",
        APPROXIMATE,
        (reason,),
        fires=schedule_fires(what, _utc_or(clock), clock.at, latency=MINUTE),
    )


def _utc_or(clock: Clock) -> tzinfo:
    return clock.zone or timezone.utc


def _span(span: timedelta) -> str:
    """ "90s", "2h", "1.5s": the largest unit in which it is whole."""
    for unit, name in ((DAY, "d"), (HOUR, "h"), (MINUTE, "min")):
        if span >= unit and span % unit == timedelta(0):
            return f"{span // unit}{name}"
    seconds = span.total_seconds()
    return f"{int(seconds)}s" if math.floor(seconds) == seconds else f"{seconds}s"
