"""`--to arq`: a Python module with the cron jobs of a worker."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any

from z4j_adapters._options import Parser
from z4j_adapters.transfer.exporting.clocks import is_on
from z4j_adapters.transfer.exporting.days import Days, days_of
from z4j_adapters.transfer.exporting.limits import cron_of, keys_of
from z4j_adapters.transfer.exporting.model import Cron, Exporter, NotHeld, Target, Wanted, Written
from z4j_adapters.transfer.exporting.python import Source, literal, run_file
from z4j_adapters.transfer.exporting.zones import OneZone
from z4j_adapters.transfer.model import Found, Note, Refused
from z4j_adapters.transfer.nominal import changes
from z4j_adapters.transfer.zones import zone_of

__all__ = ["ArqExporter"]

HELP = """\
Write a Python module with cron jobs for arq's worker, and the zone of their times.

examples:
  z4j-scheduler export --to arq --output schedules.py
  z4j-scheduler export --to arq --output schedules.py --arq-queue billing --timezone Europe/Berlin

how it is loaded, in the worker's settings:
  import schedules

  class WorkerSettings:
      functions = [nightly, func(report, timeout=600)]
      cron_jobs = schedules.cron_jobs(functions)
      timezone = schedules.TIMEZONE

what is written: the numbers of each field, down to seconds and the microsecond; all must match. 
Each job runs the function of the worker that has the name of its task, with that function's own
timeout, tries and results.  Where either day field suffices here, there are two jobs, `id` and
`id (2)`, which never come due together.  A worker has one zone and one queue: those of
--timezone, or else of most schedules, and of --arq-queue; other schedules are refused.

what is refused, by name: positional args (a cron job has but its context; kwargs are held);
years, ISO weeks, L and W; intervals, one-shots, solar and calendar intervals; start_time,
end_time, max_fires, expires; paused schedules; times that a change of the clock leaves out or
repeats, where arq does otherwise than run them as soon as the clock was put forward, and the
first time only; and jitter, run_retry and overlap other than SKIP, which --drop leaves out."""

RUN = 3  # Up to so many numbers in a row are written one by one.
_DAYS = 366 * 10  # So far ahead the rules of zones are of use.


class ArqExporter(Exporter):
    """See Exporter."""

    summary = "a module with arq's cron jobs"
    help = HELP
    packages = {"arq": "arq"}  # noqa: RUF012
    engine = "arq"
    zone: OneZone

    @classmethod
    def arguments(cls, parser: Parser) -> None:
        parser.option(
            "arq-queue", metavar="NAME", help="queue_name in the settings (default: arq's own)"
        )

    def target(self) -> Target:
        import arq  # noqa: F401

        self.zone = OneZone(self.options.timezone)
        installed = version("arq")
        return Target("arq", installed, {"arq": installed})

    def add(self, wanted: Wanted) -> Written:
        cron = cron_of(wanted, "arq", seconds=True)
        if wanted.args:
            raise NotHeld(
                "it has positional args, and arq gives a cron job its context alone",
                "pass them by name, as kwargs",
            )
        queue = self.options.arq_queue or ""
        if wanted.queue != queue:
            raise NotHeld(
                f"its queue is {wanted.queue or 'the default'}, and that of this worker is "
                f"{queue or 'the default'}",
                "export each queue to a file of its own, with --arq-queue",
            )
        parts = days_of(cron)
        self.zone.check(wanted, self.options.at)
        keys = keys_of(wanted, len(parts))
        call: dict[str, Any] = {"task": wanted.task}
        if wanted.kwargs:
            call["kwargs"] = dict(wanted.kwargs)
        if wanted.json.get("overlap") == "OVERLAP_SKIP":
            call["job_id"] = wanted.id
        times = [_times(cron, part) for part in parts]
        entry = {key: {**call, "when": each} for key, each in zip(keys, times, strict=True)}
        becomes = " and ".join(_shown(each) for each in times)
        return Written(wanted, keys, entry, becomes, tuple(self._notes(wanted, cron)))

    def _notes(self, wanted: Wanted, cron: Cron) -> Iterator[Note]:
        change = _crowded(cron, wanted.time_zone, self.options.at)
        if change is not None:
            yield Note(
                "R10_DUPLICATES",
                f"times that the clock of {wanted.time_zone} leaves out all run when it is put "
                f"forward, each by itself: next in the hour of {change:%Y-%m-%d %H:%M} UTC; here "
                "they are one run",
            )

    def write(self, written: Sequence[Written], to: Path) -> None:
        schedules = {key: one for each in written for key, one in each.entry.items()}
        text = _MODULE.format(zone=_zone_source(self.zone.name), schedules=literal(schedules))
        to.write_text(text, encoding="utf-8")

    def read_back(self, path: Path) -> Iterator[Found | Refused]:
        from arq import func

        from z4j_adapters.engines.arq.importing.importer import ArqImporter

        module = run_file(path)
        tasks = sorted({one["task"] for one in module["SCHEDULES"].values()})
        functions = [func(_stand_in(), name=task) for task in tasks]
        settings = {
            "functions": functions,
            "cron_jobs": module["cron_jobs"](functions),
            "timezone": module["TIMEZONE"],
        }
        if self.options.arq_queue:
            settings["queue_name"] = self.options.arq_queue
        importer = ArqImporter(Namespace(at=self.options.at, timezone=None))
        importer.open(settings)
        yield from importer.read()


def _stand_in() -> Any:
    async def nothing(ctx: Any, **kwargs: Any) -> None:
        """The user's own function stays where it is."""

    return nothing


