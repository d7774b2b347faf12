"""`--to rq`: the config module of `rq cron`."""

from __future__ import annotations

import shutil
from argparse import Namespace
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import ClassVar

from z4j_adapters.engines.rq.exporting.croniter_text import croniter_text
from z4j_adapters.engines.rq.exporting.jobs import (
    HOST_ZONE_CHECK,
    JobExporter,
    as_written,
    call_code,
    default_queue,
    seconds_of,
)
from z4j_adapters.engines.rq.importing.hosts import has_host_zone, rq_libraries
from z4j_adapters.engines.rq.importing.native import RqImporter
from z4j_adapters.transfer.exporting.model import NotHeld, Target, Wanted, Written
from z4j_adapters.transfer.exporting.python import literal
from z4j_adapters.transfer.exporting.reading import host_zone, stand_ins
from z4j_adapters.transfer.exporting.source import TIMES, call, imports, module_and_name, zone_code
from z4j_adapters.transfer.exporting.zones import OneZone, elapsed_period
from z4j_adapters.transfer.model import Found, Note, Refused
from z4j_adapters.transfer.rq_keywords import RQ_KEYWORDS

__all__ = ["RqExporter"]

OPTIONS = {
    "timeout": "job_timeout",
    "result_ttl": "result_ttl",
    "failure_ttl": "failure_ttl",
    "meta": "meta",
}
HELP = """\
Write a config module for `rq cron` (RQ 2.4 and newer), with one cron.register for each schedule.

examples:
  z4j-scheduler export --to rq --output cron_config.py --timezone Europe/Berlin
  rq cron cron_config.py

RQ before 3.0 runs all crons in UTC.  From 3.0 on their hours are those of the host's clock: say its
zone with --timezone, else it is that of most crons; the module refuses to load on a host whose
clock is another.  Each task becomes an import of its function; here it is not imported.

what becomes of it:
  cron        cron of the same instants; both day fields are an OR in RQ
  interval    needs --any-phase: `rq cron` begins intervals whenever it starts
  queue, arguments, expires, timeout, result_ttl, failure_ttl, meta   the same
  no queue    that of --queue

refused: one shots (--to rq-scheduler has them), days of the month and of the week that must both
match, ISO weeks, the sun, start, end and number of runs, crons of another zone, overlap other than
ALLOW, retries, at_front, priority."""


class RqExporter(JobExporter):
    """Cron jobs."""

    summary: ClassVar[str] = "RQ: a config module for `rq cron`"
    help: ClassVar[str] = HELP
    packages: ClassVar[Mapping[str, str]] = RqImporter.packages

    def target(self) -> Target:
        from rq.cron import CronScheduler  # noqa: F401  # Since 2.4.

        libraries = rq_libraries(croniter=True)
        self._local = has_host_zone(libraries["rq"])
        self.zone = OneZone(self.options.timezone if self._local else "UTC")
        return Target("rq", libraries["rq"], libraries)

    def add(self, wanted: Wanted) -> Written:
        module, name = module_and_name(wanted.task)
        taken = RQ_KEYWORDS.intersection(wanted.kwargs)
        if taken and not self._local:  # Since 3.0 they are handed over apart.
            raise NotHeld(
                f"RQ takes its argument {min(taken)} for itself", "use RQ 3.0, or rename it"
            )
        code = [("", f"{module}.{name}"), ("", literal(wanted.queue or self.options.queue))]
        notes = default_queue(wanted, self.options.queue)
        if wanted.kind == "cron" and wanted.cron is not None:
            text = croniter_text(wanted.cron)
            becomes = f"cron {text}"
            code.append(("cron", literal(text)))
            self.zone.check(wanted, self.options.at)
        elif wanted.kind == "interval":
            seconds = self._period(wanted)
            becomes = f"every {seconds} s"
            code.append(("interval", str(seconds)))
            notes += (Note("ANY_PHASE", "it begins when `rq cron` starts, not at its phase here"),)
        else:
            raise NotHeld(f"`rq cron` has no {wanted.kind}", "--to rq-scheduler has one shots")
        code += call_code(wanted, OPTIONS)
        if "result_ttl" not in wanted.options:
            code.append(("result_ttl", "None"))
        if self._local:
            code.append(("name", literal(wanted.id)))
        return Written(
            wanted, (wanted.id,), (f"{module}:{name}", call("cron.register", code)), becomes, notes
        )

    def _period(self, wanted: Wanted) -> int:
        seconds = seconds_of(elapsed_period(wanted, self.options.at), "a period")
        if not self.options.any_phase:
            raise NotHeld(
                "`rq cron` runs an interval at once whenever it starts, and counts from there",
                "--any-phase, or --to rq-scheduler, which keeps the phase",
                "R9_PHASE",
            )
        return seconds

    def write(self, written: Sequence[Written], to: Path) -> None:
        self._written = list(written)
        body = "\n".join(one.entry[1] for one in written)
        has_crons = any(one.wanted.kind == "cron" for one in written)
        zone = self.zone.chosen if self._local and has_crons else None
        if zone is not None:
            body = f"{HOST_ZONE_CHECK}\n\ncheck_zone({zone_code(zone)})\n\n{body}"
        modules = sorted({f"import {one.entry[0].partition(':')[0]}" for one in written})
        versions = "3.0 and newer" if self._local else "2.4 to 2.12"
        parts = [
            f'"""Cron jobs for RQ {versions}: give this file to `rq cron`."""',
            imports(body, TIMES),
            "from rq import cron",
            "\n".join(modules),
            body.strip("\n"),
        ]
        to.write_text("\n\n".join(part for part in parts if part) + "\n", "utf-8")

    def read_back(self, path: Path) -> Iterator[Found | Refused]:
        zone = self.zone.chosen if self._local else None
        functions = [one.entry[0] for one in self._written]
        with TemporaryDirectory() as folder, host_zone(zone), stand_ins(functions):
            copy = Path(folder, "cron_config.py")  # RQ loads a file of such a name only.
            shutil.copyfile(path, copy)
            options = {"redis_url": None, "workdir": None, "engine": None, "timezone": zone}
            importer = RqImporter(Namespace(cron_config=str(copy), at=self.options.at, **options))
            importer.source()
            found = list(importer.read())
        # They stand there in their order; RQ before 3.0 has no names for them.
        pairs = [
            (one, replace(entry, key=one.wanted.id))
            for one, entry in zip(self._written, found, strict=True)
        ]
        yield from as_written(pairs, self.options.queue)
