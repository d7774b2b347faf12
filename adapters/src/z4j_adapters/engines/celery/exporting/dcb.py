"""`--to django-celery-beat`: a fixture for Django's loaddata."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta, timezone
from pathlib import Path
from typing import Any

from z4j_adapters.engines.celery.exporting.beat import no_kind, numbered
from z4j_adapters.transfer.exporting.model import Exporter, NotHeld, Target, Wanted, Written
from z4j_adapters.transfer.exporting.zones import elapsed_period
from z4j_adapters.transfer.model import Found, Refused, SourceError
from z4j_adapters.transfer.values import timestamp

__all__ = ["DjangoCeleryBeatExporter"]

HELP = """\
Write a fixture with rows of django-celery-beat.

examples:
  z4j-scheduler export --to django-celery-beat --output schedules.json
  python manage.py loaddata schedules.json

how it is loaded:
  by the second command, into a project with USE_TZ = True; beat takes the rows up within seconds.
  Load it soon: what comes due between the export and the load runs once, when beat sees it.
  Primary keys are made of the content, from 1,000,000,000 on: loading again changes the same rows,
  and no others.  A row of yours with the same name ends the load, and nothing of it is kept.

what is written:
  cron       crontab in its own zone, as --to celery; equal schedules share a row
  interval   interval, with the last run that makes it go on as here
  one-shot   clocked, one_off
  others     start_time; max_fires 1 as one_off; paused as not enabled; expires as expire_seconds;
             queue; exchange, routing_key, headers and celery_priority of the engine options

what is refused, by name: seconds, years, ISO weeks, L and W; solar and calendar intervals;
end_time, which the row uses as the messages' expiry, too; max_fires above 1; what Celery does
otherwise when the clock is changed; and overlap, jitter and run_retry, which --drop leaves out."""

MICROSECOND = timedelta(microseconds=1)


class DjangoCeleryBeatExporter(Exporter):
    """Writes for django-celery-beat."""

    summary = "a fixture for Django, with rows of django-celery-beat"
    help = HELP
    packages = {  # noqa: RUF012
        "celery": "celery",
        "django": "django",
        "django_celery_beat": "django-celery-beat",
    }
    engine = "celery"

    def target(self) -> Target:
        """django-celery-beat, as it is installed."""
        import django_celery_beat  # noqa: F401  # It must be there.

        from z4j_adapters.engines.celery.importing.apps import libraries

        self._names: set[str] = set()
        self._unnamed: set[str] = set()  # Rows whose calls have no header for their name here.
        versions = libraries("django-celery-beat", "django", "tzdata")
        return Target("django-celery-beat", versions["django-celery-beat"], versions)

    def add(self, wanted: Wanted) -> Written:
        """A row, or two."""
        from z4j_adapters.engines.celery.exporting.dcb_rows import (
            NAME_HEADER,
            crontab_row,
            interval_row,
            name_of,
            task_fields,
        )

        at = self.options.at
        fields = task_fields(wanted, at)
        if wanted.kind == "cron":
            from z4j_adapters.engines.celery.exporting.crontabs import crontabs

            rows = [crontab_row(one, wanted.time_zone) for one in crontabs(wanted, at)]
            fields |= _start(wanted)
        elif wanted.kind == "interval":
            from z4j_adapters.engines.celery.exporting.intervals import last_run_of

            rows = [interval_row(elapsed_period(wanted, at))]
            fields["last_run_at"] = timestamp(last_run_of(wanted, at))
            if wanted.start is not None:
                fields["start_time"] = timestamp(wanted.start)
        elif wanted.kind == "oneShot":
            assert wanted.next_due is not None
            rows = [("clocked", {"clocked_time": timestamp(wanted.next_due)})]
            fields["one_off"] = True
        else:
            raise no_kind(wanted)
        if fields["one_off"] and len(rows) > 1:
            raise NotHeld("it becomes two rows, and each would run once", "restrict one day field")
        names = numbered(self._name(name_of(wanted), len(rows)), len(rows))
        if NAME_HEADER not in (wanted.options.get("headers") or {}):
            self._unnamed.update(names)
        entry = [(name, row, fields) for name, row in zip(names, rows, strict=True)]
        return Written(wanted, tuple(names), entry, " and ".join(_text(*row) for row in rows))

    def _name(self, name: str, rows: int) -> str:
        from z4j_adapters.engines.celery.exporting.dcb_rows import CHARS_MAX

        names = numbered(name, rows)
        if len(names[-1]) > CHARS_MAX or self._names.intersection(names):
            raise NotHeld(
                f"the name {name!r} is longer than {CHARS_MAX} characters, or taken by another one",
                "change the header periodic_task_name of the schedule, which names the row",
            )
        self._names.update(names)
        return name

    def write(self, written: Sequence[Written], to: Path) -> None:
        """Write the fixture."""
        from z4j_adapters.engines.celery.exporting.dcb_rows import fixture

        to.write_text(fixture([row for one in written for row in one.entry]), encoding="utf-8")

    def read_back(self, path: Path) -> Iterator[Found | Refused]:
        """Load it into a database of its own, and read that as `--from django-celery-beat` does."""
        from z4j_adapters.engines.celery.importing.apps import celery_numbers
        from z4j_adapters.engines.celery.importing.dcb_rows import sql_rows
        from z4j_adapters.engines.celery.importing.dcb_task import Surroundings, found_in

        around = Surroundings(
            self.options.at, True, timezone.utc, "UTC", celery_numbers(), deadline_s=None
        )
        with tempfile.TemporaryDirectory() as folder:
            database = Path(folder, "loaded.sqlite3")
            _load(path, database)
            rows = sql_rows(f"sqlite:///{database}", timezone.utc)
        for row in rows:
            for entry in found_in(row, around):
                if isinstance(entry, Found) and row.name in self._unnamed:
                    entry = _without_name(entry)
                yield entry


def _load(path: Path, database: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "z4j_adapters.engines.celery.exporting.django_load", str(database)],
        stdin=path.open("rb"),
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        check=False,
    )
    if done.returncode:
        why = done.stderr.strip().splitlines() or ["it says nothing"]
        raise SourceError("LOAD_FAILED", f"Django cannot load the fixture: {why[-1]}")


def _start(wanted: Wanted) -> dict[str, Any]:
    """A crontab runs at its first slot after start_time, if it seems to have run then."""
    if wanted.start is None:
        return {}
    start = wanted.start - MICROSECOND if wanted.start == wanted.next_due else wanted.start
    return {"start_time": timestamp(start), "last_run_at": timestamp(start)}


def _without_name(entry: Found) -> Found:
    """Every row sends its name as a header; that alone is no difference."""
    from z4j_adapters.engines.celery.exporting.dcb_rows import NAME_HEADER

    schedule = dict(entry.schedule)
    options = dict(schedule.pop("engineOptions", {}))
    headers = json.loads(options.pop("headers", "{}"))
    headers.pop(NAME_HEADER, None)
    if headers:
        options["headers"] = json.dumps(headers)
    if options:
        schedule["engineOptions"] = options
    return replace(entry, schedule=schedule)


def _text(kind: str, values: Any) -> str:
    if kind == "interval":
        return f"every {values['every']} {values['period']}"
    if kind == "clocked":
        return f"clocked {values['clocked_time']}"
    fields = ("minute", "hour", "day_of_month", "month_of_year", "day_of_week", "timezone")
    return "crontab " + " ".join(values[name] for name in fields)
