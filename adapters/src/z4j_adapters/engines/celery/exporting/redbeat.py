"""`--to redbeat`: a Python module that saves entries of celery-redbeat."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from z4j_adapters.engines.celery.exporting.beat import BeatExporter, no_kind
from z4j_adapters.engines.celery.exporting.sources import (
    datetime_source,
    timedelta_source,
    zone_source,
)
from z4j_adapters.transfer.exporting.model import NotHeld, Target, Wanted, Written
from z4j_adapters.transfer.exporting.python import Source, literal, run_file
from z4j_adapters.transfer.exporting.zones import OneZone, elapsed_period
from z4j_adapters.transfer.model import Found, Refused

__all__ = ["RedBeatExporter"]

HELP = """\
Write a Python module that saves the schedules as entries of RedBeat.

examples:
  z4j-scheduler export --to redbeat --output schedules.py
  python schedules.py redis://localhost:6379/1

how it is loaded:
  The second command writes the entries into that Redis; `from schedules import add_to; add_to(app)`
  does so with the settings of your app (a key prefix, TLS, Sentinel).  The same entry saved again
  is replaced and keeps its last run.  The app's timezone must be that of the module.

what is written:
  cron       crontab, as --to celery
  interval   schedule, with the last run that makes it go on as here
  one-shot, and an interval with start_time, end_time or max_fires
             rrule, in UTC
  paused     enabled=False

what is refused, by name: what --to celery refuses, but for these; instants with a part of a second
and short periods in an rrule."""

RRULE_PERIOD_MIN = timedelta(minutes=1)
SECOND = timedelta(seconds=1)


class RedBeatExporter(BeatExporter):
    """Writes for celery-redbeat."""

    summary = "a module that saves entries of celery-redbeat"
    help = HELP
    packages = {"celery": "celery", "redbeat": "celery-redbeat"}  # noqa: RUF012

    def target(self) -> Target:
        """RedBeat, as it is installed."""
        import redbeat  # noqa: F401  # It must be there.

        from z4j_adapters.engines.celery.importing.apps import libraries

        self.zone = OneZone(self.options.timezone)
        versions = libraries("celery-redbeat", "redis", "python-dateutil", "tzdata")
        return Target("redbeat", versions["celery-redbeat"], versions)

    def add(self, wanted: Wanted) -> Written:
        """A crontab, or two, an interval, or an rrule."""
        more: dict[str, Any] = {"enabled": False} if wanted.is_paused else {}
        if wanted.kind == "cron":
            return self.written(wanted, self.crontabs(wanted), **more)
        if wanted.kind == "oneShot":
            schedule = _rule(wanted, SECOND, count=1)
            more["last_run_at"] = _instant(wanted, SECOND)  # If it is past, it is due.
        elif wanted.kind == "interval":
            period = elapsed_period(wanted, self.options.at)
            more["last_run_at"] = _instant(wanted, period)
            schedule = _interval(wanted, period)
        else:
            raise no_kind(wanted)
        return self.written(wanted, {wanted.id: schedule}, **more)

    def write(self, written: Sequence[Written], to: Path) -> None:
        """Write the module."""
        text = _MODULE.format(
            zone=zone_source(self.zone.name),
            zone_name=self.zone.name,
            entries=literal(self.entries(written)),
        )
        to.write_text(text, encoding="utf-8")

    def read_back(self, path: Path) -> Iterator[Found | Refused]:
        """Save all with RedBeat's own code, into memory, and read it as `--from redbeat` does."""
        from celery import Celery

        from z4j_adapters.engines.celery.importing.redbeat import RedBeatImporter

        module = run_file(path)
        app = Celery("z4j_export", broker="memory://", set_as_current=False)
        app.conf.timezone = module["timezone"]
        app.conf.redbeat_redis_url = "redis://"
        saved = _Saved()
        app.redbeat_redis = saved  # Where RedBeat keeps its connection.
        module["add_to"](app, self.options.at)
        importer = RedBeatImporter(
            Namespace(at=self.options.at, timezone=None, redbeat_prefix=None)
        )
        importer.open(app)
        for key, fields in saved.hashes.items():
            yield from importer.entry(key, fields["definition"], fields["meta"])


