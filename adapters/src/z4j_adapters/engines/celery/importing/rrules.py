"""RedBeat's rrule: mapped where a schedule of ours has the same instants, else refused."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import Any

from dateutil.rrule import MONTHLY, YEARLY
from dateutil.rrule import rrule as DateutilRule

from z4j_adapters.engines.celery.importing.rrule_steps import SECONDS, cron_parts, grids
from z4j_adapters.engines.celery.importing.shapes import Timing, Unfit
from z4j_adapters.transfer.cron_fields import cron
from z4j_adapters.transfer.model import EQUAL_SET, EXACT, Note
from z4j_adapters.transfer.values import duration, micros, timestamp
from z4j_adapters.transfer.zones import fixed_zone_name

__all__ = ["rule_timings", "runs_left"]

FREQUENCIES = (YEARLY, MONTHLY, *SECONDS)
FILTERS = ("bymonth", "bymonthday", "byweekday", "byweekno", "byhour", "byminute", "bysecond")
NOT_HELD = ("bysetpos", "byyearday", "byeaster")
LOSSY = Note(
    "REDBEAT_LOSSY",
    "RedBeat keeps no zone of an rrule, only the offset that its start had, and no ordinal of a "
    "weekday: what Redis holds was imported, which may not be what was meant",
)
SEVERAL = Note(
    "RRULE_STEPS", "it counts in steps and has BY... parts: several schedules together are the same"
)


def rule_timings(stored: Mapping[str, Any], at: datetime) -> list[Timing]:
    """The schedules that an rrule becomes, as Redis holds it.

    Raises:
        Unfit: Nothing of ours has the same instants.
    """
    zone = timezone(timedelta(minutes=stored.get("dtstart_tz") or 0))
    rule = _rule(stored, zone)
    for name in NOT_HELD:
        if stored.get(name) is not None:
            raise _unfit(f"has {name}")
    if rule._bynweekday:
        raise _unfit("has weekdays with an ordinal")
    given = [name for name in FILTERS if stored.get(name) is not None]
    try:
        found = _specs(rule, given, zone)
    except ValueError as error:
        raise _unfit(str(error)) from None
    bounds: dict[str, Any] = {}
    if rule._dtstart > at:
        bounds["startTime"] = timestamp(rule._dtstart)
    if stored.get("count") is not None and len(found) > 1:  # One of them alone could count.
        bounds["endTime"] = timestamp(max(rule))
    elif rule._until is not None:
        bounds["endTime"] = timestamp(rule._until)

    def fires(after: datetime, n: int) -> list[int]:
        return [micros(due) for due in rule.xafter(after, count=n)]

    is_lossy = zone.utcoffset(None) != timedelta(0) or stored.get("byweekday") is not None
    several = len(found) > 1
    return [
        Timing(
            {**fields, **bounds},
            becomes,
            EQUAL_SET if several else EXACT,
            reasons=(SEVERAL,) if several else (),
            warnings=(LOSSY,) if is_lossy and number == 0 else (),
            fires=fires if number == 0 else None,
        )
        for number, (fields, becomes) in enumerate(found)
    ]


def _specs(rule: Any, given: list[str], zone: timezone) -> list[tuple[dict[str, Any], str]]:
    """The fields of each schedule that the rule becomes, without its bounds, and their texts.

    Raises:
        ValueError: No schedules of ours have its instants.
        Unfit: It has none, or repeats too late.
    """
    start: datetime = rule._dtstart
    if not given and rule._interval > 1 and rule._freq not in SECONDS:
        unit = "years" if rule._freq == YEARLY else "months"
        calendar = {
            unit: rule._interval,
            "atTime": start.time().isoformat(),
            "startDate": start.date().isoformat(),
        }
        becomes = f"every {rule._interval} {unit} from {timestamp(start)}"
        return [({"spec": {"calendarInterval": calendar}, **_fixed(zone)}, becomes)]
    if given or rule._freq not in SECONDS:
        parts = cron_parts(rule, given)
        if parts is not None:
            crons = (_cron(rule, part) for part in parts)
            return [({"spec": {"cron": spec}, **_fixed(zone)}, becomes) for spec, becomes in crons]
    period, anchors = grids(rule, given)
    return [
        (
            {
                "spec": {"interval": {"period": duration(period), "anchorTime": timestamp(anchor)}},
                "timeZone": "UTC",
            },
            f"every {period} from {timestamp(anchor)}",
        )
        for anchor in anchors
    ]


def runs_left(stored: Mapping[str, Any], at: datetime) -> int | None:
    """How many of its `count` are still to come; None if it has none."""
    if stored.get("count") is None:
        return None
    zone = timezone(timedelta(minutes=stored.get("dtstart_tz") or 0))
    return sum(1 for due in _rule(stored, zone) if due > at)


def _rule(stored: Mapping[str, Any], zone: timezone) -> Any:
    try:
        if stored["freq"] not in FREQUENCIES:
            raise ValueError(f"freq is {stored['freq']!r}")
        until_zone = timezone(timedelta(minutes=stored.get("until_tz") or 0))
        until = stored.get("until")
        return DateutilRule(
            stored["freq"],
            dtstart=datetime.fromtimestamp(stored["dtstart"], zone),
            until=None if until is None else datetime.fromtimestamp(until, until_zone),
            interval=stored.get("interval") or 1,
            **{name: stored[name] for name in ("wkst", "count", *NOT_HELD) if name in stored},
            **{name: stored[name] for name in FILTERS if name in stored and name != "byweekday"},
            byweekday=_weekdays(stored.get("byweekday")),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise Unfit(
            "BAD_ENTRY", f"it is no rrule: {type(error).__name__}: {error}", "store it anew"
        ) from None


def _weekdays(value: Any) -> Any:
    """Numbers, Monday 0; RedBeat writes {"__type__": "weekday", "wkday": 0}."""
    if isinstance(value, Mapping):
        return value["wkday"]
    return [_weekdays(item) for item in value] if isinstance(value, list) else value


def _cron(rule: Any, instead: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
    """dateutil's own expanded sets, all of which must match; `instead` has some in their place."""
    days: set[int] | str | None = set(rule._bymonthday or ()) or None
    if rule._bynmonthday:
        last = ["L" if n == -1 else f"L{n + 1}" for n in sorted(rule._bynmonthday)]
        days = ",".join([*map(str, sorted(rule._bymonthday or ())), *last])
    if rule._byweekno and (rule._wkst != 0 or not all(1 < n < 52 for n in rule._byweekno)):
        raise ValueError("has weeks that do not begin on Monday, or may lie in two years")
    fields: dict[str, Any] = {
        "second": set(rule._bysecond or ()) or None,
        "minute": set(rule._byminute or ()) or None,
        "hour": set(rule._byhour or ()) or None,
        "month": set(rule._bymonth or ()) or None,
        "iso_week": set(rule._byweekno or ()) or None,
    }
    weekdays = {(day + 1) % 7 for day in rule._byweekday or ()} or None
    try:
        return cron(
            day_match="AND", day_of_month=days, day_of_week=weekdays, **{**fields, **instead}
        )
    except ValueError as error:
        raise ValueError(f"has values that no clock shows: {error}") from None


def _fixed(zone: timezone) -> dict[str, Any]:
    name = fixed_zone_name(zone.utcoffset(None))
    return {"timeZone": name, "gap": "GAP_POLICY_SHIFT", "fold": "FOLD_POLICY_FIRST"}


def _unfit(what: str) -> Unfit:
    return Unfit(
        "RRULE_PART",
        f"the rrule {what}; no schedules here have its instants",
        "write it as crontab or interval, or as several",
    )
