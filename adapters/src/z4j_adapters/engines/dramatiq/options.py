"""Options of a schedule, as options of a Dramatiq message."""

from __future__ import annotations

import math
from typing import Any

from z4j_adapters._errors import TaskRejected
from z4j_adapters._models import EngineOption, TaskTemplate
from z4j_adapters.engines.common.options import read_options

__all__ = ["RABBIT_OPTIONS", "REDIS_OPTIONS", "message_options", "rabbit_priority"]

REDIS_OPTIONS = (
    EngineOption("max_retries", "integer", "Runs after the first that fails; Dramatiq's own: 20."),
    EngineOption("min_backoff", "integer", "Milliseconds before the first retry; else 15000."),
    EngineOption("max_backoff", "integer", "Milliseconds before a retry at most; else 7 days."),
    EngineOption("time_limit", "integer", "Milliseconds until TimeLimitExceeded; else 600000."),
    EngineOption("notify_shutdown", "boolean", "Raise Shutdown in the run if its worker stops."),
    EngineOption("store_results", "boolean", "Keep the result; wants the Results middleware."),
    EngineOption("result_ttl", "integer", "Milliseconds to keep the result; else 600000."),
    EngineOption("options", "object", "More message options, for middleware of your own."),
)
RABBIT_OPTIONS = (
    *REDIS_OPTIONS,
    EngineOption("broker_priority", "integer", "RabbitMQ's own priority; replaces `priority`."),
)

# 0 would mean the actor's own to Dramatiq.
AT_LEAST = {"max_retries": 0, "min_backoff": 1, "max_backoff": 1, "time_limit": 1, "result_ttl": 1}

# Written by us or by workers; or, like a delay, the scheduler's business.
RESERVED = frozenset(
    (
        *("delay", "eta", "max_age", "pipe_ignore", "pipe_target", "redis_message_id"),
        *("requeue_timestamp", "retries", "traceback"),
    )
)


def message_options(
    template: TaskTemplate, *, is_redis: bool, max_priority: int | None
) -> dict[str, Any]:
    """Make the message options that the schedule asks for.

    Raises:
        TaskRejected: One is unknown, out of bounds or not the schedule's to set.
    """
    known = REDIS_OPTIONS if is_redis else RABBIT_OPTIONS
    options = read_options("dramatiq", known, template.engine_options)
    for name, bound in AT_LEAST.items():
        if name in options and options[name] < bound:
            raise TaskRejected(f"engine option {name!r} must be at least {bound}")
    more = options.pop("options", {})
    for name in more:
        if name in RESERVED or name.startswith("z4j_"):
            raise TaskRejected(f"engine option 'options' must not hold {name!r}")
        if name in {option.name for option in known}:
            raise TaskRejected(f"{name!r} is an engine option of its own, not one of 'options'")
    if template.expires_s is not None:
        options["max_age"] = max(1, round(template.expires_s * 1000))
    if not is_redis:
        options.setdefault("broker_priority", rabbit_priority(template.priority, max_priority))
        _check_priority(options, max_priority)
    return {**more, **options}


def rabbit_priority(priority: int, max_priority: int | None) -> int | None:
    """Map -100 (last) .. 100 (first) onto RabbitMQ's 0..max_priority.

    A message without a priority counts as 0, so 0 and less stay there: there is no room behind.
    """
    if not max_priority or priority <= 0:
        return None
    return math.ceil(priority * max_priority / 100)


def _check_priority(options: dict[str, Any], max_priority: int | None) -> None:
    value = options["broker_priority"]
    if value is None:
        del options["broker_priority"]
    elif not max_priority:
        raise TaskRejected(
            "engine option 'broker_priority' needs queues with priorities: "
            "RabbitmqBroker(max_priority=) in the app, or --max-priority"
        )
    elif not 0 <= value <= max_priority:
        raise TaskRejected(f"engine option 'broker_priority' must be in 0..{max_priority}")
