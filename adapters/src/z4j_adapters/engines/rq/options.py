"""Engine options of a schedule, as RQ's own `enqueue` takes them."""

from __future__ import annotations

from typing import Any

from z4j_adapters._errors import TaskRejected
from z4j_adapters._models import EngineOption

__all__ = ["ENGINE_OPTIONS", "KEEP_MIN_S", "SECONDS_MAX", "check_options"]

# What became of a job is read from the job, every five seconds at the least.
KEEP_MIN_S = 30
# Ten years; Redis and the operating system refuse what is much longer, after the run.
SECONDS_MAX = 315_360_000

ENGINE_OPTIONS = (
    EngineOption("timeout", "integer", "Seconds after which the run is stopped; -1: never."),
    EngineOption("result_ttl", "integer", "Seconds to keep a finished job; -1: for ever."),
    EngineOption("failure_ttl", "integer", "Seconds to keep a failed job; -1: for ever."),
    EngineOption("retry_max", "integer", "How often RQ itself runs a failed job again."),
    EngineOption(
        "retry_intervals",
        "array",
        "Seconds before each such run; other than 0 they need a worker with --with-scheduler.",
    ),
    EngineOption("at_front", "boolean", "Enter the queue at its front."),
    EngineOption("meta", "object", "Goes into job.meta."),
    EngineOption("description", "string", "Shown in logs and dashboards instead of the call."),
)


def check_options(options: dict[str, Any]) -> None:
    """Check what a type cannot say.

    Raises:
        TaskRejected: A value is one that RQ refuses, or under which nobody could see the end.
    """
    timeout = options.get("timeout", -1)
    if timeout != -1 and not 1 <= timeout <= SECONDS_MAX:
        raise TaskRejected(
            f"engine option 'timeout' must be 1 to {SECONDS_MAX}, or -1 for none: {timeout}"
        )
    for name in ("result_ttl", "failure_ttl"):
        seconds = options.get(name, -1)
        if seconds != -1 and not KEEP_MIN_S <= seconds <= SECONDS_MAX:
            raise TaskRejected(
                f"engine option {name!r} must be {KEEP_MIN_S} to {SECONDS_MAX}, or -1 for ever: "
                f"{seconds}; with less RQ would delete the job before its end can be seen"
            )
    if options.get("retry_max", 1) < 1:
        raise TaskRejected("engine option 'retry_max' must be at least 1; leave it out for none")
    intervals = options.get("retry_intervals", [0])
    if not intervals or any(type(i) is not int or not 0 <= i <= SECONDS_MAX for i in intervals):
        raise TaskRejected(
            f"engine option 'retry_intervals' must be an array of whole seconds, 0 to {SECONDS_MAX}"
        )
    if "retry_intervals" in options and "retry_max" not in options:
        raise TaskRejected("engine option 'retry_intervals' needs 'retry_max' beside it")
