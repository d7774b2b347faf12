"""A stored job as a schedule."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from z4j_adapters.transfer.apscheduler.plans import plan_of
from z4j_adapters.transfer.apscheduler.tasks import Call, call_of
from z4j_adapters.transfer.apscheduler.terms import JITTER_MAX, Library, Plan
from z4j_adapters.transfer.apscheduler.triggers import Date, Trigger, Unreadable
from z4j_adapters.transfer.model import Found, Note, Refused
from z4j_adapters.transfer.values import duration, timestamp

__all__ = ["Job", "entries"]

WINDOW_MAX = timedelta(days=366)
DESCRIPTION_MAX = 4000


@dataclass(frozen=True, slots=True)
class Job:
    """What both major versions store, in the words of version 3."""

    id: str
    func: str
    trigger: Trigger
    trigger_text: str
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    name: str
    next_run: datetime | None
    paused: bool
    grace: timedelta | None
    """How late a run may start; None: any time."""
    coalesce: str
    """latest, earliest or all."""
    max_instances: int | None
    executor: str = "default"
    jitter: timedelta = timedelta()
    """Of the schedule, not of its trigger."""
    over: bool = False
    """It has no next run, and is not paused."""


def entries(
    job: Job, library: Library, at: datetime, engine: str | None
) -> Iterator[Found | Refused]:
    """Yield what a job becomes: one schedule or several, or a refusal."""
    raw = _raw(job)
    try:
        call = call_of(job.func, job.args, job.kwargs, engine)
        plan = plan_of(job.trigger, library, at, job.next_run)
        policies, notes, warnings = _policies(job, call, plan)
    except Unreadable as error:
        yield Refused(job.id, error.code, error.reason, error.remedy, job.id, raw)
        return
    schedule: dict[str, Any] = {
        "engine": call.engine,
        "task": call.task,
        "argsJson": call.args_json,
        "kwargsJson": call.kwargs_json,
        **plan.common,
        **policies,
    }
    if call.queue:
        schedule["queue"] = call.queue
    if call.expires is not None:
        schedule["expires"] = duration(call.expires)
    if job.name and job.name != job.func.partition(":")[2]:
        schedule["description"] = job.name[:DESCRIPTION_MAX]
    finished = plan.over or job.over
    if isinstance(job.trigger, Date) and not job.paused:
        late = at - (job.next_run or job.trigger.at)
        finished = job.over or (job.grace is not None and late > max(job.grace, timedelta()))
        if finished:
            warnings.append(
                Note("MISSED", "its time has passed, and APScheduler would not run it any more")
            )
    several = len(plan.specs) > 1
    for number, (spec, becomes) in enumerate(plan.specs, 1):
        yield Found(
            key=job.id,
            schedule={**schedule, "spec": dict(spec)},
            becomes=becomes,
            exactness=plan.exactness,
            reasons=(*plan.reasons, *notes),
            warnings=(*plan.warnings, *call.warnings, *warnings),
            raw=raw,
            finished=finished,
            member=number if several else None,
            fires=plan.fires if number == 1 else None,
        )


def _policies(job: Job, call: Call, plan: Plan) -> tuple[dict[str, Any], list[Note], list[Note]]:
    notes, warnings = [], []
    grace = WINDOW_MAX if job.grace is None else min(job.grace, WINDOW_MAX)
    policies: dict[str, Any] = {"catchUpWindow": duration(grace)}
    if job.coalesce == "all":
        policies |= {"catchUp": "CATCH_UP_FIRE_ALL", "catchUpMax": 1000}
    else:
        policies["catchUp"] = "CATCH_UP_FIRE_ONE"
        if job.coalesce == "earliest":
            notes.append(
                Note("COALESCE_EARLIEST", "of the runs missed in an outage the newest comes here, "
                     "the oldest there")
            )  # fmt: skip
    if job.jitter:
        if job.jitter > JITTER_MAX:
            raise Unreadable("JITTER_TOO_LONG", "its jitter is over 24 h")
        policies |= {"jitter": duration(job.jitter), "jitterMode": "JITTER_MODE_RANDOM"}
    if job.paused:
        policies |= {"state": "STATE_PAUSED", "pause": {"reason": "paused in APScheduler"}}
    if not call.sends and job.max_instances == 1:
        policies["overlap"] = "OVERLAP_SKIP"
    elif not call.sends and job.max_instances is not None:
        notes.append(
            Note("MAX_INSTANCES", f"at most {job.max_instances} runs at a time there; here they "
                 "may overlap without a bound")
        )  # fmt: skip
    if job.executor != "default":
        warnings.append(
            Note("EXECUTOR", f"its executor {job.executor!r} has no counterpart: the engine's "
                 "workers run it")
        )  # fmt: skip
    return policies, notes, warnings


def _raw(job: Job) -> str:
    parts = [f"func={job.func}", f"trigger={job.trigger_text}"]
    if job.next_run is not None:
        parts.append(f"next_run_time={timestamp(job.next_run)}")
    if job.paused:
        parts.append("paused")
    grace = "None" if job.grace is None else f"{job.grace.total_seconds():g}"
    parts += [f"misfire_grace_time={grace}", f"coalesce={job.coalesce}"]
    parts.append(f"max_instances={job.max_instances}")
    return " ".join(parts)
