"""The source of schedules of APScheduler 4, and how it is loaded."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from z4j_adapters.transfer.apscheduler.exporting.calls import Call
from z4j_adapters.transfer.apscheduler.exporting.policies import policies_of
from z4j_adapters.transfer.apscheduler.jobs import Job
from z4j_adapters.transfer.apscheduler.triggers import Cron
from z4j_adapters.transfer.apscheduler.version4 import job_of_schedule
from z4j_adapters.transfer.exporting.model import Wanted
from z4j_adapters.transfer.exporting.python import literal
from z4j_adapters.transfer.exporting.source import TIMES
from z4j_adapters.transfer.exporting.source import call as code_of
from z4j_adapters.transfer.exporting.wanted import span_of

__all__ = ["NAMES", "job", "load", "module", "own_imports"]

NAMES = {
    **TIMES,
    "CoalescePolicy": "apscheduler",
    "ConflictPolicy": "apscheduler",
    "CalendarIntervalTrigger": "apscheduler.triggers.calendarinterval",
    "CronTrigger": "apscheduler.triggers.cron",
    "DateTrigger": "apscheduler.triggers.date",
    "IntervalTrigger": "apscheduler.triggers.interval",
}


def job(key: str, trigger: str, call: Call, wanted: Wanted) -> tuple[str, str]:
    """A task, one of its own if how many run at once counts, and a schedule of it."""
    policies = policies_of(wanted, call)
    task = call.function if call.sends else key
    running = "1" if policies.one_at_a_time else "None"
    configured = [
        ("", literal(task)),
        ("func", call.function.replace(":", ".")),
        ("max_running_jobs", running),
    ]
    code = [("", literal(task)), ("", trigger), ("id", literal(key))]
    if call.args:
        code.append(("args", literal(list(call.args))))
    if call.kwargs:
        code.append(("kwargs", literal(call.kwargs)))
    if wanted.is_paused:
        code.append(("paused", "True"))
    if "jitter" in wanted.json:
        code.append(("max_jitter", repr(span_of(wanted.json["jitter"]).total_seconds())))
    code += [
        ("coalesce", f"CoalescePolicy.{'latest' if policies.coalesce else 'all'}"),
        ("misfire_grace_time", str(policies.grace_s)),
        ("conflict_policy", "ConflictPolicy.replace"),
    ]
    return (
        code_of("await scheduler.configure_task", configured, "    "),
        code_of("await scheduler.add_schedule", code, "    "),
    )


def module(jobs: Sequence[tuple[str, str]], functions: Sequence[str]) -> str:
    """The module without its imports."""
    tasks = "\n".join(dict.fromkeys(f"    {task}" for task, _ in jobs))
    schedules = "\n".join(f"    {schedule}" for _, schedule in jobs)
    return (
        "\nasync def configure(scheduler):\n"
        '    """Tell an AsyncScheduler which functions the tasks are: at each of its starts."""\n'
        f"{tasks}\n\n\n"
        "async def add_to(scheduler):\n"
        '    """Add the schedules to its store, or replace those of the same id: once."""\n'
        f"    await configure(scheduler)\n{schedules}\n"
    )


def own_imports(functions: Sequence[str]) -> list[str]:
    """The modules of the functions."""
    return sorted({f"import {function.partition(':')[0]}" for function in functions})


def load(defined: Mapping[str, Any], at: datetime, started: Collection[str]) -> Iterator[Job]:
    """The schedules that a scheduler would have to which they were added at `at`."""
    schedules, tasks = asyncio.run(_added(defined["add_to"]))
    by_id = {task.id: task for task in tasks}
    for schedule in schedules:
        found = job_of_schedule(schedule, by_id[schedule.task_id])
        trigger = found.trigger
        if isinstance(trigger, Cron) and schedule.id not in started:
            trigger = replace(trigger, start=None)  # It is when the trigger was made.
        yield replace(found, trigger=trigger, next_run=None)


async def _added(add_to: Callable[[Any], Awaitable[None]]) -> tuple[Sequence[Any], Sequence[Any]]:
    from apscheduler import AsyncScheduler

    async with AsyncScheduler() as scheduler:
        await add_to(scheduler)
        return await scheduler.get_schedules(), await scheduler.get_tasks()
