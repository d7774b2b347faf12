"""Schedules of APScheduler 4, as its SQL data store holds them."""

from __future__ import annotations

import json
import pickle
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta, timezone, tzinfo
from typing import Any

from z4j_adapters.transfer.apscheduler.jobs import Job
from z4j_adapters.transfer.apscheduler.oracle4 import cron_4, fires_4
from z4j_adapters.transfer.apscheduler.tasks import CELERY_TASKS
from z4j_adapters.transfer.apscheduler.terms import Library
from z4j_adapters.transfer.apscheduler.triggers import (
    FIELDS,
    All,
    Calendar,
    Cron,
    Date,
    Expression,
    Interval,
    Last,
    Nth,
    Span,
    Trigger,
    Unreadable,
)
from z4j_adapters.transfer.databases import Database, quoted
from z4j_adapters.transfer.pickles import PickleRefused, Record, load, strangers
from z4j_adapters.transfer.values import EPOCH
from z4j_adapters.transfer.zones import zone_of

__all__ = ["job_of_schedule", "library_4", "rows_4"]

UTC = timezone.utc
_T = "apscheduler.triggers."
TRIGGERS = {
    f"{_T}cron.CronTrigger": "cron",
    f"{_T}interval.IntervalTrigger": "interval",
    f"{_T}date.DateTrigger": "date",
    f"{_T}calendarinterval.CalendarIntervalTrigger": "calendar",
    f"{_T}combining.AndTrigger": "combined",
    f"{_T}combining.OrTrigger": "combined",
}
LISTED = frozenset((*TRIGGERS, *CELERY_TASKS))
CBOR_TAG = 4664
COLUMNS = (
    "s.id, s.trigger, s.args, s.kwargs, s.paused, s.coalesce, s.misfire_grace_time, s.max_jitter, "
    "s.task_id, s.next_fire_time, t.func, t.max_running_jobs"
)


def library_4(version: str) -> Library:
    """What APScheduler 4 does; where its alphas differ, `difference` finds it."""
    return Library(
        version, gap="SHIFT", fold="BOTH", fires=fires_4, accumulates=False, by_wall_clock=True
    )


def rows_4(database: Database, schema: str) -> Iterator[tuple[str, Job | Unreadable]]:
    """Read the tables of SQLAlchemyDataStore."""
    prefix = f"{schema}." if schema else ""
    schedules, tasks = quoted(f"{prefix}schedules"), quoted(f"{prefix}tasks")
    query = (
        f"SELECT {COLUMNS} FROM {schedules} s LEFT JOIN {tasks} t ON t.id = s.task_id ORDER BY s.id"
    )
    for row in database.rows(query):
        try:
            yield str(row[0]), _job(_Row(*row))
        except Unreadable as error:
            yield str(row[0]), error
        except PickleRefused as error:
            yield str(row[0]), Unreadable("R2_PICKLE", str(error), "find out who wrote this row")
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            reason = f"it is no schedule as APScheduler 4 writes it: {error!r}"
            yield str(row[0]), Unreadable("R2_PICKLE", reason)


def job_of_schedule(schedule: Any, task: Any) -> Job:
    """Read the library's own objects, as its store would hold them.

    Raises:
        Unreadable: As of a row.
    """
    values = (schedule.trigger, schedule.args, schedule.kwargs)
    trigger, args, kwargs = (pickle.dumps(value, 4) for value in values)
    return _job(
        _Row(
            *(schedule.id, trigger, args, kwargs, schedule.paused, schedule.coalesce.name),
            *(schedule.misfire_grace_time, schedule.max_jitter, task.id),
            *(schedule.next_fire_time, task.func, task.max_running_jobs),
        )
    )


@dataclass(frozen=True, slots=True)
class _Row:
    id: Any
    trigger: Any
    args: Any
    kwargs: Any
    paused: Any
    coalesce: Any
    grace: Any
    jitter: Any
    task: Any
    next_fire: Any
    func: Any
    running: Any


def _job(row: _Row) -> Job:
    record = _decoded(row.trigger)
    if not isinstance(record, Record) or record.path not in TRIGGERS:
        path = record.path if isinstance(record, Record) else type(record).__name__
        raise Unreadable(
            "R1_OPAQUE",
            f"its trigger is of the class {path}, which only your code can compute",
            "create the schedule here by hand, with the times that the class stands for",
        )
    for path in strangers(record):
        raise Unreadable("R1_OPAQUE", f"its trigger holds {path}, which is not APScheduler's")
    # A task without a function of its own may be called by the name of one.
    func = str(row.func or row.task)
    if ":" not in func:
        raise Unreadable(
            "R2_ARGUMENTS", "its task names no function that can be imported",
            "give the task a function of a module",
        )  # fmt: skip
    args, kwargs = _decoded(row.args), _decoded(row.kwargs)
    for path in strangers([args, kwargs]):
        if path not in CELERY_TASKS:
            raise Unreadable(
                "R2_ARGUMENTS",
                f"its arguments hold {path}, an object of Python that is no JSON",
                "pass plain values, such as a key that the task looks up",
            )
    trigger = _trigger(TRIGGERS[record.path], record.state)
    next_run = _moment(row.next_fire)
    last = _instant(record.state.get("last_fire_time"))
    if last is not None and isinstance(trigger, Interval):
        next_run = last  # With the zone that it counts in.
    if last is not None and last.microsecond and isinstance(trigger, Cron):
        trigger = replace(trigger, last=last)
    return Job(
        id=str(row.id),
        func=func,
        trigger=trigger,
        trigger_text=trigger.text if isinstance(trigger, Cron) else type(trigger).__name__.lower(),
        args=tuple(args or ()),
        kwargs=dict(kwargs or {}),
        name="",
        next_run=next_run,
        paused=bool(row.paused),
        grace=_span(row.grace),
        coalesce=str(row.coalesce),
        max_instances=row.running,
        executor="default",
        jitter=_span(row.jitter) or timedelta(),
        over=row.next_fire is None,
    )


