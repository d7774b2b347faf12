"""RedBeat's rrule: mapped where a schedule of ours has the same instants, else refused."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import Any

from dateutil.rrule import DAILY, HOURLY, MINUTELY, MONTHLY, SECONDLY, WEEKLY, YEARLY
from dateutil.rrule import rrule as DateutilRule

from z4j_adapters.engines.celery.importing.intervals import PERIOD_MAX
from z4j_adapters.engines.celery.importing.shapes import Timing, Unfit
from z4j_adapters.transfer.cron_fields import cron
from z4j_adapters.transfer.model import Note
from z4j_adapters.transfer.values import duration, micros, timestamp
from z4j_adapters.transfer.zones import fixed_zone_name

__all__ = ["rule_timing", "runs_left"]

FREQUENCIES = (YEARLY, MONTHLY, WEEKLY, DAILY, HOURLY, MINUTELY, SECONDLY)
PERIODS = {
    WEEKLY: timedelta(days=7),
    DAILY: timedelta(days=1),
    HOURLY: timedelta(hours=1),
    MINUTELY: timedelta(minutes=1),
    SECONDLY: timedelta(seconds=1),
}
FILTERS = ("bymonth", "bymonthday", "byweekday", "byhour", "byminute", "bysecond")
NOT_HELD = ("bysetpos", "byyearday", "byeaster", "byweekno")
LOSSY = Note(
    "REDBEAT_LOSSY",
    "RedBeat keeps no zone of an rrule, only the offset that its start had, and no ordinal of a "
    "weekday: what Redis holds was imported, which may not be what was meant",
)


def rule_timing(stored: Mapping[str, Any], at: datetime) -> Timing:
    """What an rrule becomes, as Redis holds it.

    Raises:
        Unfit: Nothing of ours has the same instants.
    """
    zone = timezone(timedelta(minutes=stored.get("dtstart_tz") or 0))
    rule = _rule(stored, zone)
    given = [name for name in FILTERS if stored.get(name) is not None]
    for name in NOT_HELD:
        if stored.get(name) is not None:
            raise _unfit(f"has {name}")
    if rule._bynweekday:
        raise _unfit("has weekdays with an ordinal")
    start: datetime = rule._dtstart
    fields: dict[str, Any]
    if not given and rule._freq in PERIODS:
        period = rule._interval * PERIODS[rule._freq]
        if period > PERIOD_MAX:
            raise Unfit("PERIOD_TOO_LONG", f"it runs every {period}", "use at most 3653 days")
        interval = {"period": duration(period), "anchorTime": timestamp(start)}
        fields = {"spec": {"interval": interval}, "timeZone": "UTC"}
        becomes = f"every {period} from {timestamp(start)}"
    elif not given and rule._interval > 1:
        unit = "years" if rule._freq == YEARLY else "months"
        calendar = {
            unit: rule._interval,
            "atTime": start.time().isoformat(),
            "startDate": start.date().isoformat(),
        }
        fields = {"spec": {"calendarInterval": calendar}, **_fixed(zone)}
        becomes = f"every {rule._interval} {unit} from {timestamp(start)}"
    elif rule._interval == 1:
        spec, becomes = _cron(rule)
        fields = {"spec": {"cron": spec}, **_fixed(zone)}
    else:
        raise _unfit(f"counts every {rule._interval} and has {', '.join(given)}")
    if start > at:
        fields["startTime"] = timestamp(start)
    if rule._until is not None:
        fields["endTime"] = timestamp(rule._until)

    def fires(after: datetime, n: int) -> list[int]:
        return [micros(due) for due in rule.xafter(after, count=n)]

    is_lossy = zone.utcoffset(None) != timedelta(0) or stored.get("byweekday") is not None
    return Timing(fields, becomes, warnings=(LOSSY,) if is_lossy else (), fires=fires)


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


def _cron(rule: Any) -> tuple[dict[str, Any], str]:
    """dateutil's own expanded sets, all of which must match."""
    days: set[int] | str | None = set(rule._bymonthday or ()) or None
    if rule._bynmonthday:
        last = ["L" if n == -1 else f"L{n + 1}" for n in sorted(rule._bynmonthday)]
        days = ",".join([*map(str, sorted(rule._bymonthday or ())), *last])
    weekdays = {(day + 1) % 7 for day in rule._byweekday or ()} or None
    try:
        return cron(
            day_match="AND",
            second=set(rule._bysecond or ()) or None,
            minute=set(rule._byminute or ()) or None,
            hour=set(rule._byhour or ()) or None,
            day_of_month=days,
            month=set(rule._bymonth or ()) or None,
            day_of_week=weekdays,
        )
    except ValueError as error:
        raise _unfit(f"has values that no clock shows: {error}") from None


def _fixed(zone: timezone) -> dict[str, Any]:
    try:
        name = fixed_zone_name(zone.utcoffset(None))
    except ValueError as error:
        raise _unfit(str(error)) from None
    return {"timeZone": name, "gap": "GAP_POLICY_SHIFT", "fold": "FOLD_POLICY_FIRST"}


def _unfit(what: str) -> Unfit:
    return Unfit(
        "RRULE_PART",
        f"the rrule {what}, for which there is no schedule of the same instants here",
        "write it as crontab or interval, or as several",
    )
