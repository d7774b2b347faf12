"""`--to apscheduler`: a module that adds jobs to a scheduler of yours."""

from __future__ import annotations

import platform
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from z4j_adapters._options import Parser
from z4j_adapters.transfer.apscheduler.exporting import code3, code4
from z4j_adapters.transfer.apscheduler.exporting.calls import call_of
from z4j_adapters.transfer.apscheduler.exporting.triggers import triggers_of
from z4j_adapters.transfer.apscheduler.importing import apscheduler_version
from z4j_adapters.transfer.apscheduler.jobs import entries
from z4j_adapters.transfer.apscheduler.version3 import library_3
from z4j_adapters.transfer.apscheduler.version4 import library_4
from z4j_adapters.transfer.exporting.model import Exporter, NotHeld, Target, Wanted, Written
from z4j_adapters.transfer.exporting.python import run_file
from z4j_adapters.transfer.exporting.reading import stand_ins
from z4j_adapters.transfer.exporting.source import imports
from z4j_adapters.transfer.exporting.wanted import span_of
from z4j_adapters.transfer.model import Found, Refused

__all__ = ["ApschedulerExporter"]

ID_MAX = 191  # Of the table of an SQL store.
HELP = """\
Write a Python module whose add_to(scheduler) adds the schedules to an APScheduler of yours, each
under its id, in place of one that is there.  It is for the major version that is installed here;
for version 4 it is `await add_to(scheduler)`, and `await configure(scheduler)` at each later start.

examples:
  z4j-scheduler export --to apscheduler --output jobs.py
  python jobs.py sqlite:///jobs.sqlite                  # version 3, into a store, or in your code:
  from jobs import add_to; add_to(scheduler)

A job calls a function: send_task of --celery-app (in version 4 a task's .delay, without it), the
.send of a Dramatiq actor, the .kiq of a TaskIQ task (version 3 needs AsyncIOScheduler then), a Huey
task itself.  Its module is taken from the task's name, or from --module where the name has none, as
with Dramatiq.  An RQ function runs inside APScheduler, unless --rq-queue names a queue object whose
.enqueue is called.  Nothing of yours is imported here.

what becomes of it:
  cron               CronTrigger with every field written out, in its own zone
  interval           IntervalTrigger from its next run on, so that the phase is kept
  one shot           DateTrigger
  calendar interval  CalendarIntervalTrigger
  start and end of crons, jitter, paused, description   the same
  catch_up and its window   coalesce and misfire_grace_time
  overlap SKIP       max_instances=1 of what runs inside APScheduler

refused: times at which APScheduler leaves its own rule when the clocks change, and where gap and
fold say something else than SHIFT and BOTH; the sun, W, max_fires, fractions of a second in crons,
priority and engine options, expires and a queue (but for --celery-app), jitter of intervals in
version 3, and arq."""


class ApschedulerExporter(Exporter):
    """Jobs of version 3, schedules of version 4."""

    summary: ClassVar[str] = "APScheduler 3 and 4: a module that adds jobs to a scheduler"
    help: ClassVar[str] = HELP
    packages: ClassVar[Mapping[str, str]] = {"apscheduler": "APScheduler"}
    engine: ClassVar[str | None] = None
    calendar_intervals = True

    @classmethod
    def arguments(cls, parser: Parser) -> None:
        parser.option("module", metavar="MODULE", help="where tasks are whose names do not say it")
        parser.option(
            "celery-app", metavar="MODULE:OBJECT", help="the Celery app whose send_task jobs call"
        )
        parser.option(
            "rq-queue", metavar="MODULE:OBJECT", help="an rq.Queue that jobs for RQ enqueue in"
        )

    def target(self) -> Target:
        installed = apscheduler_version()
        is_four = installed.startswith("4.")
        self._code = code4 if is_four else code3
        self._library = (library_4 if is_four else library_3)(installed)
        libraries = {"apscheduler": installed, "python": platform.python_version()}
        return Target("apscheduler", installed, libraries, self._library.ends)

    def add(self, wanted: Wanted) -> Written:
        call = call_of(wanted, self.options, self._library.version)
        triggers = triggers_of(wanted, self._library, self.options.at, _jitter(wanted))
        keys = [wanted.id, *(f"{wanted.id} ({n})" for n in range(2, len(triggers) + 1))]
        if max(map(len, keys)) > ID_MAX:
            raise NotHeld(f"its id has over {ID_MAX} characters", "give it a shorter id")
        code = [
            self._code.job(key, trigger, call, wanted)
            for key, (trigger, _) in zip(keys, triggers, strict=True)
        ]
        becomes = " and ".join(text for _, text in triggers)
        return Written(wanted, tuple(keys), (code, call), becomes, call.notes)

    def write(self, written: Sequence[Written], to: Path) -> None:
        self._written = list(written)
        jobs = [code for one in written for code in one.entry[0]]
        functions = sorted({one.entry[1].function for one in written})
        body = self._code.module(jobs, functions)
        head = f'"""Jobs for APScheduler {self._library.version.partition(".")[0]}."""'
        imported = imports(body, self._code.NAMES)
        modules = "\n".join(self._code.own_imports(functions))
        parts = [head, imported, modules, body]
        to.write_text("\n\n".join(part.strip("\n") for part in parts if part) + "\n", "utf-8")

    def read_back(self, path: Path) -> Iterator[Found | Refused]:
        by_key = {key: one for one in self._written for key in one.keys}
        with stand_ins(one.entry[1].function for one in self._written):
            started = {key for key, one in by_key.items() if one.wanted.start is not None}
            jobs = list(self._code.load(run_file(path), self.options.at, started))
        for job in jobs:
            wanted = by_key[job.id].wanted
            yield from entries(job, self._library, self.options.at, wanted.engine)


def _jitter(wanted: Wanted) -> str | None:
    if "jitter" not in wanted.json:
        return None
    if wanted.json.get("jitterMode") == "JITTER_MODE_HASH":
        raise NotHeld(
            "its jitter is the same at each run, and that of APScheduler is drawn anew",
            "set jitter_mode to RANDOM, or --drop jitter",
        )
    seconds = span_of(wanted.json["jitter"]).total_seconds()
    return str(int(seconds)) if seconds == int(seconds) else repr(seconds)
