"""Engine options of a schedule, and priorities."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from z4j_adapters._errors import TaskRejected
from z4j_adapters._models import EngineOption

__all__ = ["ENGINE_OPTIONS", "celery_priority", "read_options"]

PRIORITY_MAX = 9  # Celery's range is 0..9 on every broker.

ENGINE_OPTIONS = (
    EngineOption("exchange", "string", "Exchange to publish to, instead of a queue's."),
    EngineOption("routing_key", "string", "Routing key for it."),
    EngineOption("headers", "object", "Message headers, as in apply_async(headers=)."),
    EngineOption("celery_priority", "integer", "Celery's own priority; replaces `priority`."),
    EngineOption("serializer", "string", "json, or another that your workers accept."),
    EngineOption("compression", "string", "zlib, bzip2, …, as in apply_async(compression=)."),
    EngineOption("time_limit", "number", "Seconds after which the run is killed."),
    EngineOption("soft_time_limit", "number", "Seconds after which the run gets an exception."),
    EngineOption("ignore_result", "boolean", "Store no result."),
    EngineOption("shadow", "string", "Name shown in logs and Flower instead of the task's."),
)

_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "number": (int, float),
    "integer": (int,),
    "boolean": (bool,),
    "object": (dict,),
}
_BY_NAME = {option.name: option for option in ENGINE_OPTIONS}


def read_options(texts: Mapping[str, str]) -> dict[str, Any]:
    """Read a schedule's engine options from JSON.

    Raises:
        TaskRejected: One is unknown or of another type; names it.
    """
    values: dict[str, Any] = {}
    for name, text in texts.items():
        option = _BY_NAME.get(name)
        if option is None:
            raise TaskRejected(
                f"engine option {name!r} is unknown to celery; known: {', '.join(sorted(_BY_NAME))}"
            )
        try:
            value = json.loads(text)
        except ValueError:
            raise TaskRejected(f"engine option {name!r} is no JSON: {text[:100]}") from None
        is_bool = isinstance(value, bool)  # A bool is an int to Python, not to JSON.
        if not isinstance(value, _TYPES[option.type]) or is_bool != (option.type == "boolean"):
            raise TaskRejected(f"engine option {name!r} must be a JSON {option.type}: {text[:100]}")
        values[name] = value
    return values


def celery_priority(priority: int, normal: int, *, low_is_first: bool) -> int:
    """Map -100 (last) .. 100 (first) onto Celery's 0..9.

    0 stays `normal`, the app's own default; the room on either side of it is used evenly.  Where
    the default is already the first (Redis: 0) there is no room above it.
    """
    ahead = normal if low_is_first else PRIORITY_MAX - normal
    behind = PRIORITY_MAX - ahead
    room = ahead if priority > 0 else behind
    steps = math.ceil(abs(priority) * room / 100)
    forward = (priority > 0) != low_is_first
    return normal + steps if forward else normal - steps
