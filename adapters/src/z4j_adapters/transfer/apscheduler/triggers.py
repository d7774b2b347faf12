"""APScheduler's triggers as plain values, read from inert records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from z4j_adapters.transfer.pickles import Record
from z4j_adapters.transfer.plain import zone_name

__all__ = [
    "FIELDS",
    "LISTED_3",
    "All",
    "Calendar",
    "Combined",
    "Cron",
    "Date",
    "Expression",
    "Interval",
    "Last",
    "Nth",
    "Span",
    "Trigger",
    "Unreadable",
    "expression_text",
    "named_zone",
    "trigger_3",
]

FIELDS = ("year", "month", "day", "week", "day_of_week", "hour", "minute", "second")


class Unreadable(Exception):
    """A trigger that is not one of APScheduler's own, or not as it writes them."""

    def __init__(self, code: str, reason: str, remedy: str = "") -> None:
        super().__init__(reason)
        self.code, self.reason, self.remedy = code, reason, remedy


@dataclass(frozen=True, slots=True)
class All:
    """ "*", or every `step`-th from the field's lowest."""

    step: int | None


@dataclass(frozen=True, slots=True)
class Span:
    """`first` to `last`, or to the field's highest."""

    first: int
    last: int | None
    step: int | None
    kind: str = "RangeExpression"


@dataclass(frozen=True, slots=True)
class Nth:
    """The n-th weekday of a month, 0 Monday; n 5 is the last."""

    n: int
    weekday: int


@dataclass(frozen=True, slots=True)
class Last:
    """The last day of a month."""


Expression = All | Span | Nth | Last


@dataclass(frozen=True, slots=True)
class Cron:
    fields: Mapping[str, tuple[Expression, ...]]
    """By name, all of FIELDS; weekdays with 0 as Monday."""
    zone: Any
    start: datetime | None
    end: datetime | None
    jitter: float
    text: str
    last: datetime | None = None
    """Version 4's last fire time if that has a fraction of a second, which it then goes on with."""


@dataclass(frozen=True, slots=True)
class Interval:
    period: timedelta
    start: datetime | None
    end: datetime | None
    zone: Any
    jitter: float


@dataclass(frozen=True, slots=True)
class Calendar:
    years: int
    months: int
    weeks: int
    days: int
    at: time
    start: date
    end: date | None
    zone: Any
    jitter: float


@dataclass(frozen=True, slots=True)
class Date:
    at: datetime


@dataclass(frozen=True, slots=True)
class Combined:
    kind: str
    """AND or OR."""
    triggers: tuple[Trigger, ...]
    jitter: float


Trigger = Cron | Interval | Calendar | Date | Combined

_T = "apscheduler.triggers."
_FIELD_CLASSES = {
    f"{_T}cron.fields.{name}"
    for name in ("BaseField", "MonthField", "WeekField", "DayOfMonthField", "DayOfWeekField")
}
_SPANS = ("RangeExpression", "MonthRangeExpression", "WeekdayRangeExpression")
_EXPRESSIONS = {
    f"{_T}cron.expressions.{name}": name
    for name in (*_SPANS, "AllExpression", "WeekdayPositionExpression", "LastDayOfMonthExpression")
}
LISTED_3 = frozenset(
    (
        *(f"{_T}cron.CronTrigger", f"{_T}interval.IntervalTrigger", f"{_T}date.DateTrigger"),
        f"{_T}calendarinterval.CalendarIntervalTrigger",
        *(f"{_T}combining.AndTrigger", f"{_T}combining.OrTrigger"),
        *_FIELD_CLASSES,
        *_EXPRESSIONS,
    )
)
"""What a job's trigger of APScheduler 3 is made of."""


def trigger_3(record: Any) -> Trigger:
    """Read a trigger as APScheduler 3 pickles it.

    Raises:
        Unreadable: It is another class's.
    """
    if not isinstance(record, Record):
        raise Unreadable("R1_OPAQUE", f"its trigger is a {type(record).__name__}")
    if record.path not in LISTED_3 or not record.path.endswith("Trigger"):
        raise Unreadable(
            "R1_OPAQUE",
            f"its trigger is of the class {record.path}, which only your code can compute",
            "create the schedule here by hand, with the times that the class stands for",
        )
    state = record.state
    if isinstance(state, tuple) and len(state) == 2:  # As 3.0 wrote it.
        state = state[1]
    if not isinstance(state, dict):
        raise Unreadable("R1_OPAQUE", "its trigger has no state")
    try:
        return _trigger(record.path.rpartition(".")[2], state)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise Unreadable(
            "R1_OPAQUE", f"its trigger is not as APScheduler 3 writes it: {error!r}"
        ) from None


