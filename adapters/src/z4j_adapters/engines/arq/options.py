"""What a schedule may ask of arq: nothing but a queue and an expiry."""

from __future__ import annotations

from z4j_adapters._errors import TaskRejected
from z4j_adapters._models import EngineOption, TaskTemplate

__all__ = ["ENGINE_OPTIONS", "check_options"]

ENGINE_OPTIONS: tuple[EngineOption, ...] = ()

_PER_FUNCTION = "arq sets it per function: func(…, {0}=…) in the worker's settings"
_BY_SCHEDULER = "the scheduler keeps the time: set it in the schedule"
_ELSEWHERE = {
    "timeout": _PER_FUNCTION,
    "keep_result": _PER_FUNCTION,
    "keep_result_forever": _PER_FUNCTION,
    "max_tries": _PER_FUNCTION,
    "expires": "set the schedule's own expiry",
    "defer_by": _BY_SCHEDULER,
    "defer_until": _BY_SCHEDULER,
    "job_id": "it is the fire's id",
    "job_try": "arq counts the tries itself",
}


def check_options(template: TaskTemplate) -> None:
    """Refuse what arq has no place for.

    Raises:
        TaskRejected: Names the option, and where it can be set instead.
    """
    for name in template.engine_options:
        bare = name.removeprefix("_")
        if bare in _ELSEWHERE:
            raise TaskRejected(f"engine option {name!r}: {_ELSEWHERE[bare].format(bare)}")
        raise TaskRejected(f"engine option {name!r} is unknown to arq, which has none per job")
    if template.priority:
        raise TaskRejected(
            f"priority {template.priority}: arq has no priorities; leave it at 0, or use a queue "
            "with workers of its own"
        )
