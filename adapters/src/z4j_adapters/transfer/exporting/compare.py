"""Holds what was read back against what was to be written."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from z4j_adapters.transfer.exporting.model import NotHeld, Wanted
from z4j_adapters.transfer.exporting.wanted import span_of
from z4j_adapters.transfer.model import Found, Note
from z4j_adapters.transfer.zones import zone_of

__all__ = ["DROPPABLE", "lost"]

DROPPABLE = {
    "overlap": "overlap",
    "jitter": "jitter",
    "run-retry": "runRetry",
    "state": "state",
    "priority": "priority",
    "expires": "expires",
}
"""Name in --drop → field of Schedule: what may be left out if the user says so."""


def _json(value: Any, empty: str) -> Any:
    return json.loads(value or empty)


def _span(value: Any) -> Any:
    return (span_of(value) or None) if value else None  # The API says "0s" of what is not set.


def _retry(value: Any) -> Any:
    """Only what repeats or gives up a run counts."""
    if not value or (value.get("maxAttempts", 0) < 2 and "onLost" not in value):
        return None
    return value


_CALL: dict[str, Callable[[Any], Any]] = {
    "engine": lambda value: value,
    "task": lambda value: value,
    "argsJson": lambda value: _json(value, "[]"),
    "kwargsJson": lambda value: _json(value, "{}"),
    "queue": lambda value: value or "",
    "priority": lambda value: value or 0,
    "expires": _span,
    "engineOptions": lambda value: {k: json.loads(v) for k, v in (value or {}).items()},
}
_BEHAVIOUR: dict[str, Callable[[Any], Any]] = {
    "overlap": lambda value: value or "OVERLAP_ALLOW",
    "jitter": _span,
    "runRetry": _retry,
    "state": lambda value: value or "STATE_ENABLED",
}
_NOTED: dict[str, Callable[[Any], Any]] = {
    "catchUp": lambda value: value or "CATCH_UP_FIRE_ONE",
    "catchUpWindow": lambda value: span_of(value or "3600s"),
    "retry": lambda value: value or {},
    "labels": lambda value: value or {},
    "adapterLabels": lambda value: value or {},
    "affinityKey": lambda value: value or "",
    "description": lambda value: value or "",
}
_PLAIN_RETRY = {"initialBackoff": "1s", "maxBackoff": "60s"}


def lost(wanted: Wanted, found: Sequence[Found]) -> tuple[Note, ...]:
    """Compare a schedule with the definitions that it became, and name what they do not hold.

    Returns:
        What has no place there, and does not change when and what is run while all is well.

    Raises:
        NotHeld: Something else differs.
    """
    for schedule in (one.schedule for one in found):
        _check(wanted, schedule)
    return tuple(
        Note("NOT_HELD", f"{_name(field)} has no place there")
        for field, plain in _NOTED.items()
        if _is_set(field, wanted.json, plain)
        and any(plain(one.schedule.get(field)) != plain(wanted.json[field]) for one in found)
    )


def _check(wanted: Wanted, schedule: Mapping[str, Any]) -> None:
    for field, plain in {**_CALL, **_BEHAVIOUR}.items():
        ours, theirs = plain(wanted.json.get(field)), plain(schedule.get(field))
        if ours == theirs:
            continue
        droppable = [name for name, json_name in DROPPABLE.items() if json_name == field]
        raise NotHeld(
            f"{_name(field)} is {_text(ours)} here, and would be {_text(theirs)} there",
            f"--drop {droppable[0]} leaves it out" if droppable else f"change {_name(field)} first",
        )
    if wanted.kind == "oneShot":
        return
    _check_period(wanted, schedule["spec"])
    for field, ours in (
        ("endTime", wanted.end is not None),
        ("maxFires", wanted.fires_left > 0),
        ("startTime", wanted.start is not None and not _begins_after(wanted.start, schedule)),
    ):
        theirs = bool(int(schedule.get(field, 0)) if field == "maxFires" else schedule.get(field))
        if ours and not theirs:
            raise NotHeld(f"{_name(field)} has no place there", f"clear {_name(field)} first")


def _check_period(wanted: Wanted, spec: Mapping[str, Any]) -> None:
    if wanted.kind != "interval" or "interval" not in spec:
        return
    ours, theirs = (span_of(each["period"]) for each in (wanted.spec, spec["interval"]))
    if ours != theirs:
        raise NotHeld(f"it comes every {ours} here, and would every {theirs} there", "round it")


def _begins_after(start: datetime, schedule: Mapping[str, Any]) -> bool:
    """An interval whose first time is known there needs no start beside it."""
    spec = schedule["spec"]
    if "calendarInterval" in spec:
        first = date.fromisoformat(spec["calendarInterval"]["startDate"])
        return first >= start.astimezone(zone_of(schedule.get("timeZone") or "UTC")).date()
    anchor = spec.get("interval", {}).get("anchorTime")
    return anchor is not None and datetime.fromisoformat(anchor.replace("Z", "+00:00")) >= start


def _is_set(field: str, schedule: Mapping[str, Any], plain: Callable[[Any], Any]) -> bool:
    value = schedule.get(field)
    if field == "retry" and value == _PLAIN_RETRY:
        return False
    return value is not None and plain(value) != plain(None)


def _name(field: str) -> str:
    name = "".join(f"_{c.lower()}" if c.isupper() else c for c in field)
    return name.removesuffix("_json") if name.endswith("_json") else name


def _text(value: Any) -> str:
    return "not set" if value in (None, "", {}, []) else str(value)
