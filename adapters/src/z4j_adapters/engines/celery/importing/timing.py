"""What a schedule of Celery becomes: when it fires, and nothing else."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

from celery.schedules import crontab, schedule, solar

from z4j_adapters.engines.celery.importing.gaps import Sets, gaps_of, policies_of, split_fits
from z4j_adapters.engines.celery.importing.intervals import interval_timing
from z4j_adapters.engines.celery.importing.oracle import crontab_fires, schedule_fires
from z4j_adapters.engines.celery.importing.shapes import (
    Clock,
    Timing,
    Unfit,
    utc_or_zone,
    zone_of_clock,
)
from z4j_adapters.transfer.cron_fields import cron
from z4j_adapters.transfer.model import APPROXIMATE, EQUAL_SET, Note

__all__ = ["known_timings", "timings"]

LATENCY = timedelta(minutes=1)  # Beat is never so exact that it finds the same event again.


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
    return [interval_timing(what, clock)]


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
    policies = policies_of(sets, gaps)
    warnings = _odd_texts(what)
    whole = _cron(sets, policies[0] if policies else "SHIFT", clock, warnings)
    whole = replace(whole, fires=crontab_fires(what, sets, zone))
    if gaps and clock.version < (5, 5, 2):
        reason = Note(
            "OLD_CELERY_DST",
            "Celery before 5.5.2 is an hour late on days on which the clock is put forward; here "
            "it runs as 5.7 does",
        )
        return [replace(whole, exactness=APPROXIMATE, reasons=(reason,))]
    if policies:
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
        fires=schedule_fires(what, utc_or_zone(clock), clock.at, latency=LATENCY),
    )
