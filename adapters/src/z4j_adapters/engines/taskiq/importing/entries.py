"""What one entry of a TaskIQ schedule source becomes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

from z4j_adapters.engines.taskiq.importing.pycron_sets import Crontab, Never, read_cron
from z4j_adapters.transfer.minutes import asked_every_minute
from z4j_adapters.transfer.model import EQUAL_SET, EXACT, Fires, Found, Note, Refused
from z4j_adapters.transfer.values import Inexact, duration, json_text, micros, timestamp
from z4j_adapters.transfer.zones import fixed_zone_name, zone_of

__all__ = ["Entry", "mapped"]

SECOND = timedelta(seconds=1)
PERIOD_MAX = timedelta(days=3653)  # As the scheduler has it.


@dataclass(frozen=True, slots=True)
class Entry:
    """A ScheduledTask, and what is known of where it stood."""

    key: str
    task: Any
    """TaskIQ's own ScheduledTask, which has checked the fields."""
    own_labels: Mapping[str, Any]
    """Those of `task.labels` that are the task's own: its broker adds them by itself."""
    is_stored: bool
    """It stands in Redis, from where TaskIQ removes what has been sent."""
    raw: str


@dataclass(frozen=True, slots=True)
class _Trigger:
    spec: dict[str, Any]
    becomes: str
    zone: str
    fires: Fires
    reasons: tuple[Note, ...] = ()
    warnings: tuple[Note, ...] = ()
    finished: bool = False


class _No(Exception):
    def __init__(self, code: str, reason: str, remedy: str) -> None:
        super().__init__(reason)
        self.code, self.reason, self.remedy = code, reason, remedy


def mapped(entry: Entry, at: datetime) -> Iterator[Found | Refused]:
    """Make schedules of an entry; several if it has several triggers.  `at` is now."""
    try:
        common = _common(entry)
        triggers = list(_triggers(entry, at))
    except _No as no:
        yield Refused(entry.key, no.code, no.reason, no.remedy, entry.key, entry.raw)
        return
    except Exception as error:  # Whatever a stranger's value does concerns this entry alone.
        reason = f"it cannot be read: {type(error).__name__}: {error}"
        yield Refused(entry.key, "R1_OPAQUE", reason, "mend the entry", entry.key, entry.raw)
        return
    several = len(triggers) > 1
    for number, trigger in enumerate(triggers, 1):
        fires = _together([each.fires for each in triggers]) if several else trigger.fires
        yield Found(
            entry.key,
            {**common, "spec": trigger.spec, "timeZone": trigger.zone, **_clock(trigger)},
            trigger.becomes,
            EQUAL_SET if several else EXACT,
            reasons=trigger.reasons + ((_SEVERAL,) if several else ()),
            warnings=trigger.warnings,
            raw=entry.raw,
            finished=trigger.finished,
            member=number if several else None,
            fires=fires if number == 1 else None,
        )


_SEVERAL = Note("SEVERAL_TRIGGERS", "the entry has several triggers, each of which runs it")
# TaskIQ stores no phase; this one is the same whenever the source is read.
_ANCHOR = datetime(1970, 1, 1, tzinfo=timezone.utc)
_PHASE = Note(
    "PHASE",
    "TaskIQ runs it when its scheduler starts, and counts from there, so that each start moves its "
    "times; here they are multiples of the interval, counted from 1970-01-01 UTC",
)


def _clock(trigger: _Trigger) -> dict[str, Any]:
    if "cron" not in trigger.spec:
        return {}
    return {"gap": "GAP_POLICY_SKIP", "fold": "FOLD_POLICY_BOTH"}


def _triggers(entry: Entry, at: datetime) -> Iterator[_Trigger]:
    task = entry.task
    time = getattr(task, "time", None)
    interval = getattr(task, "interval", None)
    given = [each for each in (task.cron, interval, time) if each is not None]
    if entry.is_stored and time is not None and len(given) > 1:
        raise _No(
            "R10_QUIRK",
            "TaskIQ removes a stored entry with a time after its first run, whatever else it has",
            "store the time and the rest as two entries",
        )
    if task.cron is not None:
        yield _by_cron(task.cron, getattr(task, "cron_offset", None))
    if interval is not None:
        span = interval if isinstance(interval, timedelta) else interval * SECOND
        if span > PERIOD_MAX:
            raise _No("PERIOD_TOO_LONG", "its interval is longer than 3653 days", "use a cron")
        yield _by_interval(span)
    if time is not None:
        yield _by_time(time, at, entry.is_stored)


def _by_cron(text: str, offset: str | timedelta | None) -> _Trigger:
    import pycron

    try:
        crontab = read_cron(text)
    except Never as error:
        raise _No("R6_NEVER_FIRES", str(error), "write the times that are meant") from None
    zone = _zone(offset)
    spec, becomes = crontab.spec()
    probe = (min(crontab.hour), min(crontab.minute))
    is_time: Callable[[datetime], bool] = lambda shown: pycron.is_now(text, shown)  # noqa: E731
    fires = asked_every_minute(is_time, zone_of(zone), probe)
    return _Trigger({"cron": spec}, becomes, zone, fires, warnings=_of_cron(crontab))


