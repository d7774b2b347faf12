"""Engine options of a schedule, which TaskIQ calls labels, and priorities."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from z4j_adapters._errors import TaskRejected
from z4j_adapters._models import EngineOption
from z4j_adapters.engines.common.options import read_options

__all__ = ["ENGINE_OPTIONS", "rabbit_priority", "read_labels"]

ENGINE_OPTIONS = (
    EngineOption("labels", "object", "Labels of the message: text, numbers, booleans."),
    EngineOption("timeout", "number", "Seconds after which the worker cancels an async task."),
    EngineOption("retry_on_error", "boolean", "Run again on error; needs a retry middleware."),
    EngineOption("max_retries", "integer", "Runs in all, for a retry middleware."),
)

# Labels that brokers read, and what stands for them in a schedule.
_TAKEN = {"queue_name": "the schedule's queue", "priority": "the schedule's priority"}


def read_labels(texts: Mapping[str, str], *, redis: bool) -> dict[str, Any]:
    """Read engine options as the labels they become.

    Raises:
        TaskRejected: One is unknown, of another type, or no label; names it.
    """
    options = read_options("taskiq", ENGINE_OPTIONS, texts)
    labels = options.pop("labels", {})
    for name, value in labels.items():
        if name in _TAKEN:
            raise TaskRejected(f"label {name!r}: set {_TAKEN[name]} instead")
        if name == "delay" and not redis:
            raise TaskRejected("label 'delay' would hold the message back; the schedule says when")
        if not isinstance(value, (str, int, float)):
            raise TaskRejected(f"label {name!r} must be text, a number or a boolean")
    return {**labels, **options}


def rabbit_priority(priority: int, normal: int, highest: int) -> int:
    """Map -100 (last) .. 100 (first) onto RabbitMQ's 0..`highest`, high first.

    0 stays `normal`, the task's own; RabbitMQ takes a message without one as 0, the last already.
    """
    room = highest - normal if priority > 0 else normal
    steps = math.ceil(abs(priority) * room / 100)
    return normal + steps if priority > 0 else normal - steps