class _Saved:
    """What RedBeat saves, instead of a Redis: the commands of one `save`."""

    def __init__(self) -> None:
        self.hashes: dict[str, dict[str, str]] = {}

    def pipeline(self) -> _Saved:
        return self

    def __enter__(self) -> _Saved:
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def hset(self, key: str, field: str, value: str) -> None:
        self.hashes.setdefault(key, {})[field] = value

    def hsetnx(self, key: str, field: str, value: str) -> None:
        self.hashes.setdefault(key, {}).setdefault(field, value)

    def zadd(self, key: str, scores: dict[str, float]) -> None:
        """Tells nothing that `meta` does not."""

    def execute(self) -> None:
        pass


def _interval(wanted: Wanted, period: timedelta) -> str:
    if not (wanted.start or wanted.end or wanted.fires_left):
        return f"schedule({timedelta_source(period)})"
    if period < RRULE_PERIOD_MIN or period % SECOND:
        raise NotHeld(
            "only an rrule has a start and an end there, and RedBeat walks through it from its "
            "start at every check: its period must be of whole seconds, and a minute or more",
            "clear start_time, end_time and max_fires first",
        )
    if wanted.end is not None and wanted.fires_left:
        raise NotHeld("an rrule has an end or a number of runs", "clear one of the two first")
    return _rule(wanted, period, count=wanted.fires_left)


def _rule(wanted: Wanted, period: timedelta, count: int) -> str:
    assert wanted.next_due is not None
    if wanted.next_due.microsecond:
        raise NotHeld(
            f"it comes due at {wanted.next_due.isoformat()}, and an rrule has whole seconds there",
            "choose a whole second",
        )
    parts = [f"dtstart={datetime_source(wanted.next_due)}", f"interval={period // SECOND}"]
    if count:
        parts.append(f"count={count}")
    elif wanted.end is not None:
        parts.append(f"until={datetime_source(wanted.end.replace(microsecond=0))}")
    return f"rrule('SECONDLY', {', '.join(parts)})"


def _instant(wanted: Wanted, before: timedelta) -> Source:
    assert wanted.next_due is not None
    return Source(datetime_source(wanted.next_due - before))


_MODULE = '''\
"""Schedules for RedBeat, as z4j-scheduler exported them.

    python THIS_FILE redis://localhost:6379/1

saves them in that Redis; add_to(app) does so with the settings of your app.
"""

import sys
from datetime import datetime, timedelta, timezone as fixed_zone

from celery import Celery
from celery.schedules import crontab, schedule  # noqa: F401
from redbeat import RedBeatSchedulerEntry
from redbeat.schedules import rrule  # noqa: F401

timezone = {zone}  # Of all crontabs.

entries = {entries}


def add_to(app, now=None):
    """Save all of them; those that are there already keep their last run."""
    if str(app.timezone) != {zone_name!r}:
        raise SystemExit(f"the app's timezone is {{app.timezone}}, and these are for {zone_name}")
    now = now or datetime.now(fixed_zone.utc)
    for name, fields in entries.items():
        fields = dict(fields)
        last_run = fields.pop("last_run_at", now)
        entry = RedBeatSchedulerEntry(name, app=app, **fields)
        period = getattr(entry.schedule, "run_every", None)
        if period and last_run < now:  # The last of its times before now.
            last_run += (now - last_run) // period * period
        entry.last_run_at = last_run
        entry.save()


if __name__ == "__main__":
    app = Celery(broker=sys.argv[1])
    app.conf.redbeat_redis_url = sys.argv[1]
    app.conf.timezone = timezone
    add_to(app)
    print(f"saved {{len(entries)}} entries in {{sys.argv[1]}}")
'''