def _times(cron: Cron, part: Days) -> dict[str, Any]:
    """Keywords of arq's cron: what does not restrict is left out."""
    fields: tuple[tuple[str, Collection[int], int], ...] = (
        ("month", cron.months, 12),
        ("day", part.days, 31),
        ("weekday", {(day - 1) % 7 for day in part.weekdays}, 7),
        ("hour", cron.hours, 24),
        ("minute", cron.minutes, 60),
    )
    times: dict[str, Any] = {
        name: _set(values) for name, values, count in fields if len(values) < count
    }
    # arq's own default is second 0.
    times["second"] = None if len(cron.seconds) == 60 else _set(cron.seconds)
    return times | {"microsecond": cron.microsecond}


def _set(values: Collection[int]) -> Any:
    """A number, or the source of a set; many in a row as a range."""
    numbers = sorted(values)
    if len(numbers) == 1:
        return numbers[0]
    runs: list[list[int]] = []
    for number in numbers:
        if runs and runs[-1][-1] == number - 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    parts = (
        f"*range({run[0]}, {run[-1] + 1})" if len(run) > RUN else ", ".join(map(str, run))
        for run in runs
    )
    return Source("{" + ", ".join(parts) + "}")


def _shown(times: dict[str, Any]) -> str:
    return f"cron({', '.join(f'{name}={value!r}' for name, value in times.items())})"


def _crowded(cron: Cron, zone_name: str, at: datetime) -> datetime | None:
    """The next change of the clock over which several due times become one instant."""
    zone = zone_of(zone_name)
    for change in changes(zone, at.date(), _DAYS):
        after = change.astimezone(zone)
        before = (change - timedelta(seconds=1)).astimezone(zone)
        wall = before.replace(tzinfo=None) + timedelta(seconds=1)
        end = after.replace(tzinfo=None)
        runs = 0
        while change > at and wall <= end:  # `end` itself comes due at the same instant.
            due = wall.hour in cron.hours and wall.minute in cron.minutes
            if due and is_on(cron, wall.date()):
                runs += (0 in cron.seconds) if wall == end else len(cron.seconds)
            if runs > 1:
                return change
            wall += timedelta(minutes=1)
    return None


def _zone_source(name: str) -> str:
    offset = zone_of(name).utcoffset(None)
    if name == "UTC":
        return "timezone.utc"
    if offset is None:
        return f"ZoneInfo({name!r})"
    return f"timezone(timedelta(minutes={offset // timedelta(minutes=1)}))"


_MODULE = '''\
"""Cron jobs for a worker of arq, as z4j-scheduler exported them.

    class WorkerSettings:
        functions = […]
        cron_jobs = schedules.cron_jobs(functions)
        timezone = schedules.TIMEZONE

All numbers of a job must match; what is not named is any, and weekday 0 is Monday.
"""

from datetime import timedelta, timezone  # noqa: F401
from functools import partial
from zoneinfo import ZoneInfo  # noqa: F401

from arq import cron, func

TIMEZONE = {zone}

# Name of each: the function that it runs, when, and with which keywords.  A job_id keeps it from
# running again before it has ended.
SCHEDULES = {schedules}


def cron_jobs(functions):
    """The cron jobs of a worker with these functions, as they stand in its settings."""
    known = {{each.name: each for each in map(func, functions)}}
    missing = sorted({{each["task"] for each in SCHEDULES.values()}} - known.keys())
    if missing:
        raise LookupError(f"not among the functions of the worker: {{', '.join(missing)}}")
    return [_job(name, known[each["task"]], each) for name, each in SCHEDULES.items()]


def _job(name, function, schedule):
    coroutine, job_id = function.coroutine, schedule.get("job_id")
    if "kwargs" in schedule:
        coroutine = partial(coroutine, **schedule["kwargs"])
    return cron(
        coroutine,
        name=name,
        job_id=job_id,
        timeout=function.timeout_s,
        max_tries=function.max_tries,
        # A result that is kept would keep a job of its id from running.
        keep_result=0 if job_id else function.keep_result_s,
        keep_result_forever=False if job_id else function.keep_result_forever,
        **schedule["when"],
    )
'''
