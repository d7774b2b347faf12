"""`--to taskiq`: a Python module that puts schedules into a schedule source."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta, timezone
from importlib.metadata import version
from pathlib import Path
from typing import Any

from z4j_adapters.transfer.cron_fields import field_text
from z4j_adapters.transfer.exporting.days import Days, days_of
from z4j_adapters.transfer.exporting.limits import (
    any_phase,
    cron_of,
    keys_of,
    same_periods,
)
from z4j_adapters.transfer.exporting.model import Cron, Exporter, NotHeld, Target, Wanted, Written
from z4j_adapters.transfer.exporting.python import Source, literal, run_file
from z4j_adapters.transfer.exporting.zones import elapsed_period
from z4j_adapters.transfer.model import Found, Refused
from z4j_adapters.transfer.zones import zone_of

__all__ = ["TaskiqExporter"]

HELP = """\
Write a Python module whose install(source) puts schedules into a schedule source of TaskIQ that
can store them, such as ListRedisScheduleSource.

examples:
  z4j-scheduler export --to taskiq --output schedules.py
  z4j-scheduler export --to taskiq --output schedules.py --any-phase

how it is loaded:
  python schedules.py redis://localhost:6379/0
  or, with a source of your own:  await schedules.install(source)
Doing it again puts each in the place of the one with its id.

what is written:
  cron       five fields for pycron, with the zone as cron_offset.  Where both day fields must
             match, one of them has a piece `*-*`: it matches nothing, and pycron then wants
             both.
  interval   whole seconds.  TaskIQ counts from the start of its scheduler, and runs it then; so
             it is refused, or, with --any-phase, written with its period alone.
  one-shot   time
  the queue as the label queue_name; timeout, retry_on_error, max_retries and labels as labels

