"""What a trigger becomes here: specs, zone, window, and in what they differ."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, time, timedelta, timezone, tzinfo
from typing import Any

from z4j_adapters.transfer.apscheduler.boxes import boxes_of
from z4j_adapters.transfer.apscheduler.triggers import (
    Calendar,
    Combined,
    Cron,
    Date,
    Interval,
    Span,
    Trigger,
    Unreadable,
    named_zone,
)
from z4j_adapters.transfer.boxes import Box, Overlapping, disjoint
from z4j_adapters.transfer.dst import Difference, difference
from z4j_adapters.transfer.model import APPROXIMATE, EQUAL_SET, EXACT, Fires, Note
from z4j_adapters.transfer.nominal import Nominal
from z4j_adapters.transfer.values import duration, timestamp

__all__ = ["Library", "Plan", "plan_of"]

JITTER_MAX = timedelta(hours=24)
PERIOD_MIN, PERIOD_MAX = timedelta(seconds=1), timedelta(days=3653)
COMBINED = "create the schedules that it stands for one by one"


@dataclass(frozen=True, slots=True)
class Library:
    """What a major version of APScheduler does."""

    version: str
    gap: str
    fold: str
    fires: Callable[[Trigger, tzinfo], Fires]
    accumulates: bool
    """Jitter moves the base of an interval."""
    known: dict[str, Difference | None] = field(default_factory=dict)
    """What `difference` found for triggers that were looked at before."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A trigger in our terms."""

    specs: tuple[tuple[Mapping[str, Any], str], ...]
    """JSON of Spec, and in short; several are disjoint."""
    common: Mapping[str, Any]
    """Of the Schedule: zone, policies, window, jitter."""
    exactness: str
    reasons: tuple[Note, ...] = ()
    warnings: tuple[Note, ...] = ()
    fires: Fires | None = None
    over: bool = False
    """Nothing comes due any more."""


@dataclass(slots=True)
class _Draft:
    """What is found out on the way."""

    exactness: str = EXACT
    reasons: list[Note] = field(default_factory=list)
    warnings: list[Note] = field(default_factory=list)

    def inexact(self, code: str, message: str) -> None:
        self.exactness = APPROXIMATE
        self.reasons.append(Note(code, message))


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
            return _crons((trigger,), trigger, library, at)
        case Interval():
            return _interval(trigger, library, base)
        case Calendar():
            return _calendar(trigger, library, base)
        case Date():
            spec = {"oneShot": {"fireTime": timestamp(trigger.at)}}
            fires = library.fires(trigger, timezone.utc)
            return Plan(((spec, f"once at {timestamp(trigger.at)}"),), {}, EXACT, fires=fires)
        case Combined(kind="OR"):
            return _either(trigger, library, at, base)
    raise Unreadable(
        "R8_AND_TRIGGER",
        "it is an AndTrigger: APScheduler asks its parts anew after each run, until they happen "
        "to agree, and may never come back",
        COMBINED,
    )


def _crons(crons: tuple[Cron, ...], whole: Trigger, library: Library, at: datetime) -> Plan:
    """One cron trigger, or several that differ in nothing but their fields."""
    first = crons[0]
    name = named_zone(first.zone)
    try:
        boxes = disjoint([boxes_of(cron) for cron in crons])
    except Overlapping as error:
        raise Unreadable("R8_OR_TRIGGER", f"its parts share instants: {error}", COMBINED) from None
    thin = [_thinned(box) for box in boxes]
    nominal = Nominal(thin, first.zone, gap=library.gap, fold=library.fold)
    never = Unreadable(
        "R6_NEVER_FIRES",
        "no instant of the years 1970 to 2199 matches it",
        "leave it out, or correct its fields",
    )
    if not boxes:
        raise never
    origin = datetime(1971, 1, 1, tzinfo=timezone.utc)
    start = max(at, first.start - timedelta(microseconds=1)) if first.start else at
    following = next(nominal.after(start), None)
    if following is None and next(nominal.after(origin), None) is None:
        raise never
    specs = tuple(({"cron": spec}, text) for box in boxes for spec, text in box.specs())
    draft = _Draft(EQUAL_SET if len(specs) > 1 else EXACT)
    common = {
        "timeZone": name,
        "gap": f"GAP_POLICY_{library.gap}",
        "fold": f"FOLD_POLICY_{library.fold}",
        **_window(first.start, first.end),
    }
    fires = library.fires(whole, first.zone)
    over = following is None or (first.end is not None and following > first.end)
    if not over:
        key = repr((thin, name, start, first.end))
        if key not in library.known:
            asked = library.fires(_thinned_crons(whole, crons), first.zone)
            library.known[key] = difference(nominal, asked, first.zone, start, first.end)
        found = library.known[key]
        if found is not None:
            does, ours = (
                ("runs it", "nothing is due")
                if found.library_runs
                else ("leaves it out", "it runs")
            )
            draft.inexact(
                "DST_DIFFERS",
                f"around a change of the clocks APScheduler {library.version} leaves its own rule; "
                f"first at {timestamp(found.at)}: APScheduler {does}, here {ours}",
            )
    common |= _jitter(max(each.jitter for each in (first, whole) if hasattr(each, "jitter")),
                      _closest(boxes), draft)  # fmt: skip
    return Plan(specs, common, draft.exactness, tuple(draft.reasons), tuple(draft.warnings),
                fires, over)  # fmt: skip


