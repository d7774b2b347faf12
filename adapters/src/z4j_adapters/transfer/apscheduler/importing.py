"""`--from apscheduler`."""

from __future__ import annotations

import platform
from collections.abc import Iterator, Mapping
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import ClassVar

from z4j_adapters._options import Parser
from z4j_adapters.transfer.apscheduler.jobs import entries
from z4j_adapters.transfer.apscheduler.stores import Row, export_rows, redis_rows, sql_rows
from z4j_adapters.transfer.apscheduler.terms import Library
from z4j_adapters.transfer.apscheduler.triggers import Unreadable
from z4j_adapters.transfer.apscheduler.version3 import library_3
from z4j_adapters.transfer.apscheduler.version4 import library_4, rows_4
from z4j_adapters.transfer.databases import open_database, quoted
from z4j_adapters.transfer.model import Found, Importer, Refused, Source, SourceError
from z4j_adapters.transfer.values import redact

__all__ = ["ApschedulerImporter", "apscheduler_version"]

HELP = """\
Read the jobs of a store of APScheduler 3, or the schedules of an SQL store of version 4.  It is
read raw and read-only: nothing of your code is imported, no job is moved or removed, and a pickle
cannot run anything.

examples:
  # SQLAlchemyJobStore, in SQLite or PostgreSQL
  z4j-adapter import --from apscheduler --jobstore-url sqlite:///jobs.sqlite --engine celery
  z4j-adapter import --from apscheduler --jobstore-url postgresql://shop@db/shop --engine rq

  # RedisJobStore
  z4j-adapter import --from apscheduler --jobstore-url redis://localhost:6379/0 --engine rq

  # a scheduler with other stores: scheduler.export_jobs("jobs.json"), version 3.11
  z4j-adapter import --from apscheduler --export jobs.json --engine dramatiq

--engine says whose workers run the tasks.  A job that sends one, such as shop.tasks:clean.delay or
shop.actors:clean.send, becomes that task; any other function shop.jobs:clean becomes the task that
the engine knows by that name.

what becomes of it:
  CronTrigger              cron, field by field, in its zone
  IntervalTrigger          interval, from its next run on; periods under 1 s are refused
  DateTrigger              one shot
  CalendarIntervalTrigger  calendar interval
  OrTrigger                of cron and date triggers: several schedules; others are refused
  AndTrigger               refused, as are triggers of your own
  misfire_grace_time, coalesce, max_instances   catch-up window, catch-up policy, overlap
  paused jobs              paused schedules

Of version 4 the serializers pickle, CBOR and JSON are read; triggers that combine others are
refused.

APScheduler must be installed where this runs, in the version that wrote the store: its own triggers
say when jobs run, and where they leave their rules around a change of the clocks."""


class ApschedulerImporter(Importer):
    """Jobs of a store."""

    summary: ClassVar[str] = "APScheduler 3 and 4: job stores in SQL or Redis, and the JSON export"
    help: ClassVar[str] = HELP
    packages: ClassVar[Mapping[str, str]] = {
        "apscheduler": "APScheduler",
        "redis": "redis",
        "psycopg": "'psycopg[binary]'",
        "cbor2": "cbor2",
    }

    @classmethod
    def arguments(cls, parser: Parser) -> None:
        parser.option(
            "jobstore-url",
            metavar="URL",
            help="sqlite:///FILE, postgresql://… or redis://…, as SQLAlchemy and redis write them",
        )
        parser.option(
            "jobstore-table",
            metavar="NAME",
            default="apscheduler_jobs",
            help="table of an SQL store, or SCHEMA.TABLE (default: apscheduler_jobs)",
        )
        parser.option(
            "jobstore-key",
            metavar="KEY",
            default="apscheduler.jobs",
            help="jobs_key of a Redis store (default: apscheduler.jobs)",
        )
        parser.option(
            "export", type=Path, metavar="FILE", help="JSON file of scheduler.export_jobs instead"
        )

    def source(self) -> Source:
        options = self.options
        if bool(options.jobstore_url) == bool(options.export):
            raise SourceError(
                "WRONG_USAGE", "give one of --jobstore-url and --export",
                "z4j-adapter import --from apscheduler --help",
            )  # fmt: skip
        installed = apscheduler_version()
        stored = self._major = "3"
        if options.export:
            locator = str(options.export)
            stored, self._rows = export_rows(options.export)
        else:
            locator = redact(options.jobstore_url)
            self._rows = self._open(options.jobstore_url)
        if installed.partition(".")[0] != self._major:
            raise SourceError(
                "WRONG_VERSION",
                f"the store is of APScheduler {self._major}, and {installed} is installed here",
                "run this with the Python of the project that writes the store",
            )
        make = library_3 if self._major == "3" else library_4
        self._library: Library = make(installed)
        libraries = {"apscheduler": installed, "python": platform.python_version()}
        if stored not in ("3", installed):
            libraries["apscheduler (export)"] = stored
        return Source("apscheduler", installed, locator, libraries, ends=self._library.ends)

    def _open(self, url: str) -> Iterator[Row]:
        if url.startswith(("redis://", "rediss://", "unix://")):
            return redis_rows(url, self.options.jobstore_key)
        table = self.options.jobstore_table
        quoted(table)
        database = open_database(url)
        schema = table.rpartition(".")[0]
        four = database.columns(f"{schema}.schedules" if schema else "schedules")
        if {"task_id", "trigger", "next_fire_time"} <= four and not database.columns(table):
            self._major = "4"
            return rows_4(database, schema)
        if not {"id", "next_run_time", "job_state"} <= database.columns(table):
            raise SourceError(
                "NO_SOURCE",
                f"{redact(url)} has no table {table} with jobs of APScheduler 3, nor those of 4",
                "name the store's table with --jobstore-table",
            )
        return sql_rows(database, table)

    def read(self) -> Iterator[Found | Refused]:
        for key, job in self._rows:
            if isinstance(job, Unreadable):
                yield Refused(key, job.code, job.reason, job.remedy, key)
            else:
                job = replace(job, id=key)
                yield from entries(job, self._library, self.options.at, self.options.engine)


def apscheduler_version() -> str:
    """The version that is installed.

    Raises:
        ModuleNotFoundError: None is.
    """
    try:
        return version("apscheduler")
    except PackageNotFoundError:
        raise ModuleNotFoundError("No module named 'apscheduler'", name="apscheduler") from None
