"""`--to rq-scheduler`: a module that puts jobs into an rq-scheduler's Redis."""

from __future__ import annotations

import re
import warnings
from argparse import Namespace
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import ClassVar

from z4j_adapters.engines.rq.exporting.crontab_text import crontab_texts
from z4j_adapters.engines.rq.exporting.jobs import (
    HOST_ZONE_CHECK,
    JobExporter,
    as_written,
    call_code,
    default_queue,
    seconds_of,
)
from z4j_adapters.engines.rq.importing.repeated import (
    LIBRARY_ENDS,
    RqSchedulerImporter,
    scheduler_libraries,
)
from z4j_adapters.transfer.exporting.boxes import box_of
from z4j_adapters.transfer.exporting.model import NotHeld, Target, Wanted, Written
from z4j_adapters.transfer.exporting.python import literal, run_file
from z4j_adapters.transfer.exporting.reading import host_zone
from z4j_adapters.transfer.exporting.source import (
    TIMES,
    call,
    imports,
    instant_code,
    module_and_name,
    zone_code,
)
from z4j_adapters.transfer.exporting.zones import OneZone, elapsed_period
from z4j_adapters.transfer.model import Found, Note, Refused
from z4j_adapters.transfer.values import duration, timestamp

__all__ = ["RqSchedulerExporter"]

OPTIONS = {
    "timeout": "timeout",
    "result_ttl": "result_ttl",
    "meta": "meta",
    "at_front": "at_front",
}
KEPT = Note(
    "RESULT_KEPT", "rq-scheduler keeps the result of a repeated job for ever, or it would forget it"
)
_NOT_IN_IDS = re.compile(r"[^A-Za-z0-9_-]+")
MAIN = """
if __name__ == "__main__":
    import sys

    from redis import Redis
    from rq_scheduler import Scheduler

    install(Scheduler(connection=Redis.from_url(sys.argv[1])))
"""
HELP = """\
Write a Python module whose install(scheduler) puts the schedules into the Redis of rq-scheduler,
each under its id, in place of one that is there.

examples:
  z4j-scheduler export --to rq-scheduler --output schedules.py --timezone Europe/Berlin
  python schedules.py redis://localhost:6379/0

rq-scheduler reads crons by the clock of its host: say its zone with --timezone, else it is that of
most crons; install refuses to run on a host whose clock is another.  Nothing is written to a
Redis before you run the module.  Run it close to the export: an interval begins with the next run
that was known then.

what becomes of it:
  cron        scheduler.cron; several jobs where either day suffices: rq-scheduler has only AND
  interval    scheduler.schedule from its next run on; rq-scheduler counts on from when it enqueued
  one shot    scheduler.schedule at its time
  max_fires   repeat
  queue, arguments, timeout, result_ttl, meta, at_front   the same; expires of one shots as ttl

refused: times that the change of the clocks leaves out, which it enqueues early and many times; W,
ISO weeks, the sun, start and end, fractions of a second, overlap other than ALLOW, retries,
failure_ttl, priority; expires and a result_ttl that ends on what repeats, as rq-scheduler would
lose the schedule with the job."""