def _thinned(box: Box) -> Box:
    """Two seconds of a minute show what a change of the clocks does to all."""
    return replace(box, second=frozenset((min(box.second), max(box.second))))


def _thinned_crons(whole: Trigger, crons: tuple[Cron, ...]) -> Trigger:
    thin = tuple(
        replace(cron, fields={**cron.fields, "second": tuple(
            Span(second, second, None) for second in sorted(_thinned(boxes_of(cron)).second)
        )})
        for cron in crons
    )  # fmt: skip
    return replace(whole, triggers=thin) if isinstance(whole, Combined) else thin[0]


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
    draft = _Draft()
    common = _window(trigger.start, trigger.end)
    if trigger.jitter:
        fires = None
        common |= _jitter(trigger.jitter, trigger.period, draft)
        if library.accumulates:
            draft.inexact(
                "JITTER_ACCUMULATES",
                f"APScheduler adds each run's jitter to the next, so that a run comes every "
                f"{duration(trigger.period + timedelta(seconds=trigger.jitter) / 2)} on average; "
                f"here it is every {duration(trigger.period)}, and jitter delays single runs",
            )
    else:
        fires = library.fires(_anchored(trigger, anchor), timezone.utc)
    spec = {"interval": {"period": duration(trigger.period), "anchorTime": timestamp(anchor)}}
    text = f"every {duration(trigger.period)} from {timestamp(anchor)}"
    return Plan(((spec, text),), common, draft.exactness, tuple(draft.reasons),
                tuple(draft.warnings), fires)  # fmt: skip


def _anchored(trigger: Interval, anchor: datetime) -> Interval:
    return Interval(trigger.period, anchor, trigger.end, trigger.zone, 0)


def _calendar(trigger: Calendar, library: Library, base: datetime | None) -> Plan:
    name = named_zone(trigger.zone)
    start = trigger.start
    if base is not None:  # The scheduler counts from the run before, whatever the trigger says.
        start = max(start, base.astimezone(trigger.zone).date())
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
    draft = _Draft()
    midnight = timedelta(hours=24 - trigger.at.hour, minutes=-trigger.at.minute,
                         seconds=-trigger.at.second)  # fmt: skip
    common |= _jitter(trigger.jitter, midnight, draft)
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
    plan = _crons(crons, Combined("OR", crons, trigger.jitter), library, at)
    specs, fires, exactness = plan.specs, plan.fires, plan.exactness
    if coming and alive is not None:
        once = {"oneShot": {"fireTime": timestamp(alive)}}
        specs = ((once, f"once at {timestamp(alive)}"), *specs)
        fires = library.fires(trigger, crons[0].zone)
        exactness = EQUAL_SET if exactness == EXACT else exactness
    return Plan(specs, plan.common, exactness, plan.reasons, (*plan.warnings, *warnings), fires,
                plan.over)  # fmt: skip


def _window(start: datetime | None, end: datetime | None) -> dict[str, Any]:
    window = {}
    if start is not None:
        window["startTime"] = timestamp(start)
    if end is not None:
        window["endTime"] = timestamp(end)
    return window


def _jitter(seconds: float, room: timedelta, draft: _Draft) -> dict[str, Any]:
    if not seconds:
        return {}
    jitter = timedelta(seconds=seconds)
    if jitter > JITTER_MAX:
        raise Unreadable("JITTER_TOO_LONG", f"its jitter of {duration(jitter)} is over 24 h")
    if jitter >= room:
        draft.inexact(
            "JITTER_SKIPS",
            f"its jitter of {duration(jitter)} reaches the next run, and APScheduler then leaves "
            "that one out; here every run comes",
        )
    return {"jitter": duration(jitter), "jitterMode": "JITTER_MODE_RANDOM"}


def _closest(boxes: list[Box]) -> timedelta:
    """No two instants are closer than this."""
    if len(boxes) > 1 or any(len(box.second) > 1 for box in boxes):
        return timedelta(seconds=1)
    box = boxes[0]
    if len(box.minute) > 1:
        minutes = sorted(box.minute)
        steps = [b - a for a, b in zip(minutes, [*minutes[1:], minutes[0] + 60], strict=True)]
        return timedelta(minutes=min(steps))
    hours = sorted(box.hour)
    steps = [b - a for a, b in zip(hours, [*hours[1:], hours[0] + 24], strict=True)]
    return timedelta(hours=max(1, min(steps) - 1))