def _zone(offset: str | timedelta | None) -> str:
    if not offset:
        return "UTC"
    if isinstance(offset, timedelta):
        # TaskIQ adds it to the time in UTC, and compares the cron with that.
        try:
            return fixed_zone_name(offset)
        except ValueError as error:
            raise _No("R4_ZONE", f"cron_offset: {error}", "name a zone instead") from None
    try:
        ZoneInfo(offset)
    except Exception:
        reason = f"cron_offset {offset!r} is no zone here: TaskIQ never sends it, either"
        raise _No("R6_NEVER_FIRES", reason, "write a name such as Europe/Berlin") from None
    return offset


def _of_cron(crontab: Crontab) -> tuple[Note, ...]:
    if crontab.either_day and len(crontab.day) < 31 and len(crontab.weekday) < 7:
        text = "both day fields restrict, and either suffices, as in this version of pycron"
        return (Note("EITHER_DAY", text),)
    return ()


def _by_interval(span: timedelta) -> _Trigger:
    def fires(after: datetime, n: int) -> list[int]:
        return _grid(span, after, n)

    spec = {"interval": {"period": duration(span), "anchorTime": timestamp(_ANCHOR)}}
    becomes = f"every {duration(span)}"
    return _Trigger(spec, becomes, "UTC", fires, reasons=(_PHASE,))


def _grid(span: timedelta, after: datetime, n: int) -> list[int]:
    """Ask TaskIQ, each second, when it runs again; as if it had started with one of our runs."""
    from taskiq.cli.scheduler.run import is_interval_task_now

    last = _ANCHOR + (after - _ANCHOR) // span * span
    found: list[int] = []
    while len(found) < n:
        now = last + max(span - SECOND, SECOND)
        while not is_interval_task_now(span, now, last):
            now += SECOND
        last = now
        if last > after:
            found.append(micros(last))
    return found


def _by_time(time: datetime, at: datetime, is_stored: bool) -> _Trigger:
    instant = time if time.tzinfo is not None else time.replace(tzinfo=timezone.utc)
    spec = {"oneShot": {"fireTime": timestamp(instant)}}
    past = instant <= at
    warnings: tuple[Note, ...] = ()
    if past and is_stored:
        text = (
            "its time has passed and TaskIQ has not sent it; here nothing is created for it: "
            "trigger the task by hand if it is still wanted"
        )
        warnings = (Note("OVERDUE", text),)

    def fires(after: datetime, n: int) -> list[int]:
        return [micros(instant)] if n and instant > after else []

    becomes = f"once {timestamp(instant)}"
    return _Trigger(spec, becomes, "UTC", fires, warnings=warnings, finished=past)


def _together(all_fires: list[Fires]) -> Fires:
    def fires(after: datetime, n: int) -> list[int]:
        return sorted({instant for each in all_fires for instant in each(after, n)})[:n]

    return fires


def _common(entry: Entry) -> dict[str, Any]:
    task = entry.task
    common: dict[str, Any] = {"engine": "taskiq", "task": task.task_name}
    try:
        if task.args:
            common["argsJson"] = json_text(list(task.args), tuples=True)
        if task.kwargs:
            common["kwargsJson"] = json_text(dict(task.kwargs), tuples=True)
    except Inexact as error:
        raise _No(
            "R2_ARGUMENTS", f"args or kwargs: {error}", "give text, numbers, lists, dicts"
        ) from None
    common |= _of_labels(entry)
    common["catchUp"] = "CATCH_UP_SKIP"
    return common


_TYPED: dict[str, tuple[type, ...]] = {
    "timeout": (int, float),
    "retry_on_error": (bool,),
    "max_retries": (int,),
}


def _of_labels(entry: Entry) -> dict[str, Any]:
    """Labels become engine options; what brokers read from them, fields of the schedule."""
    found: dict[str, Any] = {}
    options: dict[str, str] = {}
    more: dict[str, Any] = {}
    for name, value in entry.task.labels.items():
        own = name in entry.own_labels
        if name == "schedule":  # A task's, which came along when the entry was stored.
            continue
        if name == "queue_name":
            found["queue"] = str(value)
        elif name == "priority":
            if not own:
                raise _No(
                    "R2_OPTIONS",
                    "label 'priority' is a broker's own number",
                    "set the schedule's priority, -100 to 100, and leave the label out",
                )
        elif type(value) in _TYPED.get(name, ()):
            options[name] = json.dumps(value)
        elif isinstance(value, (str, int, float)):
            more[name] = value
        elif not own:
            raise _No(
                "R2_OPTIONS",
                f"label {name!r} is a {type(value).__name__}",
                "labels of a schedule are text, numbers and booleans",
            )
    if more:
        options["labels"] = json_text(more)
    return {**found, **({"engineOptions": options} if options else {})}
