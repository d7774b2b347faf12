"""The rows of django-celery-beat, through Django or straight from the database."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Any

from z4j_adapters.transfer.databases import open_database
from z4j_adapters.transfer.isolate import foreign
from z4j_adapters.transfer.model import SourceError

__all__ = ["Row", "django_rows", "sql_rows", "start_django"]


@dataclass(frozen=True, slots=True)
class Row:
    """A PeriodicTask with its schedules; instants are aware."""

    name: str
    task: str
    args: str | None
    kwargs: str | None
    queue: str | None
    exchange: str | None
    routing_key: str | None
    headers: str | None
    priority: int | None
    expires: datetime | None
    expire_seconds: int | None
    one_off: bool
    start_time: datetime | None
    enabled: bool
    last_run_at: datetime | None
    total_run_count: int
    date_changed: datetime | None
    description: str | None
    minute: str | None
    hour: str | None
    day_of_week: str | None
    day_of_month: str | None
    month_of_year: str | None
    timezone: str | None
    every: int | None
    period: str | None
    event: str | None
    latitude: Any
    longitude: Any
    clocked_time: datetime | None

    def text(self) -> str:
        """What is set in it, for people."""
        values = {name: value for name, value in asdict(self).items() if value not in (None, "")}
        return json.dumps(values, default=str, ensure_ascii=False)


# Table → columns of Row; the other tables are joined by their keys in the first one.
_TASK = "django_celery_beat_periodictask"
_JOINED = {
    "crontab": (
        "django_celery_beat_crontabschedule",
        ("minute", "hour", "day_of_week", "day_of_month", "month_of_year", "timezone"),
    ),
    "interval": ("django_celery_beat_intervalschedule", ("every", "period")),
    "solar": ("django_celery_beat_solarschedule", ("event", "latitude", "longitude")),
    "clocked": ("django_celery_beat_clockedschedule", ("clocked_time",)),
}
_FIELDS = tuple(Row.__dataclass_fields__)
_OWN = _FIELDS[: _FIELDS.index("minute")]
_INSTANTS = ("expires", "start_time", "last_run_at", "date_changed", "clocked_time")


def start_django(settings: str, workdir: Path | None) -> Any:
    """Set Django up; returns its settings.

    Raises:
        SourceError: The settings or an app of theirs cannot be loaded.
        ImportError: Django is missing.
    """
    import django
    from django.conf import settings as conf

    folder = workdir or Path.cwd()

    def setup() -> Any:
        sys.path.insert(0, str(folder))
        os.environ["DJANGO_SETTINGS_MODULE"] = settings
        django.setup()
        if "django_celery_beat" not in conf.INSTALLED_APPS:
            raise SourceError(
                "NO_SOURCE",
                f"django_celery_beat is not among INSTALLED_APPS of {settings}",
                "name the settings that beat runs with",
            )
        return conf

    return foreign(
        f"--django-settings {settings}, imported from {folder}",
        setup,
        remedy="give the settings as DJANGO_SETTINGS_MODULE has them, and --workdir if they are "
        "not found from here; the environment needs what the project needs",
    )


def django_rows(alias: str) -> list[Row]:
    """All rows, read through the models."""
    from django.conf import settings
    from django.db import Error
    from django.utils.timezone import get_default_timezone
    from django_celery_beat.models import PeriodicTask

    joined = [f"{key}__{column}" for key, (_, columns) in _JOINED.items() for column in columns]
    query = PeriodicTask.objects.using(alias).order_by("name").values_list(*_OWN, *joined)
    try:
        found = list(query.iterator())
    except Error as error:
        raise SourceError(
            "NO_SOURCE",
            f"the database {alias!r} of the settings: {str(error).strip()}",
            "check that it is the one that beat uses, and that it is migrated",
        ) from None
    naive_zone = None if settings.USE_TZ else get_default_timezone()
    return [_row(values, naive_zone) for values in found]


def sql_rows(url: str, naive_zone: tzinfo) -> list[Row]:
    """All rows, read by SQL; `naive_zone` is that of instants without one.

    Raises:
        SourceError: The database cannot be read, or is not django-celery-beat's.
        ImportError: psycopg is missing.
    """
    database = open_database(url)
    try:
        columns = database.columns(_TASK)
        if not columns:
            raise SourceError(
                "NO_SOURCE",
                f"the database has no table {_TASK}",
                "name the database that beat uses, migrated",
            )
        selected = [f"t.{name}" if name in columns else "NULL" for name in _OWN]
        joins = []
        for key, (table, names) in _JOINED.items():
            there = database.columns(table) if f"{key}_id" in columns else set()
            selected += [f"{key}.{name}" if name in there else "NULL" for name in names]
            if there:
                joins.append(f"LEFT JOIN {table} {key} ON {key}.id = t.{key}_id")
        query = f"SELECT {', '.join(selected)} FROM {_TASK} t {' '.join(joins)} ORDER BY t.name"
        return list(_rows(database.rows(query), naive_zone))
    finally:
        database.close()


def _rows(found: Iterator[tuple[Any, ...]], naive_zone: tzinfo) -> Iterator[Row]:
    for values in found:
        yield _row(values, naive_zone)


def _row(values: tuple[Any, ...], naive_zone: tzinfo | None) -> Row:
    made = dict(zip(_FIELDS, values, strict=True))
    for name in _INSTANTS:
        made[name] = _instant(made[name], naive_zone)
    if made["timezone"] is not None:
        made["timezone"] = str(made["timezone"])
    made["one_off"] = bool(made["one_off"])
    made["enabled"] = bool(made["enabled"])
    made["total_run_count"] = made["total_run_count"] or 0
    return Row(**made)


def _instant(value: Any, naive_zone: tzinfo | None) -> datetime | None:
    """SQLite has texts; a naive instant is that zone's."""
    if value is None:
        return None
    at = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    return at if at.tzinfo is not None else at.replace(tzinfo=naive_zone)
