"""`--to dramatiq-crontab`: a Python module that gives actors the jobs of dramatiq-crontab."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any

from z4j_adapters.engines.dramatiq.exporting.actors import Actors, stub_broker
from z4j_adapters.transfer.cron_fields import field_text
from z4j_adapters.transfer.exporting.days import Days, days_of
from z4j_adapters.transfer.exporting.limits import (
    any_phase,
    cron_of,
    keys_of,
    same_periods,
)
from z4j_adapters.transfer.exporting.model import Cron, Exporter, NotHeld, Target, Wanted, Written
from z4j_adapters.transfer.exporting.python import literal, run_file
from z4j_adapters.transfer.exporting.zones import OneZone, elapsed_period, is_offset
from z4j_adapters.transfer.model import Found, Refused

__all__ = ["CrontabExporter"]

HELP = """\
Write a Python module whose install(broker) gives actors of Dramatiq the jobs of
dramatiq-crontab, in a Django project.

examples:
  z4j-scheduler export --to dramatiq-crontab --output schedules.py --timezone Europe/Berlin
  z4j-scheduler export --to dramatiq-crontab --output schedules.py --any-phase

how it is loaded, at the end of a module of tasks that `manage.py crontab` imports:
  import schedules
  schedules.install(dramatiq.get_broker())

what is written:
  cron       five fields, all of which must match, with names of weekdays.  Where either day
             field suffices here, there are two jobs, which never come due together.
  interval   seconds.  dramatiq-crontab counts from the start of its scheduler; so it is refused,
             or, with --any-phase, written with its period alone.
Crons have one zone, TIME_ZONE of Django's settings: that of --timezone, or else of most crons;
those of other zones are refused.

what is refused, by name: arguments; seconds, years, ISO weeks, L and W; one-shots, solar and
calendar intervals; start_time, end_time, max_fires, expires; paused schedules; times that a
change of the clock leaves out or repeats, where APScheduler does otherwise than run them as much
later as the clock went forward, and twice; and priority, overlap, jitter and run_retry, which
--drop leaves out."""

_NAMES = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")


class CrontabExporter(Exporter):
    """See Exporter."""

    summary = "a module that gives Dramatiq's actors jobs of dramatiq-crontab"
    help = HELP
    packages = {  # noqa: RUF012
        "dramatiq": "dramatiq",
        "dramatiq_crontab": "dramatiq-crontab",
        "django": "django",
        "apscheduler": "APScheduler",
    }
    engine = "dramatiq"
    zone: OneZone

    def target(self) -> Target:
        import django  # noqa: F401

        self.zone = OneZone(self.options.timezone, offsets=False)
        self._actors = Actors()
        self._periods: dict[str, timedelta] = {}
        self._keys: list[str] = []
        names = ("dramatiq", "dramatiq-crontab", "APScheduler")
        versions = {name: version(name) for name in names}
        return Target("dramatiq-crontab", versions["dramatiq-crontab"], versions)

    def add(self, wanted: Wanted) -> Written:
        self._actors.check(wanted, "dramatiq-crontab")
        if wanted.kind == "interval":
            period = elapsed_period(wanted, self.options.at)
            note = any_phase(self.options, "dramatiq-crontab")
            self._periods[wanted.id] = period
            seconds = period.total_seconds()
            entry = [{**self._actors.add(wanted), "seconds": seconds}]
            return Written(wanted, (wanted.id,), entry, f"interval(seconds={seconds})", (note,))
        cron = cron_of(wanted, "dramatiq-crontab")
        if is_offset(wanted.time_zone):
            raise NotHeld(
                f"Django's settings have no zone {wanted.time_zone}",
                "use a zone by name, such as Asia/Kolkata",
                "R9_ZONE",
            )
        texts = [_text(cron, part) for part in days_of(cron)]
        self.zone.check(wanted, self.options.at)
        actor = self._actors.add(wanted)
        entry = [{**actor, "cron": text} for text in texts]
        becomes = " and ".join(f"cron({text!r})" for text in texts)
        return Written(wanted, keys_of(wanted, len(texts)), entry, becomes)

    def write(self, written: Sequence[Written], to: Path) -> None:
        self._keys = [key for each in written for key in each.keys]
        schedules = [one for each in written for one in each.entry]
        text = _MODULE.format(zone=self.zone.name, schedules=literal(schedules))
        to.write_text(text, encoding="utf-8")

    def read_back(self, path: Path) -> Iterator[Found | Refused]:
        from z4j_adapters.engines.dramatiq.importing.crontab import crontab_entry

        with _django_in(self.zone.name), _own_scheduler() as scheduler:
            module = run_file(path)
            with stub_broker(module["SCHEDULES"]) as broker:
                module["install"](broker)
                for key, job in zip(self._keys, scheduler.get_jobs(), strict=True):
                    entries = crontab_entry(key, job, self.options.at)
                    yield from same_periods(entries, self._periods)


@contextmanager
def _django_in(zone: str) -> Iterator[None]:
    """Let TIME_ZONE of Django's settings be that zone; without a project there are none."""
    from django.conf import settings
    from django.utils import timezone

    if not settings.configured:
        settings.configure()
    before = settings.TIME_ZONE
    settings.TIME_ZONE = zone
    timezone.get_default_timezone.cache_clear()
    try:
        yield
    finally:
        settings.TIME_ZONE = before
        timezone.get_default_timezone.cache_clear()


@contextmanager
def _own_scheduler() -> Iterator[Any]:
    """A scheduler of dramatiq-crontab that is not the one of this process."""
    import dramatiq_crontab

    before = dramatiq_crontab.scheduler
    dramatiq_crontab.scheduler = type(before)()
    try:
        yield dramatiq_crontab.scheduler
    finally:
        dramatiq_crontab.scheduler = before


def _text(cron: Cron, part: Days) -> str:
    weekdays = ",".join(_NAMES[day] for day in sorted(part.weekdays))
    return " ".join(
        (
            field_text("minute", cron.minutes),
            field_text("hour", cron.hours),
            field_text("dayOfMonth", part.days),
            field_text("month", cron.months),
            "*" if len(part.weekdays) == 7 else weekdays,
        )
    )


_MODULE = '''\
"""Jobs for dramatiq-crontab, as z4j-scheduler exported them.

    import schedules
    schedules.install(dramatiq.get_broker())

All fields of a cron must match; times are those of {zone}, which is to be Django's TIME_ZONE.
"""

from django.utils import timezone
from dramatiq_crontab import cron, interval

ZONE = {zone!r}

SCHEDULES = {schedules}

_installed = []


def install(broker):
    """Give the actors of a broker their jobs; once is enough."""
    if timezone.get_default_timezone_name() != ZONE:
        raise ValueError(f"TIME_ZONE of Django's settings is not {{ZONE}}")
    for each in SCHEDULES[len(_installed) :]:
        actor = broker.get_actor(each["actor"])
        if actor.queue_name != each.get("queue", actor.queue_name):
            raise ValueError(f"{{actor.actor_name}} sends to {{actor.queue_name}}")
        decorate = cron(each["cron"]) if "cron" in each else interval(seconds=each["seconds"])
        decorate(actor)
        _installed.append(each)
'''
