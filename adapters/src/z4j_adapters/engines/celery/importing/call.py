"""What a beat entry sends: task, arguments and options in the terms of our Celery adapter."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from numbers import Real
from typing import Any
from uuid import UUID

from z4j_adapters.engines.celery.importing.shapes import Unfit
from z4j_adapters.engines.celery.options import ENGINE_OPTIONS
from z4j_adapters.transfer.model import Note
from z4j_adapters.transfer.values import Inexact, duration, json_text

__all__ = ["call_fields"]

REMEDY = "pass something that JSON has, such as an id that the task looks up"
EXPIRES_MAX = timedelta(days=366)  # As the scheduler has it.

# What Celery's JSON carries in its own notation, and gives back to the task as what it was.
TAGGED = (datetime, date, time, Decimal, UUID, bytes)

_TYPES: dict[str, type | tuple[type, ...]] = {
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "object": dict,
}
_OPTIONS = {option.name: option for option in ENGINE_OPTIONS}
_PUBLISHING = ("retry", "retry_policy")


def call_fields(
    task: Any, args: Any, kwargs: Any, options: Mapping[str, Any], serializer: str
) -> tuple[dict[str, Any], tuple[Note, ...]]:
    """Fields of Schedule, and notes on what is not carried because it is ours to do.

    Args:
        serializer: What the app serializes this task's messages with.
    Raises:
        Unfit: Something has no counterpart.
    """
    if not isinstance(task, str) or not task:
        raise Unfit("NO_TASK", f"its task is {task!r}", "name the task")
    fields: dict[str, Any] = {"engine": "celery", "task": task}
    serializer = str(options.get("serializer") or serializer)
    if args is not None and not isinstance(args, (list, tuple)):
        raise Unfit("R2_ARGUMENTS", f"args is a {type(args).__name__}, no list", "make it a list")
    if kwargs is not None and not isinstance(kwargs, Mapping):
        raise Unfit("R2_ARGUMENTS", f"kwargs is a {type(kwargs).__name__}", "make it a dict")
    if args:
        fields["argsJson"] = _json("args", list(args), serializer)
    if kwargs:
        fields["kwargsJson"] = _json("kwargs", dict(kwargs), serializer)
    engine_options: dict[str, str] = {}
    notes = []
    for name, value in options.items():
        if value is None:
            continue
        if name == "queue":
            fields["queue"] = _queue(value)
        elif name == "expires":
            _expires(value, fields, engine_options)
        elif name in _PUBLISHING:
            message = f"{name}: publishing is tried again as the schedule's `retry` says"
            notes.append(Note("PUBLISHING", message))
        else:
            _engine_option(name, value, engine_options)
    if engine_options:
        fields["engineOptions"] = engine_options
    return fields, tuple(notes)


def _json(name: str, value: Any, serializer: str) -> str:
    try:
        if serializer == "json":
            return json_text(_tagged(value), tuples=True)
        return json_text(value)
    except Inexact as error:
        raise Unfit("R2_ARGUMENTS", f"{name}: {error}", REMEDY) from None


def _tagged(value: Any) -> Any:
    """The value as Celery's JSON has it on its way to a worker."""
    kind = type(value)
    if kind in (list, tuple):
        return [_tagged(item) for item in value]
    if kind is dict:
        return {key: _tagged(item) for key, item in value.items()}
    if kind in TAGGED:
        from kombu.utils.json import dumps

        return json.loads(dumps(value))
    return value


def _queue(value: Any) -> str:
    name = value if isinstance(value, str) else getattr(value, "name", None)
    if not isinstance(name, str) or not name:
        raise Unfit("OPTION_NOT_HELD", f"queue={value!r} has no name", "name the queue")
    return name


def _expires(value: Any, fields: dict[str, Any], engine_options: dict[str, str]) -> None:
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise Unfit(
                "OPTION_NOT_HELD", f"expires={value!r} has no zone", "give the instant its zone"
            )
        # An instant for every message; Celery writes it into this header.
        _put_header(engine_options, "expires", value.isoformat())
        return
    if isinstance(value, Real) and not isinstance(value, bool):
        span = timedelta(seconds=float(value))
        if timedelta(0) < span <= EXPIRES_MAX:
            fields["expires"] = duration(span)
            return
    raise Unfit(
        "OPTION_NOT_HELD",
        f"expires={value!r} is no number of seconds above 0 and up to 366 days, and no instant",
        "give seconds",
    )


def _engine_option(name: str, value: Any, engine_options: dict[str, str]) -> None:
    if name == "priority":
        name = "celery_priority"
    if name == "exchange" and not isinstance(value, str):
        value = getattr(value, "name", value)
    option = _OPTIONS.get(name)
    if option is None:
        raise Unfit(
            "OPTION_NOT_HELD",
            f"the option {name}={value!r} has no counterpart in the celery adapter",
            f"leave {name} out, or set it on the task",
        )
    wanted = _TYPES[option.type]
    if not isinstance(value, wanted) or (isinstance(value, bool) and wanted is not bool):
        raise Unfit("OPTION_NOT_HELD", f"{name}={value!r} is no {option.type}", f"mend {name}")
    if isinstance(value, dict):  # Only headers are.
        for key, item in value.items():
            _put_header(engine_options, key, item)
        return
    engine_options[name] = _json(name, value, "")


def _put_header(engine_options: dict[str, str], key: Any, value: Any) -> None:
    headers = json.loads(engine_options.get("headers", "{}"))
    engine_options["headers"] = _json("headers", {**headers, key: value}, "")
