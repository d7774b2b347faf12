"""`--to celery`: a Python module with `beat_schedule` and `timezone`."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from datetime import timezone as fixed_zone
from pathlib import Path
from typing import Any

from z4j_adapters._options import Parser
from z4j_adapters.transfer.exporting.model import Exporter, NotHeld, Target, Wanted, Written
from z4j_adapters.transfer.exporting.python import Source, literal, run_file
from z4j_adapters.transfer.model import Found, Refused
from z4j_adapters.transfer.zones import zone_of

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
             one zone: that of --timezone, or else of the first cron; others are refused.
  interval   timedelta.  Celery counts it from the last run, which the file of --state holds;
             without --state it is refused, or, with --any-phase, begins when beat starts.

what is refused, by name: seconds, years, ISO weeks, L and W; one-shots, solar and calendar
intervals; start_time, end_time, max_fires; paused schedules; what Celery does otherwise when the
clock is changed; and overlap, jitter and run_retry, which --drop leaves out."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What a schedule becomes."""

    schedules: dict[str, str]
    """Key → source of its `schedule`."""
    call: dict[str, Any]
    interval: tuple[str, timedelta, datetime] | None = None
    """Task, period and last run, if they are to be remembered."""


class CeleryExporter(Exporter):
    """Writes for `celery beat` with its own scheduler."""

    summary = "a module with beat_schedule, for Celery beat"
    help = HELP
    packages = {"celery": "celery"}  # noqa: RUF012
    engine = "celery"

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

        if self.options.state:
            check_unused(self.options.state)
        self._zone: str | None = self.options.timezone
        versions = libraries("kombu", "tzdata")
        return Target("celery", versions["celery"], versions)

    def add(self, wanted: Wanted) -> Written:
        """A crontab, or two, or a timedelta."""
        from z4j_adapters.engines.celery.exporting.calls import check_call, options_of

        check_call(wanted)
        call: dict[str, Any] = {"task": wanted.task}
        fields = {"args": wanted.args, "kwargs": wanted.kwargs, "options": options_of(wanted)}
        call |= {name: value for name, value in fields.items() if value}
        if wanted.kind == "cron":
            return self._crontabs(wanted, call)
        if wanted.kind == "interval":
            return self._interval(wanted, call)
        raise no_kind(wanted)

    def _crontabs(self, wanted: Wanted, call: dict[str, Any]) -> Written:
        from z4j_adapters.engines.celery.exporting.crontabs import crontabs

        if self._zone not in (None, wanted.time_zone):
            raise NotHeld(
                f"it is in {wanted.time_zone}, and all crontabs of the app are in {self._zone}",
                f"export it for an app of its own, with --timezone {wanted.time_zone}",
                "R9_ZONE",
            )
        found = [str(one) for one in crontabs(wanted, self.options.at)]
        self._zone = wanted.time_zone
        keys = [wanted.id if n == 1 else f"{wanted.id} ({n})" for n in range(1, len(found) + 1)]
        entry = Entry(dict(zip(keys, found, strict=True)), call)
        return Written(wanted, tuple(keys), entry, " and ".join(found))

    def _interval(self, wanted: Wanted, call: dict[str, Any]) -> Written:
        from z4j_adapters.engines.celery.exporting.intervals import (
            ANY_PHASE,
            last_run_of,
            period_of,
        )

        period = period_of(wanted, self.options.at)
        text = timedelta_source(period)
        schedules = {wanted.id: text}
        if self.options.state:
            last_run = last_run_of(wanted, self.options.at)
            entry = Entry(schedules, call, (wanted.task, period, last_run))
            return Written(wanted, (wanted.id,), entry, text)
        if not self.options.any_phase:
            raise NotHeld(
                "Celery counts an interval from the last run, which the module cannot hold",
                "--state FILE writes it into beat's file; --any-phase lets it begin anywhere",
                "R9_PHASE",
            )
        return Written(wanted, (wanted.id,), Entry(schedules, call), text, (ANY_PHASE,))

    def write(self, written: Sequence[Written], to: Path) -> None:
        """Write the module, and beat's file."""
        from z4j_adapters.engines.celery.exporting.beat_file import write_beat_file

        schedule = {
            key: {"task": one.entry.call["task"], "schedule": Source(source), **one.entry.call}
            for one in written
            for key, source in one.entry.schedules.items()
        }
        to.write_text(module_text(self._zone or "UTC", schedule), encoding="utf-8")
        if self.options.state:
            intervals = {one.wanted.id: one.entry.interval for one in written if one.entry.interval}
            write_beat_file(self.options.state, run_file(to)["timezone"], intervals)

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


def no_kind(wanted: Wanted) -> NotHeld:
    """The refusal of a kind of schedule that beat cannot tell the due times of."""
    if wanted.kind == "solar":
        return NotHeld(
            "Celery computes the sun otherwise: its instants differ by seconds",
            "write solar(event, latitude, longitude) by hand, if seconds do not matter",
            "R11_SOLAR",
        )
    if wanted.kind == "oneShot":
        return NotHeld(
            "beat has nothing that runs once",
            "apply_async(eta=…) sends it now; --to django-celery-beat and --to redbeat hold it",
        )
    return NotHeld("beat has no calendar intervals", "write it as a cron, if it is one")


def timedelta_source(span: timedelta) -> str:
    """A timedelta as people write it: "timedelta(hours=2)"."""
    for unit, size in (("days", 86_400), ("hours", 3600), ("minutes", 60)):
        if span % timedelta(seconds=size) == timedelta(0):
            return f"timedelta({unit}={span // timedelta(seconds=size)})"
    seconds, rest = divmod(span, timedelta(seconds=1))
    micros = rest // timedelta(microseconds=1)
    parts = [f"{name}={n}" for name, n in (("seconds", seconds), ("microseconds", micros)) if n]
    return f"timedelta({', '.join(parts)})"


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


def module_text(zone: str, schedule: dict[str, Any]) -> str:
    """The module as a person would write it."""
    return _MODULE.format(zone=zone_source(zone), schedule=literal(schedule))


def zone_source(zone: str) -> str:
    """Source of the setting `timezone`: a name, or a zone of fixed offset."""
    found = zone_of(zone)
    if not isinstance(found, fixed_zone):
        return repr(zone)
    return f"fixed_zone(timedelta(minutes={found.utcoffset(None) // timedelta(minutes=1)}))"
