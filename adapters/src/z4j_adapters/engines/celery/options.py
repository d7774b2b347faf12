"""Engine options of a schedule, and priorities."""

from __future__ import annotations

import math

from z4j_adapters._models import EngineOption

__all__ = ["ENGINE_OPTIONS", "celery_priority"]

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
