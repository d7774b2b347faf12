"""A Django project with django-celery-beat and a SQLite database of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace
from typing import Any
from unittest import mock

from django.core.management import call_command
from transfer import django_project
from z4j_adapters.transfer.values import micros

UTC = timezone.utc


def start_project() -> str:
    """Set Django up in this process, once; returns the database's URL."""
    path = django_project.set_up()
    if not path.exists():
        call_command("migrate", verbosity=0)
    return f"sqlite:///{path}"


def add(name: str, *, date_changed: datetime | None = None, **fields: Any) -> Any:
    """A periodic task; `crontab`, `interval`, `solar` and `clocked` are dicts of their fields."""
    from django_celery_beat import models

    kinds = {
        "crontab": models.CrontabSchedule,
        "interval": models.IntervalSchedule,
        "solar": models.SolarSchedule,
        "clocked": models.ClockedSchedule,
    }
    for kind, model in kinds.items():
        if kind in fields:
            fields[kind] = model.objects.create(**fields[kind])
    task = models.PeriodicTask(name=name, **{"task": "t", **fields})
    models.PeriodicTask.objects.bulk_create([task])  # As it is: no checks, no dates of its own.
    if date_changed is not None:
        models.PeriodicTask.objects.filter(name=name).update(date_changed=date_changed)
    return models.PeriodicTask.objects.get(name=name)


def clear() -> None:
    """Remove all rows, without a signal for each."""
    from django_celery_beat import models

    for model in (
        models.PeriodicTask,
        models.CrontabSchedule,
        models.IntervalSchedule,
        models.SolarSchedule,
        models.ClockedSchedule,
    ):
        model.objects.all()._raw_delete("default")


def run_beat(task: Any, app: Any, at: datetime, most: int) -> list[int]:
    """What django-celery-beat's own scheduler entry runs after `at`, if beat starts then."""
    from django_celery_beat.schedulers import ModelEntry
    from django_celery_beat.utils import NEVER_CHECK_TIMEOUT

    now = at
    found: list[int] = []
    with simulated(lambda: now), mock.patch.object(type(task), "save"):
        entry = ModelEntry(task, app=app)
        entry.schedule.app = app
        while len(found) < most and now.year < 2200:
            is_due, wait = entry.is_due()
            if is_due:
                if now > at:
                    found.append(micros(now))
                entry = next(entry)
                entry.schedule.app = app
                is_due, wait = entry.is_due()
                assert not is_due
            if wait == NEVER_CHECK_TIMEOUT or not entry.model.enabled:
                break
            now += timedelta(seconds=wait)
    return found


@contextmanager
def simulated(now: Callable[[], datetime]) -> Iterator[None]:
    """Let everything in django-celery-beat that asks for the time get `now`."""
    from django_celery_beat import clockedschedule, models, schedulers, tzcrontab

    class Simulated(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return now().astimezone(tz)

    module = SimpleNamespace(datetime=Simulated, timedelta=timedelta)  # As it is used there.
    with (
        mock.patch.object(tzcrontab, "datetime", Simulated),
        mock.patch.object(schedulers, "datetime", module),
        mock.patch.object(schedulers, "aware_now", now, create=True),
        mock.patch.object(schedulers, "now", now),
        mock.patch.object(models, "now", now),
        mock.patch.object(clockedschedule.clocked, "now", lambda self: now()),
    ):
        yield
