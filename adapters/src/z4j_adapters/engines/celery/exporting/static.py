"""`--to celery`: a Python module with `beat_schedule` and `timezone`."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from z4j_adapters._options import Parser
from z4j_adapters.engines.celery.exporting.beat import BeatExporter, no_kind
from z4j_adapters.engines.celery.exporting.sources import timedelta_source, zone_source
from z4j_adapters.transfer.exporting.model import NotHeld, Target, Wanted, Written
from z4j_adapters.transfer.exporting.python import literal, run_file
from z4j_adapters.transfer.exporting.zones import OneZone, elapsed_period
from z4j_adapters.transfer.model import Found, Refused

__all__ = ["CeleryExporter"]

HELP = """\
Write a Python module that holds the schedules as beat_schedule, and the zone of their crontabs as
timezone.

examples:
  z4j-scheduler export --to celery --output schedules.py --state celerybeat-schedule
  z4j-scheduler export --to celery --output schedules.py --any-phase --timezone Europe/Berlin

how it is loaded:
  import schedules
  app.conf.timezone = schedules.timezone
  app.conf.beat_schedule = schedules.beat_schedule
  and `celery -A proj beat --schedule celerybeat-schedule` with the file of --state

what is written:
  cron       crontab, field by field.  Where either day field suffices here, there are two
             entries, `id` and `id (2)`, which never come due together.  All crontabs of an app have
             one zone: that of --timezone, or else of most crons; others are refused.
  interval   timedelta.  Celery counts it from the last run, which the file of --state holds;
             without --state it is refused, or, with --any-phase, begins when beat starts.

what is refused, by name: seconds, years, ISO weeks, L and W; one-shots, solar and calendar
intervals; start_time, end_time, max_fires; paused schedules; what Celery does otherwise when the
clock is changed; and overlap, jitter and run_retry, which --drop leaves out."""


class CeleryExporter(BeatExporter):
    """Writes for `celery beat` with its own scheduler."""

    summary = "a module with beat_schedule, for Celery beat"
    help = HELP

    @classmethod
    def arguments(cls, parser: Parser) -> None:
        """Add --state."""
        parser.option(
            "state",
            type=Path,
            metavar="FILE",
            help="write beat's file, too: intervals are then counted as they are here",
        )

    def target(self) -> Target:
        """Celery, as it is installed."""
        from z4j_adapters.engines.celery.exporting.beat_file import check_unused
        from z4j_adapters.engines.celery.importing.apps import libraries

        self.zone = OneZone(self.options.timezone)
        if self.options.state:
            check_unused(self.options.state)
        versions = libraries("kombu", "tzdata")
        return Target("celery", versions["celery"], versions)

    def add(self, wanted: Wanted) -> Written:
        """A crontab, or two, or a timedelta."""
        if wanted.kind == "cron":
            return self.written(wanted, self.crontabs(wanted))
        if wanted.kind != "interval":
            raise no_kind(wanted)
        from z4j_adapters.engines.celery.exporting.intervals import ANY_PHASE

        source = timedelta_source(elapsed_period(wanted, self.options.at))
        made = self.written(wanted, {wanted.id: source})
        if self.options.state:
            return made
        if not self.options.any_phase:
            raise NotHeld(
                "Celery counts an interval from the last run, which the module cannot hold",
                "--state FILE writes it into beat's file; --any-phase lets it begin anywhere",
                "R9_PHASE",
            )
        return replace(made, notes=(ANY_PHASE,))

    def write(self, written: Sequence[Written], to: Path) -> None:
        """Write the module, and beat's file."""
        schedule = literal(self.entries(written))
        text = _MODULE.format(zone=zone_source(self.zone.name), schedule=schedule)
        to.write_text(text, encoding="utf-8")
        if self.options.state:
            self._write_state([one.wanted for one in written], run_file(to)["timezone"])

    def _write_state(self, written: Sequence[Wanted], timezone: Any) -> None:
        from z4j_adapters.engines.celery.exporting.beat_file import write_beat_file
        from z4j_adapters.engines.celery.exporting.intervals import last_run_of

        at = self.options.at
        intervals = {
            one.id: (one.task, elapsed_period(one, at), last_run_of(one, at))
            for one in written
            if one.kind == "interval"
        }
        write_beat_file(self.options.state, timezone, intervals)

    def read_back(self, path: Path) -> Iterator[Found | Refused]:
        """Configure an app with the module, and read it as `--from celery` does."""
        from celery import Celery

        from z4j_adapters.engines.celery.importing.static import CeleryImporter

        module = run_file(path)
        app = Celery("z4j_export", set_as_current=False)
        app.conf.timezone = module["timezone"]
        app.conf.beat_schedule = module["beat_schedule"]
        app.conf.result_expires = None  # Else beat has an entry of its own beside these.
        options = Namespace(at=self.options.at, timezone=None, state=self.options.state)
        importer = CeleryImporter(options)
        importer.open(app)
        yield from importer.read()


_MODULE = '''\
"""Schedules for Celery beat, as z4j-scheduler exported them.

    app.conf.timezone = timezone
    app.conf.beat_schedule = beat_schedule

All crontabs are in this zone; their fields must all match.
"""

from datetime import timedelta, timezone as fixed_zone  # noqa: F401

from celery.schedules import crontab  # noqa: F401

timezone = {zone}

beat_schedule = {schedule}
'''
