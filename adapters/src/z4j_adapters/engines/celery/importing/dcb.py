"""`--from django-celery-beat`: the periodic tasks in a Django project's database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from z4j_adapters._options import Parser
from z4j_adapters.transfer.model import Found, Importer, Refused, Source, SourceError
from z4j_adapters.transfer.values import redact
from z4j_adapters.transfer.zones import zone_of

if TYPE_CHECKING:
    from z4j_adapters.engines.celery.importing.dcb_rows import Row
    from z4j_adapters.engines.celery.importing.dcb_task import Surroundings

__all__ = ["DjangoCeleryBeatImporter"]

HELP = """\
Read the periodic tasks of django-celery-beat, through your Django settings or straight from the
database.  Nothing is written.

examples:
  z4j-adapter import --from django-celery-beat --django-settings proj.settings
  z4j-adapter import --from django-celery-beat --database-url postgresql://reader@db/proj
  z4j-adapter import --from django-celery-beat --database-url sqlite:////srv/proj/db.sqlite3

what is read:
  schedule   crontabs in their own zones, intervals, solar, clocked; one_off, start_time, expires,
             enabled, last_run_at, total_run_count
  call       task, args, kwargs, headers, queue, exchange, routing_key, priority, expire_seconds
  zone       with DJANGO_CELERY_BEAT_TZ_AWARE = False, crontabs follow CELERY_TIMEZONE; a database
             does not tell: give --tz-unaware --timezone ZONE

what is refused, by name: rows that beat drops without a word (such as weekday 7), arguments that
are not JSON, periods under a second, rows without a schedule."""


class DjangoCeleryBeatImporter(Importer):
    """Reads a database of django-celery-beat."""

    summary = "the periodic tasks of django-celery-beat"
    help = HELP
    packages = {  # noqa: RUF012
        "celery": "celery",
        "django": "django",
        "django_celery_beat": "django-celery-beat",
        "psycopg": "'psycopg[binary]'",
    }

    @classmethod
    def arguments(cls, parser: Parser) -> None:
        """Add the two ways to the rows, and what a database does not tell."""
        parser.option("django-settings", metavar="MODULE", help="settings that beat runs with")
        parser.option("workdir", type=Path, help="folder to import them from (default: here)")
        parser.option(
            "database-alias",
            default="default",
            metavar="NAME",
            help="which of their DATABASES (default: default)",
        )
        parser.option("database-url", metavar="URL", help="sqlite:///FILE or postgresql://…")
        parser.option(
            "database-timezone",
            default="UTC",
            metavar="ZONE",
            help="of instants that SQLite holds; TIME_ZONE where USE_TZ is off (default: UTC)",
        )
        parser.option(
            "tz-unaware",
            action="store_true",
            help="DJANGO_CELERY_BEAT_TZ_AWARE is False: every crontab follows --timezone",
        )
        parser.option("celery-app", metavar="APP", help="the Celery app (default: the project's)")

    def source(self) -> Source:
        """Read the rows."""
        options = self.options
        if bool(options.django_settings) == bool(options.database_url):
            raise SourceError(
                "WRONG_USAGE",
                "--from django-celery-beat needs one of --django-settings and --database-url",
                "--django-settings proj.settings",
            )
        from z4j_adapters.engines.celery.importing.apps import libraries

        if options.django_settings:
            self._rows, self._around = self._from_django()
            locator = f"{options.django_settings} ({options.database_alias})"
        else:
            self._rows, self._around = self._from_sql()
            locator = redact(options.database_url)
        versions = libraries("django-celery-beat", "django", "ephem", "tzdata")
        version = versions.get("django-celery-beat", "2.9.0")
        return Source("django-celery-beat", version, locator, versions)

    def read(self) -> Iterator[Found | Refused]:
        """Every row, by name."""
        from z4j_adapters.engines.celery.importing.dcb_task import found_in

        for row in self._rows:
            yield from found_in(row, self._around)

    def total(self) -> int | None:
        """How many rows there are."""
        return len(self._rows)

    def _from_django(self) -> tuple[list[Row], Surroundings]:
        from z4j_adapters.engines.celery.importing.dcb_rows import django_rows, start_django

        options = self.options
        settings = start_django(options.django_settings, options.workdir)
        is_aware = getattr(settings, "DJANGO_CELERY_BEAT_TZ_AWARE", True)
        name = str(getattr(settings, "CELERY_TIMEZONE", None) or "UTC")
        return django_rows(options.database_alias), self._surroundings(is_aware, name)

    def _from_sql(self) -> tuple[list[Row], Surroundings]:
        from z4j_adapters.engines.celery.importing.dcb_rows import sql_rows

        options = self.options
        if options.tz_unaware and not options.timezone:
            raise SourceError(
                "R4_UNKNOWN_ZONE",
                "--tz-unaware: the database does not tell the zone of its crontabs",
                "give --timezone, as CELERY_TIMEZONE has it",
            )
        try:
            naive_zone = zone_of(options.database_timezone)
        except ValueError as error:
            raise SourceError("WRONG_USAGE", f"--database-timezone {error}") from None
        rows = sql_rows(options.database_url, naive_zone)
        return rows, self._surroundings(not options.tz_unaware, options.timezone or "UTC")

    def _surroundings(self, is_aware: bool, zone_name: str) -> Surroundings:
        from z4j_adapters.engines.celery.importing.apps import (
            celery_numbers,
            load_app,
            zone_of_app,
        )
        from z4j_adapters.engines.celery.importing.dcb_task import Surroundings

        deadline: Any = None
        if self.options.celery_app:
            app = load_app(self.options.celery_app, self.options.workdir)
            zone, zone_name = zone_of_app(app, self.options)
            deadline = app.conf.beat_cron_starting_deadline
        else:
            zone = zone_of(zone_name)
        return Surroundings(self.options.at, is_aware, zone, zone_name, celery_numbers(), deadline)
