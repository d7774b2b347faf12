"""What a job of dramatiq-crontab becomes: an APScheduler 3 trigger around an actor."""

from __future__ import annotations

import pickle
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timezone
from importlib.metadata import version
from typing import Any

from z4j_adapters.engines.dramatiq.importing.periodic import actor_fields
from z4j_adapters.transfer.apscheduler.plans import plan_of
from z4j_adapters.transfer.apscheduler.triggers import LISTED_3, Interval, Unreadable, trigger_3
from z4j_adapters.transfer.apscheduler.version3 import library_3
from z4j_adapters.transfer.model import Found, Note, Refused
from z4j_adapters.transfer.pickles import load

__all__ = ["crontab_entry", "crontab_jobs"]

# dramatiq-crontab keeps no phase; this one is the same whenever the source is read.
_ANCHOR = datetime(1970, 1, 1, tzinfo=timezone.utc)
_PHASE = Note(
    "PHASE",
    "dramatiq-crontab counts from the start of its scheduler, so that each start moves its times; "
    "here they are multiples of the interval, counted from 1970-01-01 UTC",
)


def crontab_jobs() -> list[Any]:
    """The jobs that the modules which were imported have given to dramatiq-crontab."""
    module = sys.modules.get("dramatiq_crontab")
    return [] if module is None else list(module.scheduler.get_jobs())


def crontab_entry(key: str, job: Any, at: datetime) -> Iterator[Found | Refused]:
    """Read a job; `at` is now."""
    from dramatiq import Actor

    raw = str(job.trigger)
    actor = getattr(job.func, "__self__", None)
    if not isinstance(actor, Actor) or job.args or job.kwargs:
        reason = f"it runs {job.func!r}, not the send of an actor"
        yield Refused(key, "R1_OPAQUE", reason, "use dramatiq_crontab.cron(…)", key, raw)
        return
    try:
        # By way of its pickle, as a store of APScheduler would have it.
        trigger = trigger_3(load(pickle.dumps(job.trigger), LISTED_3, keep_strangers=True))
        base: datetime | None = None
        reasons: tuple[Note, ...] = ()
        if isinstance(trigger, Interval):
            trigger, base, reasons = replace(trigger, start=None), _ANCHOR, (_PHASE,)
        plan = plan_of(trigger, library_3(version("APScheduler")), at, base)
    except Unreadable as error:
        yield Refused(key, error.code, error.reason, error.remedy, key, raw)
        return
    for number, (spec, becomes) in enumerate(plan.specs, 1):
        yield Found(
            key,
            {**actor_fields(actor), **plan.common, "spec": spec, "catchUp": "CATCH_UP_SKIP"},
            becomes,
            plan.exactness,
            reasons=reasons + plan.reasons,
            warnings=plan.warnings,
            raw=raw,
            finished=plan.over,
            member=number if len(plan.specs) > 1 else None,
            fires=plan.fires if number == 1 else None,
        )
