"""What a trigger becomes here: specs, zone, window, and in what they differ."""

from __future__ import annotations

from datetime import datetime, time, timedelta, timezone
from typing import Any

from z4j_adapters.transfer.apscheduler.crons import crons_plan
from z4j_adapters.transfer.apscheduler.terms import (
    COMBINED,
    Draft,
    Library,
    Plan,
    jitter_of,
    once,
    window,
)
from z4j_adapters.transfer.apscheduler.triggers import (
    Calendar,
    Combined,
    Cron,
    Date,
    Interval,
    Trigger,
    Unreadable,
    named_zone,
)
from z4j_adapters.transfer.model import EQUAL_SET, EXACT, Note
from z4j_adapters.transfer.nominal import changes
from z4j_adapters.transfer.values import duration, timestamp

__all__ = ["plan_of"]

PERIOD_MIN, PERIOD_MAX = timedelta(seconds=1), timedelta(days=3653)


def plan_of(trigger: Trigger, library: Library, at: datetime, base: datetime | None) -> Plan:
    """Make a plan of a trigger.

    Args:
        trigger: What it is there.
        library: Whose meaning holds.
        at: Now.
        base: The run that it has stored as its next; None: it is paused.
    Raises:
        Unreadable: It cannot be represented.
    """
    match trigger:
        case Cron():
            return crons_plan((trigger,), trigger, library, at, base)
        case Interval():
            return _interval(trigger, library, base)
        case Calendar():
            return _calendar(trigger, library, base)
        case Date():
            date = Date(base or trigger.at)  # What is stored as the next run counts.
            return Plan((once(date.at),), {}, EXACT, fires=library.fires(date, timezone.utc))
        case Combined(kind="OR"):
            return _either(trigger, library, at, base)
    raise Unreadable(
        "R8_AND_TRIGGER",
        "it is an AndTrigger: APScheduler asks its parts anew after each run, until they happen "
        "to agree, and may never come back",
        COMBINED,
    )


def _interval(trigger: Interval, library: Library, base: datetime | None) -> Plan:
    if trigger.period < PERIOD_MIN:
        raise Unreadable(
            "PERIOD_TOO_SHORT",
            f"its period of {duration(trigger.period)} is shorter than 1 s",
            "have one task do the work of a second",
        )
    if trigger.period > PERIOD_MAX:
        raise Unreadable("PERIOD_TOO_LONG", "its period is longer than 3653 days", COMBINED)
    anchor = base or trigger.start
    if anchor is None:
        raise Unreadable("R1_OPAQUE", "it has neither a start nor a next run")
    draft = Draft()
    common = window(trigger.start if base is None else None, trigger.end)
    if trigger.jitter:
        fires = None
        common |= jitter_of(trigger.jitter, trigger.period, draft)
        if library.accumulates:
            draft.inexact(
                "JITTER_ACCUMULATES",
                f"APScheduler adds each run's jitter to the next, so that a run comes every "
                f"{duration(trigger.period + timedelta(seconds=trigger.jitter) / 2)} on average; "
                f"here it is every {duration(trigger.period)}, and jitter delays single runs",
            )
    else:
        fires = library.fires(_anchored(trigger, anchor), timezone.utc)
    interval = {"period": duration(trigger.period), "anchorTime": timestamp(anchor)}
    zone = anchor.tzinfo
    if library.by_wall_clock and zone is not None and changes(zone, anchor.date(), 800):
        if trigger.period % timedelta(days=1):
            draft.inexact(
                "WALL_CLOCK",
                "APScheduler counts its interval on the wall clock of its zone, so that it is "
                "longer or shorter when the clocks change; here it is elapsed time",
            )
        else:
            interval["arithmetic"] = "ARITHMETIC_WALL"
            common |= {
                "timeZone": named_zone(zone),
                "gap": f"GAP_POLICY_{library.gap}",
                "fold": "FOLD_POLICY_FIRST",
            }
    spec = {"interval": interval}
    text = f"every {duration(trigger.period)} from {timestamp(anchor)}"
    return Plan(((spec, text),), common, draft.exactness, tuple(draft.reasons),
                tuple(draft.warnings), fires)  # fmt: skip


def _anchored(trigger: Interval, anchor: datetime) -> Interval:
    return Interval(trigger.period, anchor, trigger.end, trigger.zone, 0)


