"""Rows of django-celery-beat, as a fixture has them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from z4j_adapters.engines.celery.exporting.calls import check_call, options_of
from z4j_adapters.engines.celery.exporting.crontabs import Crontab
from z4j_adapters.transfer.exporting.model import NotHeld, Wanted
from z4j_adapters.transfer.exporting.zones import is_offset
from z4j_adapters.transfer.values import timestamp

__all__ = ["NAME_HEADER", "Row", "crontab_row", "fixture", "interval_row", "name_of", "task_fields"]

NAME_HEADER = "periodic_task_name"
CHARS_MAX = 200
INT_MAX = 2**31 - 1
PRIORITY_MAX = 255
PK_MIN, PK_COUNT = 1_000_000_000, 1_000_000_000  # Far above what a sequence has reached.
MICROSECOND = timedelta(microseconds=1)
UNITS = (
    ("days", timedelta(days=1)),
    ("hours", timedelta(hours=1)),
    ("minutes", timedelta(minutes=1)),
    ("seconds", timedelta(seconds=1)),
    ("microseconds", MICROSECOND),
)
_COLUMNS = ("queue", "exchange", "routing_key", "priority", "headers", "expires")

Row = tuple[str, Mapping[str, Any]]
"""Kind ("crontab", …) and fields of a schedule."""


def crontab_row(crontab: Crontab, zone: str) -> Row:
    """The fields and the zone.

    Raises:
        NotHeld: The zone has no name there.
    """
    if is_offset(zone):
        raise NotHeld(
            f"the zone {zone} is an offset, and its crontabs have zones with names",
            "give the schedule a time_zone such as Asia/Kolkata",
            "R9_ZONE",
        )
    return "crontab", {
        "minute": crontab.minute,
        "hour": crontab.hour,
        "day_of_month": crontab.day_of_month,
        "month_of_year": crontab.month_of_year,
        "day_of_week": crontab.day_of_week,
        "timezone": zone,
    }


def interval_row(period: timedelta) -> Row:
    """Every so many of the largest unit."""
    unit, size = next((name, size) for name, size in UNITS if not period % size)
    every = period // size
    if every > INT_MAX:
        raise NotHeld(f"every {every} {unit} is more than a row can hold", "use whole seconds")
    return "interval", {"every": every, "period": unit}


def name_of(wanted: Wanted) -> str:
    """The row's: what it was called when it came from there, or the id."""
    name = (wanted.options.get("headers") or {}).get(NAME_HEADER)
    return name if isinstance(name, str) and name else wanted.id


def task_fields(wanted: Wanted, at: datetime) -> dict[str, Any]:
    """The columns of a PeriodicTask that do not depend on its kind.

    Raises:
        NotHeld: There is no column for something.
    """
    check_call(wanted)
    if wanted.fires_left > 1:
        raise NotHeld(f"it has {wanted.fires_left} runs left, and a row one or no end", _CLEAR)
    fields: dict[str, Any] = {
        "task": _short("task", wanted.task),
        "args": json.dumps(wanted.args),
        "kwargs": json.dumps(wanted.kwargs),
        "enabled": not wanted.is_paused,
        "one_off": wanted.fires_left == 1,
        "description": wanted.json.get("description", ""),
        "date_changed": timestamp(at),
        **_options(options_of(wanted)),
    }
    if wanted.end is not None:
        fields |= _end(wanted, fields)
    return fields


_CLEAR = "clear max_fires first"


def _options(options: dict[str, Any]) -> dict[str, Any]:
    for name in options:
        if name not in _COLUMNS:
            raise NotHeld(f"the engine option {name} has no column", f"set {name} on the task")
    fields = dict(options)
    for name in ("queue", "exchange", "routing_key"):
        if name in fields:
            fields[name] = _short(name, fields[name])
    if not 0 <= fields.get("priority", 0) <= PRIORITY_MAX:
        raise NotHeld("celery_priority is not in 0..255", "change celery_priority")
    if "headers" in fields:
        fields["headers"] = json.dumps(
            {name: value for name, value in fields["headers"].items() if name != NAME_HEADER}
        )
    if "expires" in fields:
        fields["expire_seconds"] = fields.pop("expires")
        if not isinstance(fields["expire_seconds"], int):
            raise NotHeld(
                f"expires is {fields['expire_seconds']} s, and a row has whole seconds",
                "use whole seconds, or --drop expires",
            )
    return fields


def _end(wanted: Wanted, fields: Mapping[str, Any]) -> dict[str, Any]:
    """`expires` ends the schedule, and is the message's expiry as well."""
    assert wanted.end is not None
    after = wanted.end + MICROSECOND
    headers = json.loads(fields.get("headers") or "{}")
    if headers.pop("expires", None) != after.isoformat() or "expire_seconds" in fields:
        raise NotHeld(
            "end_time has no place there but `expires`, from which on messages expire, too",
            "clear end_time and the schedule's expires; or give the schedule the engine option "
            f'headers {{"expires": "{after.isoformat()}"}}, if they may expire then',
        )
    return {"expires": timestamp(after), "headers": json.dumps(headers)}


def _short(name: str, value: Any) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= CHARS_MAX:
        raise NotHeld(f"{name} is no text of 1 to {CHARS_MAX} characters", f"change {name}")
    return value


def fixture(tasks: Sequence[tuple[str, Row, Mapping[str, Any]]]) -> str:
    """JSON for loaddata, of tasks: name, schedule and fields.  Equal schedules are one row.

    Primary keys are made of the content: loading it again changes the same rows.
    """
    keys: dict[str, set[int]] = {}
    schedules: dict[str, dict[str, Any]] = {}
    rows = []
    for name, (kind, values), fields in tasks:
        text = json.dumps([kind, values], sort_keys=True)
        if text not in schedules:
            schedules[text] = _object(f"{kind}schedule", text, values, keys)
        task = {"name": name, **fields, kind: schedules[text]["pk"]}
        rows.append(_object("periodictask", name, task, keys))
    return json.dumps([*schedules.values(), *rows], indent=1, ensure_ascii=False) + "\n"


def _object(
    model: str, content: str, fields: Mapping[str, Any], keys: dict[str, set[int]]
) -> dict[str, Any]:
    taken = keys.setdefault(model, set())
    digest = hashlib.sha256(content.encode("utf-8", "surrogatepass")).digest()
    pk = int.from_bytes(digest[:8], "big") % PK_COUNT
    while pk in taken:
        pk = (pk + 1) % PK_COUNT
    taken.add(pk)
    return {"model": f"django_celery_beat.{model}", "pk": PK_MIN + pk, "fields": dict(fields)}
