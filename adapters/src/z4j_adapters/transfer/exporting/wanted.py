"""Reads the lines that describe what is to be exported (docs/migrating/lines.md)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from z4j_adapters.transfer.exporting.model import Cron, Wanted
from z4j_adapters.transfer.model import SourceError
from z4j_adapters.transfer.values import EPOCH

__all__ = ["read_wanted", "span_of"]

CUT_SHORT = SourceError(
    "INPUT_CUT_SHORT",
    "the schedules to export end without an end line",
    "let `z4j-scheduler export` start this command",
)


def read_wanted(lines: Iterable[str], dropped: Iterable[str]) -> Iterator[Wanted]:
    """The schedules of the input, without the fields (as in JSON) that are dropped.

    Raises:
        SourceError: A line is not as it should be, or the last one is missing.
    """
    for number, text in enumerate(lines, 1):
        try:
            line = json.loads(text)
            if line["type"] == "end":
                return
            if line["type"] == "schedule":
                yield _wanted(line, frozenset(dropped))
        except (ValueError, KeyError, TypeError) as error:
            raise SourceError(
                "BAD_INPUT", f"line {number} of the input: {type(error).__name__}: {error}"
            ) from error
    raise CUT_SHORT


def _wanted(line: Mapping[str, Any], dropped: frozenset[str]) -> Wanted:
    schedule = {key: value for key, value in line["schedule"].items() if key not in dropped}
    ((kind, spec),) = schedule["spec"].items()
    return Wanted(
        id=line["id"],
        json=schedule,
        engine=schedule["engine"],
        task=schedule["task"],
        args=json.loads(schedule.get("argsJson") or "[]"),
        kwargs=json.loads(schedule.get("kwargsJson") or "{}"),
        queue=schedule.get("queue", ""),
        priority=schedule.get("priority", 0),
        expires=span_of(schedule["expires"]) if "expires" in schedule else None,
        options={
            name: json.loads(value) for name, value in schedule.get("engineOptions", {}).items()
        },
        kind=kind,
        spec=spec,
        time_zone=schedule.get("timeZone") or "UTC",
        gap=schedule.get("gap", "GAP_POLICY_NEXT_VALID").removeprefix("GAP_POLICY_"),
        fold=line.get("fold", "FIRST"),
        start=_optional(line.get("startUs")),
        end=_optional(line.get("endUs")),
        fires_left=line.get("firesLeft", 0),
        next_due=_optional(line.get("nextDueUs")),
        cron=_cron(line["cron"]) if kind == "cron" else None,
        after=tuple(_instant(at) for at in line.get("afterUs", ())),
        count=line.get("count", 0),
    )


def _cron(fields: Mapping[str, Any]) -> Cron:
    def numbers(name: str) -> frozenset[int]:
        return frozenset(fields.get(name, ()))

    return Cron(
        seconds=numbers("seconds"),
        minutes=numbers("minutes"),
        hours=numbers("hours"),
        months=numbers("months"),
        days=numbers("days"),
        weekdays=numbers("weekdays"),
        years=numbers("years"),
        iso_weeks=numbers("isoWeeks"),
        days_before_last=numbers("daysBeforeLast"),
        nearest_weekdays=numbers("nearestWeekdays"),
        last_weekday_of_month=fields.get("lastWeekdayOfMonth", False),
        nth_weekdays=frozenset((day, nth) for day, nth in fields.get("nthWeekdays", ())),
        last_weekdays=numbers("lastWeekdays"),
        either_day=fields.get("eitherDay", False),
        microsecond=fields.get("microsecond", 0),
    )


def span_of(text: str) -> timedelta:
    """Read a span as protobuf's JSON has it: "90s", "0.5s"."""
    whole, _, rest = text.removesuffix("s").partition(".")
    sign = -1 if whole.startswith("-") else 1
    micros = abs(int(whole)) * 1_000_000 + int(rest.ljust(6, "0")[:6] or 0)
    return sign * timedelta(microseconds=micros)


def _instant(micros: int) -> datetime:
    return EPOCH + timedelta(microseconds=micros)


def _optional(micros: int | None) -> datetime | None:
    return None if micros is None else _instant(micros)
