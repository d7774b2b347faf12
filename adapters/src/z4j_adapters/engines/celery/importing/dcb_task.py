"""What a row of django-celery-beat becomes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone, tzinfo
from typing import Any

from celery.exceptions import ImproperlyConfigured
from celery.schedules import crontab, schedule, solar

from z4j_adapters.engines.celery.importing.dcb_rows import Row
from z4j_adapters.engines.celery.importing.entries import Call, catch_up, found, refused
from z4j_adapters.engines.celery.importing.intervals import PERIOD_MIN
from z4j_adapters.engines.celery.importing.oracle import first_due, once, preceded, within
from z4j_adapters.engines.celery.importing.shapes import Clock, Timing, Unfit
from z4j_adapters.engines.celery.importing.timing import known_timings
from z4j_adapters.transfer.model import Found, Note, Refused
from z4j_adapters.transfer.values import EPOCH, timestamp
from z4j_adapters.transfer.zones import zone_of

__all__ = ["Surroundings", "found_in"]

MICROSECOND = timedelta(microseconds=1)
DESCRIPTION_CHARS_MAX = 4000  # As the scheduler has it.
PERIODS = ("weeks", "days", "hours", "minutes", "seconds", "milliseconds", "microseconds")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a row does not say itself."""

    at: datetime
    is_aware: bool
    """DJANGO_CELERY_BEAT_TZ_AWARE."""
    zone: tzinfo | None
    """Celery's; None: the host's, which nobody named."""
    zone_name: str
    version: tuple[int, ...]
    deadline_s: float | None
    """beat_cron_starting_deadline."""


def found_in(row: Row, around: Surroundings) -> Iterator[Found | Refused]:
    """What the row becomes, or why nothing."""
    try:
        yield from list(_found(row, around))
    except Unfit as unfit:
        yield refused(row.name, unfit, row.text())
    except Exception as error:  # Values that no admin page would have saved.
        reason = f"it cannot be read: {type(error).__name__}: {error}"
        bad = Unfit("BAD_ENTRY", reason, "mend the row; beat fails on it, too")
        yield refused(row.name, bad, row.text())


def _found(row: Row, around: Surroundings) -> Iterator[Found]:
    kinds = [
        kind
        for kind, value in (
            ("interval", row.every),
            ("crontab", row.minute),
            ("solar", row.event),
            ("clocked", row.clocked_time),
        )
        if value is not None
    ]
    if not kinds:
        raise Unfit("NO_SCHEDULE", "it has no schedule", "give it one; beat fails on it")
    warnings = list(_warnings(row, kinds, around))
    timings = [_bounded(t, row) for t in _timings(row, kinds[0], around)]
    if row.one_off and len(timings) > 1:
        timings = _once_of(timings, around)
    more: dict[str, Any] = catch_up(around.deadline_s if kinds[0] == "crontab" else None)
    if row.start_time is not None:
        # Celery looks for a crontab's next slot after it, and runs anything else at it.
        start = row.start_time + (MICROSECOND if kinds[0] == "crontab" else timedelta(0))
        more["startTime"] = timestamp(start)
    if row.expires is not None:
        more["endTime"] = timestamp(row.expires - MICROSECOND)
    if row.one_off and "oneShot" not in timings[0].fields["spec"]:
        more["maxFires"] = 1
    if row.description:
        more["description"] = row.description[:DESCRIPTION_CHARS_MAX]
    finished = _is_finished(row, around.at)
    if not row.enabled and not finished:
        more["state"] = "STATE_PAUSED"
        more["pause"] = {"reason": "disabled in django-celery-beat"}
    yield from found(
        row.name,
        _call(row),
        timings,
        raw=row.text(),
        more=more,
        warnings=tuple(warnings),
        finished=finished,
    )


def _is_finished(row: Row, at: datetime) -> bool:
    if row.expires is not None and row.expires <= at:
        return True
    return row.one_off and (not row.enabled or row.total_run_count > 0)


def _warnings(row: Row, kinds: list[str], around: Surroundings) -> Iterator[Note]:
    if len(kinds) > 1:
        message = f"it has {' and '.join(kinds)}: beat takes the {kinds[0]}"
        yield Note("SEVERAL_SCHEDULES", message)
    if row.one_off and not row.enabled:
        yield Note(
            "ONE_OFF_DONE",
            "a one_off that is disabled has run, or was disabled by hand; the row does not tell "
            "which, and it is taken as done",
        )
    elif _is_overdue(row, around.at):
        yield Note(
            "CLOCKED_IN_PAST",
            "its time has passed and it has not run: it runs once, at once, where it is created, "
            "as beat would do",
        )
    if row.timezone and not around.is_aware and row.timezone != around.zone_name:
        yield Note(
            "ZONE_IGNORED",
            f"DJANGO_CELERY_BEAT_TZ_AWARE is False: its zone {row.timezone} is ignored, it "
            f"runs in {around.zone_name}",
        )


def _is_overdue(row: Row, at: datetime) -> bool:
    is_past = row.clocked_time is not None and row.clocked_time <= at
    return is_past and row.enabled and row.total_run_count == 0


def _timings(row: Row, kind: str, around: Surroundings) -> list[Timing]:
    if kind == "clocked":
        return [_clocked(row)]
    zone, zone_name = around.zone, around.zone_name
    if kind == "crontab" and around.is_aware and row.timezone:
        zone, zone_name = _row_zone(row.timezone), row.timezone
    what = {"interval": _interval, "crontab": _crontab, "solar": _solar}[kind](row)
    clock = Clock(around.at, zone, zone_name, around.version, _counted_from(row))
    found = _started(what, row, clock) if kind == "interval" else known_timings(what, clock)
    if row.enabled and (since := _overdue_since(what, row, clock)):
        if row.one_off:
            return [_one_shot(since, fires=once(since), warnings=(*found[0].warnings, _OVERDUE))]
        found[0] = replace(found[0], warnings=(*found[0].warnings, _OVERDUE))
    if kind == "interval":
        return found
    return [
        replace(t, fires=within(t.fires, start=row.start_time) if t.fires else None) for t in found
    ]


