"""Engine options of a schedule."""

from __future__ import annotations

from z4j_adapters._models import EngineOption

__all__ = ["ENGINE_OPTIONS"]

ENGINE_OPTIONS = (
    EngineOption("retries", "integer", "Attempts after a failed one; replaces the task's own."),
    EngineOption("retry_delay", "number", "Seconds before the next attempt."),
    EngineOption("retry_backoff", "number", "Factor by which the delay grows."),
    EngineOption(
        "timeout",
        "number",
        "Seconds after which the run fails; consumers with process or greenlet workers only.",
    ),
    EngineOption("huey_priority", "number", "Huey's own priority; replaces `priority`."),
)