def _calendar(trigger: Calendar, library: Library, base: datetime | None) -> Plan:
    name = named_zone(trigger.zone)
    start = trigger.start
    if base is not None:  # The scheduler counts from the run before, whatever the trigger says.
        start = base.astimezone(trigger.zone).date()
    spec: dict[str, Any] = {
        unit: getattr(trigger, unit)
        for unit in ("years", "months", "weeks", "days")
        if getattr(trigger, unit)
    }
    units = " ".join(f"{number} {unit}" for unit, number in spec.items())
    if min(spec.values()) < 0:
        raise Unreadable("R1_OPAQUE", f"it counts {units}", COMBINED)
    spec |= {"atTime": trigger.at.isoformat(), "startDate": start.isoformat()}
    # Days that a change of the clocks removes are left out; of two equal times it is the earlier.
    common: dict[str, Any] = {
        "timeZone": name,
        "gap": "GAP_POLICY_SKIP",
        "fold": "FOLD_POLICY_FIRST",
    }
    if trigger.end is not None:
        last = datetime.combine(trigger.end, time(23, 59, 59, 999999), trigger.zone)
        common["endTime"] = timestamp(last.replace(fold=1))
    draft = Draft()
    moved = base is not None and base.astimezone(trigger.zone).time() != trigger.at
    if moved and base is not None and not trigger.jitter:
        draft.inexact(
            "NEXT_RUN_MOVED",
            f"its next run was moved to {timestamp(base)}; here it is at {trigger.at}",
        )
    midnight = timedelta(hours=24 - trigger.at.hour, minutes=-trigger.at.minute,
                         seconds=-trigger.at.second)  # fmt: skip
    common |= jitter_of(trigger.jitter, midnight, draft)
    counted = Calendar(trigger.years, trigger.months, trigger.weeks, trigger.days, trigger.at,
                       start, trigger.end, trigger.zone, 0)  # fmt: skip
    text = f"every {units} at {trigger.at.isoformat()} from {start}"
    return Plan((({"calendarInterval": spec}, text),), common, draft.exactness,
                tuple(draft.reasons), tuple(draft.warnings),
                library.fires(counted, trigger.zone))  # fmt: skip


def _either(trigger: Combined, library: Library, at: datetime, base: datetime | None) -> Plan:
    """An OrTrigger: its parts all go on from the run before, whichever of them that was."""
    crons = tuple(child for child in trigger.triggers if isinstance(child, Cron))
    others = [child for child in trigger.triggers if not isinstance(child, (Cron, Date))]
    if others:
        raise Unreadable(
            "R8_OR_TRIGGER",
            "its OrTrigger holds more than cron and date triggers, and APScheduler counts each "
            "part anew from the run of any other",
            COMBINED,
        )
    dates = [child for child in trigger.triggers if isinstance(child, Date)]
    if len({(named_zone(cron.zone), cron.start, cron.end) for cron in crons}) > 1:
        raise Unreadable(
            "R8_OR_TRIGGER", "its parts differ in zone, start or end, and may share instants",
            COMBINED,
        )  # fmt: skip
    # After its first run an OrTrigger has forgotten its dates.
    alive = min((each.at for each in dates), default=None)
    coming = alive is not None and base is not None and base == alive
    warnings = []
    if len(dates) > coming:
        warnings.append(
            Note("DATES_FORGOTTEN", "an OrTrigger runs a date only if that is its very first run; "
                 f"APScheduler will not run {len(dates) - coming} of its dates any more")
        )  # fmt: skip
    if not crons:
        if not coming or alive is None:
            raise Unreadable("R6_NEVER_FIRES", "it has nothing but dates that are over", COMBINED)
        return plan_of(Date(alive), library, at, base)
    plan = crons_plan(crons, Combined("OR", crons, trigger.jitter), library, at, None)
    specs, fires, exactness = plan.specs, plan.fires, plan.exactness
    if coming and alive is not None:
        specs = (once(alive), *specs)
        fires = library.fires(trigger, crons[0].zone)
        exactness = EQUAL_SET if exactness == EXACT else exactness
    return Plan(specs, plan.common, exactness, plan.reasons, (*plan.warnings, *warnings), fires,
                plan.over)  # fmt: skip