class RqSchedulerExporter(JobExporter):
    """Jobs of rq-scheduler."""

    summary: ClassVar[str] = "rq-scheduler: a module that installs cron, interval and single jobs"
    help: ClassVar[str] = HELP
    packages: ClassVar[Mapping[str, str]] = RqSchedulerImporter.packages

    def target(self) -> Target:
        libraries = scheduler_libraries()
        self.zone = OneZone(self.options.timezone)
        self._ids = _JobIds()
        return Target("rq-scheduler", libraries["rq-scheduler"], libraries, LIBRARY_ENDS)

    def add(self, wanted: Wanted) -> Written:
        module_and_name(wanted.task)
        if wanted.kind == "cron":
            triggers, becomes = self._crons(wanted)
        elif wanted.kind == "interval":
            seconds = seconds_of(elapsed_period(wanted, self.options.at), "a period")
            at = _whole(wanted)
            triggers = [[("", instant_code(at)), ("interval", str(seconds))]]
            becomes = f"every {duration(timedelta(seconds=seconds))} from {timestamp(at)}"
        elif wanted.kind == "oneShot":
            triggers = [[("", instant_code(_whole(wanted)))]]
            becomes = f"once at {timestamp(_whole(wanted))}"
        else:
            raise NotHeld(f"rq-scheduler has no {wanted.kind}", "make it a cron")
        more, notes = self._more(wanted)
        keys = [self._ids.make(wanted.id, number) for number in range(1, len(triggers) + 1)]
        name = "scheduler.cron" if wanted.kind == "cron" else "scheduler.schedule"
        code = [
            call(name, [first, ("func", literal(wanted.task)), ("id", literal(key)),
                        *rest, *more], "    ")
            for key, (first, *rest) in zip(keys, triggers, strict=True)
        ]  # fmt: skip
        return Written(wanted, tuple(keys), code, becomes, notes)

    def _crons(self, wanted: Wanted) -> tuple[list[list[tuple[str, str]]], str]:
        assert wanted.cron is not None
        box = box_of(wanted.cron)
        texts = crontab_texts(wanted.cron, box)
        if wanted.fires_left and len(texts) > 1:
            raise NotHeld(
                f"it becomes {len(texts)} jobs there, and max_fires counts them together",
                "set an end by date in the task, or clear max_fires",
            )
        self.zone.check(wanted, self.options.at)
        return [[("", literal(text))] for text in texts], "cron " + " and ".join(texts)

    def _more(self, wanted: Wanted) -> tuple[list[tuple[str, str]], tuple[Note, ...]]:
        code = [("queue_name", literal(wanted.queue or self.options.queue))]
        code += call_code(wanted, OPTIONS)
        notes = default_queue(wanted, self.options.queue)
        if wanted.kind == "oneShot":
            return code, notes
        if wanted.expires is not None or wanted.options.get("result_ttl", -1) != -1:
            raise NotHeld(
                "with expires or a result_ttl that ends, rq-scheduler loses a repeated job: when "
                "the job is deleted, its schedule goes with it",
                "--drop expires, and leave result_ttl out or set it to -1",
            )
        if wanted.fires_left:
            code.append(("repeat", str(wanted.fires_left)))
        if "result_ttl" not in wanted.options:
            code.append(("result_ttl", "-1"))
            notes += (KEPT,)
        return code, notes

    def write(self, written: Sequence[Written], to: Path) -> None:
        self._written = list(written)
        calls = [f"    {code}" for one in written for code in one.entry]
        check = self.zone.chosen if any(one.wanted.kind == "cron" for one in written) else None
        body = [
            "def install(scheduler):",
            '    """Add the jobs to an rq_scheduler.Scheduler, or replace those of the same id."""',
            *([f"    check_zone({zone_code(check)})"] if check else []),
            *calls,
        ]
        text = "\n".join(body) + f"\n\n{MAIN}"
        if check:
            text = f"{HOST_ZONE_CHECK.lstrip()}\n\n{text}"
        head = '"""Jobs for rq-scheduler: python FILE redis://…"""'
        parts = [head, imports(text, TIMES), "", text]
        to.write_text("\n\n".join(part for part in parts if part), "utf-8")

    def read_back(self, path: Path) -> Iterator[Found | Refused]:
        from rq_scheduler import Scheduler

        from z4j_adapters.engines.rq.exporting.memory import MemoryRedis

        client = MemoryRedis()
        with host_zone(self.zone.chosen), warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # Of the package crontab, each time.
            run_file(path)["install"](Scheduler(connection=client))
        zone = self.zone.chosen
        options = {"at": self.options.at, "timezone": zone, "engine": None, "redis_url": None}
        importer = RqSchedulerImporter(
            Namespace(scheduled_key=Scheduler.scheduled_jobs_key, **options)
        )
        by_key = {key: one for one in self._written for key in one.keys}
        pairs = [(by_key[entry.key], entry) for entry in importer.read_from(client)]
        yield from as_written(pairs, self.options.queue, ("result_ttl",))


class _JobIds:
    """Ids as RQ allows them for jobs, none of them twice."""

    def __init__(self) -> None:
        self._given: set[str] = set()

    def make(self, schedule: str, number: int) -> str:
        """The id of the number-th job of a schedule, the same one in each export."""
        base = _NOT_IN_IDS.sub("-", schedule)
        tail = f"-{number}" if number > 1 else ""
        made = base + tail
        if base != schedule or made in self._given:
            made = f"{base}-{sha256(schedule.encode()).hexdigest()[:10]}{tail}"
        self._given.add(made)
        return made


def _whole(wanted: Wanted) -> datetime:
    at = wanted.next_due
    assert at is not None
    if at.microsecond:
        raise NotHeld(
            f"it is next due at {timestamp(at)}, and rq-scheduler has whole seconds",
            "move it to a whole second",
        )
    return at