def _decoded(data: Any) -> Any:
    """A value of one of its three serializers."""
    if data is None:
        return None
    data = bytes(data)
    if data[:1] == b"\x80" and data[-1:] == b"." and len(data) > 2 and data[1] <= 5:
        return load(data, LISTED, keep_strangers=True)
    if data[:1] in b'{["' or data in (b"null", b"true", b"false"):
        return json.loads(data, object_hook=_json_object)
    import cbor2

    try:
        return cbor2.loads(data, tag_hook=_cbor_tag)
    except Exception as error:
        raise PickleRefused(f"it is neither pickle, JSON nor CBOR: {error}") from None


def _json_object(value: dict[str, Any]) -> Any:
    return _marshalled(value["_apscheduler_json"]) if "_apscheduler_json" in value else value


def _cbor_tag(*given: Any) -> Any:
    tag = next(each for each in given if hasattr(each, "tag"))
    if tag.tag != CBOR_TAG:
        raise ValueError(f"CBOR tag {tag.tag}")
    return _marshalled(tag.value)


def _marshalled(pair: Any) -> Record:
    reference, state = pair
    path = str(reference).replace(":", ".")
    return Record(path, path in LISTED, (), state)


def _trigger(kind: str, state: Mapping[str, Any]) -> Trigger:
    if state.get("version", 1) != 1 and kind != "combined":
        raise ValueError(f"version {state['version']}")
    if kind == "date":
        return Date(_need(_instant(state["run_time"])))
    if kind == "interval":
        names = ("weeks", "days", "hours", "minutes", "seconds", "microseconds")
        period = timedelta(**dict(zip(names, state["interval"], strict=True)))
        start, end = _instant(state["start_time"]), _instant(state["end_time"])
        return Interval(period, start, end, None, 0)
    if kind == "calendar":
        years, months, weeks, days = (int(number) for number in state["interval"])
        hour, minute, second = (int(number) for number in state["time"])
        end = state["end_date"]
        return Calendar(
            *(years, months, weeks, days),
            time(hour, minute, second),
            _day(state["start_date"]),
            None if end is None else _day(end),
            _zone(state["timezone"]),
            0,
        )
    if kind == "combined":
        raise Unreadable(
            "R8_COMBINED",
            "triggers of APScheduler 4 that combine others are not read",
            "create the schedules that it stands for one by one",
        )
    zone = _zone(state["timezone"])
    texts = [str(text) for text in state["fields"]]
    if len(texts) != len(FIELDS):
        raise ValueError(f"{len(texts)} fields")
    start, end = _instant(state["start_time"]), _instant(state["end_time"])
    # Its own classes read its texts: what "1-5/2" means there is theirs to say.
    made = cron_4(texts, zone, EPOCH, None, None)
    read = {
        field.name: tuple(_expression(each) for each in field.expressions) for field in made._fields
    }
    shown = [f"{name}={text!r}" for name, text in zip(FIELDS, texts, strict=True) if text != "*"]
    return Cron(read, zone, start, end, 0, f"cron[{', '.join(shown)}]")


def _expression(each: Any) -> Expression:
    match type(each).__name__:
        case "AllExpression":
            return All(each.step)
        case "LastDayOfMonthExpression":
            return Last()
        case "WeekdayPositionExpression":
            return Nth(each.option_num, each.weekday)
        case "RangeExpression" | "MonthRangeExpression" | "WeekdayRangeExpression":
            return Span(each.first, each.last, each.step)
    raise TypeError(type(each).__name__)


def _instant(value: Any) -> datetime | None:
    if value is None:
        return None
    at = datetime.fromisoformat(value.replace("Z", "+00:00")) if isinstance(value, str) else value
    if not isinstance(at, datetime) or at.tzinfo is None:
        raise ValueError(f"{value!r} is no instant")
    return at


def _moment(value: Any) -> datetime | None:
    """A column: microseconds, or PostgreSQL's own."""
    return EPOCH + timedelta(microseconds=value) if isinstance(value, int) else _instant(value)


def _span(value: Any) -> timedelta | None:
    if value is None or isinstance(value, timedelta):
        return value
    return timedelta(microseconds=int(value))


def _day(value: Any) -> date:
    return date.fromisoformat(value) if isinstance(value, str) else value


def _zone(value: Any) -> tzinfo:
    if isinstance(value, str):
        return zone_of(value)
    if not isinstance(value, tzinfo):
        raise TypeError(f"{value!r} is no zone")
    return value


def _need(value: datetime | None) -> datetime:
    if value is None:
        raise ValueError("an instant is missing")
    return value
