"""Jobs of APScheduler 3, as its stores and its export hold them."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import Any

from z4j_adapters.transfer.apscheduler.jobs import Job
from z4j_adapters.transfer.apscheduler.oracle import fires_3
from z4j_adapters.transfer.apscheduler.tasks import CELERY_TASK
from z4j_adapters.transfer.apscheduler.terms import Library
from z4j_adapters.transfer.apscheduler.triggers import LISTED_3, Cron, Unreadable, trigger_3
from z4j_adapters.transfer.pickles import PickleRefused, Record, load, strangers
from z4j_adapters.transfer.values import duration, timestamp

__all__ = ["FLOATS_END", "job_of_export", "job_of_pickle", "library_3"]

SUSPECT = "find out who wrote this row: APScheduler does not write such"
LISTED = LISTED_3 | {CELERY_TASK, "celery.app.registry._unpickle_task"}

FLOATS_END = datetime(2106, 2, 7, 6, 28, 16, tzinfo=timezone.utc)
"""2**32 s: it adds intervals as seconds in floats, which hold no microseconds from then on."""


def library_3(version: str) -> Library:
    """What APScheduler 3 does: a missing time is as late as the clocks went forward, a repeated
    one runs twice."""
    return Library(
        version, gap="SHIFT", fold="BOTH", fires=fires_3, accumulates=True, ends=FLOATS_END
    )


def job_of_pickle(data: bytes) -> Job:
    """Read the column job_state.

    Raises:
        Unreadable: It is hostile, damaged, or of a class that is not APScheduler's.
    """
    try:
        state = load(data, LISTED, keep_strangers=True)
    except PickleRefused as error:
        raise Unreadable("R2_PICKLE", str(error), SUSPECT) from None
    return _job(state)


def job_of_export(state: Any) -> Job:
    """Read one of the jobs that `scheduler.export_jobs` wrote.

    Raises:
        Unreadable: As `job_of_pickle`.
    """
    try:
        return _job(_decoded(state))
    except (PickleRefused, binascii.Error) as error:
        raise Unreadable("R2_PICKLE", str(error), SUSPECT) from None


def _decoded(value: Any) -> Any:
    if isinstance(value, list):
        return [_decoded(each) for each in value]
    if not isinstance(value, dict):
        return value
    if "__apscheduler_pickle__" in value:
        data = base64.b64decode(value["__apscheduler_pickle__"], validate=True)
        return load(data, LISTED, keep_strangers=True)
    if "__apscheduler_class__" in value:
        path = str(value["__apscheduler_class__"]).replace(":", ".")
        state = _decoded(value["__apscheduler_state__"])
        return Record(path, path in LISTED, (), state)
    return {name: _decoded(each) for name, each in value.items()}


def _job(state: Any) -> Job:
    if not isinstance(state, Mapping) or "trigger" not in state:
        names = ", ".join(dict.fromkeys(strangers(state)))
        held = f", and holds {names}, of which nothing was run" if names else ""
        raise Unreadable("R2_PICKLE", f"it is no job of APScheduler 3{held}", SUSPECT)
    trigger = state["trigger"]
    outside = {name: value for name, value in state.items()
               if name not in ("trigger", "args", "kwargs")}  # fmt: skip
    for path in strangers(outside):
        raise Unreadable("R2_PICKLE", f"it holds {path}, which is no part of a job")
    if isinstance(trigger, Record) and trigger.listed:
        for path in strangers(trigger):
            raise Unreadable(
                "R1_OPAQUE", f"its trigger holds {path}, which is not APScheduler's",
                "create the schedule here by hand",
            )  # fmt: skip
    read = trigger_3(trigger)
    try:
        grace = state["misfire_grace_time"]
        return Job(
            id=_text(state["id"]),
            func=_text(state["func"]),
            trigger=read,
            trigger_text=read.text if isinstance(read, Cron) else _shown(read),
            args=tuple(state["args"]),
            kwargs=_texts(state["kwargs"]),
            name=str(state["name"] or ""),
            next_run=_instant(state["next_run_time"]),
            paused=state["next_run_time"] is None,
            grace=None if grace is None else timedelta(seconds=grace),
            coalesce="latest" if state["coalesce"] else "all",
            max_instances=int(state["max_instances"]),
            executor=_text(state["executor"]),
        )
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise Unreadable("R2_PICKLE", f"it is no job of APScheduler 3: {error!r}") from None


def _instant(value: Any) -> datetime | None:
    if value is None:
        return None
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise ValueError("next_run_time is no instant")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{type(value).__name__} is no text")
    return value


def _texts(value: Any) -> dict[str, Any]:
    return {_text(name): each for name, each in value.items()}


def _shown(trigger: Any) -> str:
    name = type(trigger).__name__.lower()
    period = getattr(trigger, "period", None)
    if period is not None:
        return f"{name}[{duration(period)}]"
    at = getattr(trigger, "at", None)
    return f"{name}[{timestamp(at)}]" if isinstance(at, datetime) else f"{name}[…]"
