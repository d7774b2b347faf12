"""The source of jobs of APScheduler 3, and how it is loaded."""

from __future__ import annotations

import pickle
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timezone
from typing import Any

from z4j_adapters.transfer.apscheduler.exporting.calls import Call
from z4j_adapters.transfer.apscheduler.exporting.policies import policies_of
from z4j_adapters.transfer.apscheduler.jobs import Job
from z4j_adapters.transfer.apscheduler.version3 import job_of_pickle
from z4j_adapters.transfer.exporting.model import Wanted
from z4j_adapters.transfer.exporting.python import literal
from z4j_adapters.transfer.exporting.source import TIMES
from z4j_adapters.transfer.exporting.source import call as code_of

__all__ = ["NAMES", "job", "load", "module", "own_imports"]

NAMES = {
    **TIMES,
    "CalendarIntervalTrigger": "apscheduler.triggers.calendarinterval",
    "CronTrigger": "apscheduler.triggers.cron",
    "DateTrigger": "apscheduler.triggers.date",
    "IntervalTrigger": "apscheduler.triggers.interval",
}
MANY = 1000
MAIN = """

if __name__ == "__main__":
    import sys

    from apscheduler.schedulers.background import BackgroundScheduler

    store = {"type": "sqlalchemy", "url": sys.argv[1]}
    scheduler = BackgroundScheduler(jobstores={"default": store}, timezone="UTC")
    scheduler.start(paused=True)
    add_to(scheduler)
    scheduler.shutdown()
"""


def job(key: str, trigger: str, call: Call, wanted: Wanted) -> str:
    """One add_job."""
    policies = policies_of(wanted, call)
    code = [("", literal(call.function)), ("", trigger)]
    if call.args:
        code.append(("args", literal(list(call.args))))
    if call.kwargs:
        code.append(("kwargs", literal(call.kwargs)))
    code += [
        ("id", literal(key)),
        ("name", literal(wanted.json.get("description") or call.function.partition(":")[2])),
        ("misfire_grace_time", str(policies.grace_s)),
        ("coalesce", str(policies.coalesce)),
        ("max_instances", "1" if policies.one_at_a_time else str(MANY)),
    ]
    if wanted.is_paused:
        code.append(("next_run_time", "None"))
    code.append(("replace_existing", "True"))
    return code_of("scheduler.add_job", code, "    ")


def module(jobs: Sequence[str], functions: Sequence[str]) -> str:
    """The module without its imports."""
    body = "\n".join(f"    {code}" for code in jobs)
    return (
        "\ndef add_to(scheduler):\n"
        '    """Add the jobs to a scheduler, or replace those of the same id."""\n'
        f"{body}\n{MAIN}"
    )


def own_imports(functions: Sequence[str]) -> list[str]:
    """None: APScheduler imports functions by their names."""
    return []


def load(defined: Mapping[str, Any], at: datetime, started: Collection[str]) -> Iterator[Job]:
    """The jobs that a scheduler, started at `at`, would have."""
    from apscheduler.schedulers.background import BackgroundScheduler

    scheduler = BackgroundScheduler(timezone=timezone.utc)
    defined["add_to"](scheduler)
    for each in scheduler.get_jobs():
        if not hasattr(each, "next_run_time"):  # As it is until the scheduler starts.
            each.next_run_time = each.trigger.get_next_fire_time(None, at)
        yield replace(job_of_pickle(pickle.dumps(each.__getstate__())), id=each.id)