what is refused, by name: seconds, years, ISO weeks, L and W; solar and calendar intervals;
start_time, end_time, max_fires, expires; paused schedules; times that a change of the clock
leaves out or repeats, where TaskIQ does otherwise than leave them out and run them twice; and
priority, overlap, jitter and run_retry, which --drop leaves out."""

SECOND = timedelta(seconds=1)
# It matches nothing; but with a "*" in a day field pycron wants both to match.
_BOTH = ",*-*"


class TaskiqExporter(Exporter):
    """See Exporter."""

    summary = "a module that fills a schedule source of TaskIQ"
    help = HELP
    packages = {"taskiq": "taskiq", "pycron": "pycron"}  # noqa: RUF012
    engine = "taskiq"

    def target(self) -> Target:
        import pycron
        from taskiq import ScheduledTask

        # The 2nd of January 2029 is a Tuesday, and no first of a month.
        self._has_either = bool(pycron.is_now("* * 1 * 2", datetime(2029, 1, 2)))
        self._fields = frozenset(ScheduledTask.model_fields)
        self._periods: dict[str, timedelta] = {}
        versions = {name: version(name) for name in ("taskiq", "pycron")}
        return Target("taskiq", versions["taskiq"], versions)

    def add(self, wanted: Wanted) -> Written:
        call: dict[str, Any] = {"task_name": wanted.task, "labels": _labels(wanted)}
        call |= {"args": list(wanted.args), "kwargs": dict(wanted.kwargs)}
        if wanted.kind == "interval":
            return self._interval(wanted, call)
        if wanted.kind == "oneShot":
            assert wanted.next_due is not None
            text = _source(wanted.next_due)
            entry = {wanted.id: {**call, "time": text}}
            return Written(wanted, (wanted.id,), entry, f"time {wanted.next_due.isoformat()}")
        return self._crons(wanted, call)

    def _crons(self, wanted: Wanted, call: dict[str, Any]) -> Written:
        cron = cron_of(wanted, "TaskIQ")
        texts = self._texts(cron)
        if wanted.time_zone != "UTC":
            call["cron_offset"] = _offset(wanted.time_zone)
        keys = keys_of(wanted, len(texts))
        entry = {key: {**call, "cron": text} for key, text in zip(keys, texts, strict=True)}
        return Written(wanted, keys, entry, " and ".join(f"cron {text}" for text in texts))

    def _texts(self, cron: Cron) -> list[str]:
        either = cron.either_day and not cron.has_special_days
        if either and self._has_either and not (cron.any_day or cron.any_weekday):
            return [_text(cron, Days(cron.days, cron.weekdays), "")]
        return [_text(cron, part, _BOTH) for part in days_of(cron)]

    def _interval(self, wanted: Wanted, call: dict[str, Any]) -> Written:
        period = elapsed_period(wanted, self.options.at)
        if "interval" not in self._fields:
            raise NotHeld("this version of TaskIQ has no intervals", "install 0.12 or later")
        if period % SECOND or period < SECOND:
            raise NotHeld("TaskIQ has intervals of whole seconds", "choose such a period")
        note = any_phase(self.options, "TaskIQ")
        self._periods[wanted.id] = period
        seconds = period // SECOND
        entry = {wanted.id: {**call, "interval": seconds}}
        return Written(wanted, (wanted.id,), entry, f"interval {seconds} s", (note,))

    def write(self, written: Sequence[Written], to: Path) -> None:
        schedules = {key: one for each in written for key, one in each.entry.items()}
        to.write_text(_MODULE.format(schedules=literal(schedules)), encoding="utf-8")

    def read_back(self, path: Path) -> Iterator[Found | Refused]:
        from z4j_adapters.engines.taskiq.importing.entries import Entry, mapped

        source = _Kept()
        asyncio.run(run_file(path)["install"](source))
        for task in source.tasks.values():
            entry = Entry(task.schedule_id, task, {}, is_stored=True, raw="")
            yield from same_periods(mapped(entry, self.options.at), self._periods)


class _Kept:
    """A schedule source that holds what it is given."""

    def __init__(self) -> None:
        self.tasks: dict[str, Any] = {}

    async def add_schedule(self, schedule: Any) -> None:
        self.tasks[schedule.schedule_id] = schedule

    async def delete_schedule(self, schedule_id: str) -> None:
        self.tasks.pop(schedule_id, None)


def _labels(wanted: Wanted) -> dict[str, Any]:
    options = dict(wanted.options)
    labels: dict[str, Any] = {**options.pop("labels", {}), **options}
    if wanted.queue:
        labels["queue_name"] = wanted.queue
    return labels


def _text(cron: Cron, part: Days, both: str) -> str:
    """Five fields; `both` ends a day field if two of them restrict."""
    days = field_text("dayOfMonth", part.days)
    weekdays = field_text("dayOfWeek", part.weekdays)
    if "*" not in days + weekdays:
        days += both
    minutes, hours = field_text("minute", cron.minutes), field_text("hour", cron.hours)
    return f"{minutes} {hours} {days} {field_text('month', cron.months)} {weekdays}"


def _offset(zone: str) -> Any:
    """cron_offset: the name of a zone; or how far it always is ahead of UTC."""
    offset = zone_of(zone).utcoffset(None)
    if offset is None:
        return zone
    return Source(f"timedelta(minutes={offset // timedelta(minutes=1)})")


def _source(at: datetime) -> Source:
    text = at.astimezone(timezone.utc).isoformat()
    return Source(f"datetime.fromisoformat({text!r})")


_MODULE = '''\
"""Schedules for TaskIQ, as z4j-scheduler exported them.

    python schedules.py redis://localhost:6379/0     # for ListRedisScheduleSource
    await schedules.install(source)                  # for any that can store them
"""

import asyncio
import sys
from datetime import datetime, timedelta  # noqa: F401

from taskiq import ScheduledTask

# By schedule_id: fields of a ScheduledTask.  `*-*` matches no day; with a `*` in a day field pycron
# wants both of them to match.
SCHEDULES = {schedules}


async def install(source):
    """Put them into a source, each in the place of the one with its id."""
    for name, schedule in SCHEDULES.items():
        await source.delete_schedule(name)
        await source.add_schedule(ScheduledTask(schedule_id=name, **schedule))


if __name__ == "__main__":
    from taskiq_redis import ListRedisScheduleSource

    asyncio.run(install(ListRedisScheduleSource(*sys.argv[1:])))
'''