_OVERDUE = Note(
    "OVERDUE", "it is overdue there: beat would run it once, at once, when it starts again"
)


def _counted_from(row: Row) -> datetime | None:
    """What beat takes for the last run; None: so long ago that the task is due at its start."""
    last = row.last_run_at
    if last is None and row.start_time is None:
        last = row.date_changed
    return None if last is None else last.astimezone(timezone.utc)


def _overdue_since(what: Any, row: Row, clock: Clock) -> datetime | None:
    """The due time that has passed and not run, if there is one."""
    if row.start_time is not None and row.start_time > clock.at:
        return None
    if clock.last_run is None:
        return row.start_time
    due = first_due(what, clock.zone or timezone.utc, clock.last_run)
    return due if due <= clock.at else None


def _one_shot(at: datetime, **more: Any) -> Timing:
    text = timestamp(at)
    fields = {"spec": {"oneShot": {"fireTime": text}}, "timeZone": "UTC"}
    return Timing(fields, f"once at {text}", **more)


def _row_zone(name: str) -> tzinfo:
    try:
        return zone_of(name)
    except ValueError as error:
        raise Unfit("R4_UNKNOWN_ZONE", str(error), "correct the crontab's timezone") from None


def _crontab(row: Row) -> Any:
    try:
        return crontab(
            minute=row.minute,
            hour=row.hour,
            day_of_week=row.day_of_week,
            day_of_month=row.day_of_month,
            month_of_year=row.month_of_year,
        )
    except Exception as error:
        remedy = "correct the crontab (Sunday is 0) if it is to run, and import again"
        raise Unfit(
            "R6_NEVER_FIRES", f"Celery refuses it ({error}), so that beat never runs it", remedy
        ) from None


def _solar(row: Row) -> Any:
    try:
        return solar(row.event, float(row.latitude), float(row.longitude))
    except ImproperlyConfigured:
        raise Unfit(
            "MISSING_PACKAGE", "Celery needs the package ephem for it", "pip install ephem"
        ) from None


def _clocked(row: Row) -> Timing:
    assert row.clocked_time is not None
    if not row.one_off:
        raise Unfit(
            "CLOCKED_NOT_ONE_OFF",
            "a clocked row that is not one_off runs again whenever beat starts",
            "set one_off",
        )
    at = row.clocked_time
    if row.start_time is not None and row.start_time > at:
        at = row.start_time
    return _one_shot(at, fires=once(at))


def _interval(row: Row) -> Any:
    if row.period not in PERIODS or not isinstance(row.every, int):
        raise Unfit("BAD_ENTRY", f"every {row.every} {row.period} is no interval", "mend it")
    return schedule(timedelta(**{row.period: row.every}))


def _started(what: Any, row: Row, clock: Clock) -> list[Timing]:
    """An interval, which may have to wait for its start."""
    start, last = row.start_time, clock.last_run
    if start is None or start <= clock.at or what.run_every < PERIOD_MIN:
        return known_timings(what, clock)
    if last is not None and last + what.run_every > start:
        return known_timings(what, clock)
    # It is overdue when it may begin: it runs at its start, and is counted from there.
    (timing,) = known_timings(what, replace(clock, at=start, last_run=None))
    told = Note(
        "COUNTED_FROM_START",
        f"it runs at its start_time, {timestamp(start)}, and Celery counts the period from there",
    )
    assert timing.fires is not None
    fires = preceded(start, timing.fires)
    return [replace(timing, reasons=(told, *timing.reasons[1:]), fires=fires)]


def _bounded(timing: Timing, row: Row) -> Timing:
    """The due times that `expires` and `one_off` leave."""
    if timing.fires is None:
        return timing
    most = 1 if row.one_off else 0
    return replace(timing, fires=within(timing.fires, end=row.expires, most=most))


def _once_of(timings: list[Timing], around: Surroundings) -> list[Timing]:
    """The first due time alone; each of several schedules would fire once."""
    fires = timings[0].fires
    first = fires(around.at, 1) if fires else []
    if not first:
        return timings[:1]
    at = EPOCH + timedelta(microseconds=first[0])
    return [_one_shot(at, fires=fires, warnings=timings[0].warnings)]


def _call(row: Row) -> Call:
    options: dict[str, Any] = {
        name: value
        for name in ("queue", "exchange", "routing_key", "priority")
        if (value := getattr(row, name)) not in (None, "")
    }
    options["headers"] = {**_json("headers", row.headers, {}), "periodic_task_name": row.name}
    if row.expires is not None:
        options["expires"] = row.expires
    elif row.expire_seconds:
        options["expires"] = row.expire_seconds
    return Call(row.task, _json("args", row.args, []), _json("kwargs", row.kwargs, {}), options)


def _json(name: str, text: str | None, empty: Any) -> Any:
    """The column as JSON of the same shape as `empty`."""
    try:
        value = json.loads(text) if text else empty
    except ValueError as error:
        raise Unfit(
            "R2_ARGUMENTS", f"{name} is no JSON ({error}): beat disables the row", f"mend {name}"
        ) from None
    if type(value) is not type(empty):
        raise Unfit(
            "R2_ARGUMENTS",
            f"{name} is a JSON {type(value).__name__}, no {type(empty).__name__}",
            f"mend {name}",
        )
    return value