def _trigger(name: str, state: dict[str, Any]) -> Trigger:
    jitter = float(state.get("jitter") or 0)
    if name == "CronTrigger":
        fields = {_typed(field.state["name"], str): field for field in state["fields"]}
        if tuple(fields) != FIELDS:
            raise ValueError(f"fields {list(fields)}")
        read = {
            name: tuple(_expression(each) for each in field.state["expressions"])
            for name, field in fields.items()
        }
        shown = [
            f"{name}={','.join(map(expression_text, read[name]))!r}"
            for name, field in fields.items()
            if not field.state.get("is_default")
        ]
        text = f"cron[{', '.join(shown)}]"
        start, end = _instant(state["start_date"]), _instant(state["end_date"])
        return Cron(read, state["timezone"], start, end, jitter, text)
    if name == "IntervalTrigger":
        start, end = _instant(state["start_date"]), _instant(state["end_date"])
        period = _typed(state["interval"], timedelta)
        return Interval(period, start, end, state["timezone"], jitter)
    if name == "CalendarIntervalTrigger":
        years, months, weeks, days = (_typed(number, int) for number in state["interval"])
        at = time(*(_typed(number, int) for number in state["time"]))
        start_date = _typed(state["start_date"], date)
        end_date = None if state["end_date"] is None else _typed(state["end_date"], date)
        zone = state["timezone"]
        return Calendar(years, months, weeks, days, at, start_date, end_date, zone, jitter)
    if name == "DateTrigger":
        run_date = _instant(state["run_date"])
        if run_date is None:
            raise ValueError("no run_date")
        return Date(run_date)
    children = []
    for path, child in state["triggers"]:
        children.append(trigger_3(Record(_typed(path, str).replace(":", "."), True, (), child)))
    return Combined("AND" if name == "AndTrigger" else "OR", tuple(children), jitter)


def _expression(record: Any) -> Expression:
    kind, state = _EXPRESSIONS[record.path], record.state
    if kind == "AllExpression":
        return All(_number(state["step"]))
    if kind == "WeekdayPositionExpression":
        return Nth(_typed(state["option_num"], int), _typed(state["weekday"], int))
    if kind == "LastDayOfMonthExpression":
        return Last()
    first = _typed(state["first"], int)
    return Span(first, _number(state["last"]), _number(state["step"]), kind)


def expression_text(expression: Expression) -> str:
    """As the library writes it, but with numbers for names."""
    match expression:
        case All(None):
            return "*"
        case All(step):
            return f"*/{step}"
        case Last():
            return "last"
        case Nth(n, weekday):
            names = ("1st", "2nd", "3rd", "4th", "5th", "last")
            return f"{names[n]} {('mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun')[weekday]}"
        case Span(first, last, step):
            text = str(first) if last in (None, first) else f"{first}-{last}"
            return f"{text}/{step}" if step else text
    raise TypeError(expression)


def _instant(value: Any) -> datetime | None:
    if value is None:
        return None
    at: datetime = _typed(value, datetime)
    if at.tzinfo is None:
        raise ValueError(f"{at} has no zone")
    return at


def _number(value: Any) -> int | None:
    return None if value is None else int(_typed(value, int))


def _typed(value: Any, kind: type) -> Any:
    if not isinstance(value, kind):
        raise TypeError(f"{value!r} is no {kind.__name__}")
    return value


def named_zone(zone: Any) -> str:
    """The zone's name.

    Raises:
        Unreadable: It has none.
    """
    name = zone_name(zone)
    if name is None:
        path = zone.path if isinstance(zone, Record) else type(zone).__name__
        raise Unreadable(
            "R4_ZONE",
            f"its time zone is a {path}, which does not name one",
            "give the trigger a timezone such as 'Europe/Berlin' and add the job anew",
        )
    return name
