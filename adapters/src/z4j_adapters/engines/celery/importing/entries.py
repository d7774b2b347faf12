"""What one entry of a beat schedule becomes: its call and its timing together."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from z4j_adapters.engines.celery.importing.call import call_fields
from z4j_adapters.engines.celery.importing.shapes import Timing, Unfit
from z4j_adapters.transfer.model import Found, Note, Refused
from z4j_adapters.transfer.values import duration

__all__ = ["Call", "catch_up", "found", "raw_text", "refused"]

WINDOW_MAX = timedelta(days=366)  # As the scheduler has it.
_ADDRESS = re.compile(r" at 0x[0-9a-f]+")  # Another one in every process.
BACKEND_CLEANUP = "celery.backend_cleanup"


@dataclass(frozen=True, slots=True)
class Call:
    """What an entry sends."""

    task: Any
    args: Any = ()
    kwargs: Any = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    serializer: str = "json"


def found(
    key: str,
    call: Call,
    timings: list[Timing],
    *,
    raw: str,
    more: Mapping[str, Any],
    warnings: tuple[Note, ...] = (),
    finished: bool = False,
) -> Iterator[Found]:
    """The schedules of an entry; `more` are further fields of Schedule.

    Raises:
        Unfit: Its call cannot be represented.
    """
    fields, notes = call_fields(call.task, call.args, call.kwargs, call.options, call.serializer)
    if call.task == BACKEND_CLEANUP:
        message = "beat adds this entry by itself; it removes old results from the result backend"
        warnings = (*warnings, Note("BUILT_IN", message))
    for number, timing in enumerate(timings, 1):
        yield Found(
            key=key,
            schedule={**fields, **timing.fields, **more},
            becomes=timing.becomes,
            exactness=timing.exactness,
            reasons=(*timing.reasons, *notes),
            warnings=(*timing.warnings, *warnings),
            raw=raw,
            finished=finished,
            member=number if len(timings) > 1 else None,
            fires=timing.fires,
        )


def refused(key: str, unfit: Unfit, raw: str) -> Refused:
    """The line for an entry that is not imported."""
    return Refused(key, unfit.code, unfit.reason, unfit.remedy, key, raw)


def catch_up(deadline_s: float | None) -> dict[str, Any]:
    """Beat runs an entry once, however many times it missed, if not later than the deadline."""
    window = WINDOW_MAX
    if deadline_s is not None:
        window = min(timedelta(seconds=max(0, deadline_s)), WINDOW_MAX)
    return {"catchUp": "CATCH_UP_FIRE_ONE", "catchUpWindow": duration(window)}


def raw_text(schedule: Any, call: Call) -> str:
    """An entry as a person would look for it."""
    parts = [f"task={call.task!r}", f"schedule={schedule!r}"]
    parts += [
        f"{name}={value!r}"
        for name in ("args", "kwargs", "options")
        if (value := getattr(call, name))
    ]
    return _ADDRESS.sub("", ", ".join(parts))
