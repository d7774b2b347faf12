"""`--to huey`: a Python module that gives periodic tasks to a Huey instance."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from z4j_adapters.transfer.cron_fields import field_text
from z4j_adapters.transfer.exporting.days import days_of
from z4j_adapters.transfer.exporting.limits import cron_of, keys_of
from z4j_adapters.transfer.exporting.model import Exporter, NotHeld, Target, Wanted, Written
from z4j_adapters.transfer.exporting.python import Source, literal, run_file
from z4j_adapters.transfer.exporting.zones import OneZone
from z4j_adapters.transfer.model import Found, Refused

__all__ = ["HueyExporter"]

HELP = """\
Write a Python module whose install(huey) gives periodic tasks to your Huey instance.

examples:
  z4j-scheduler export --to huey --output schedules.py
  z4j-scheduler export --to huey --output schedules.py --timezone Europe/Berlin

how it is loaded, where your instance is, below the imports of its tasks:
  import schedules
  schedules.install(huey)

what is written: crontab(…), all of whose fields must match, and the arguments, retries, expiry
and timeout of each.  Messages bear the name of the task itself, so that workers need nothing
new.  Where either day field suffices here, there are two periodic tasks, `id` and `id (2)`,
which never come due together.  Huey has one zone for all: UTC, or, with utc=False, that of its
consumer's host.  It is that of --timezone, or else of most schedules; those of other zones
are refused.

what is refused, by name: seconds, years, ISO weeks, L and W; intervals, one-shots, solar and
calendar intervals; start_time, end_time, max_fires; paused schedules; a queue; a priority other
than the engine option huey_priority; times that a change of the clock leaves out or repeats,
where Huey does otherwise than leave them out and run them twice; and overlap, jitter and
run_retry, which --drop leaves out.

Run one consumer with periodic tasks: each enqueues all of them."""

# Engine option → attribute of a task's class.
_SETTINGS = {
    "retries": "default_retries",
    "retry_delay": "default_retry_delay",
    "retry_backoff": "default_retry_backoff",
    "timeout": "default_timeout",
    "huey_priority": "default_priority",
}


class HueyExporter(Exporter):
    """See Exporter."""

    summary = "a module with Huey's periodic tasks"
    help = HELP
    packages = {"huey": "huey"}  # noqa: RUF012
    engine = "huey"
    zone: OneZone

    def target(self) -> Target:
        from huey.api import Task

        self._known = {name for name, held in _SETTINGS.items() if hasattr(Task, held)}
        self.zone = OneZone(self.options.timezone)
        installed = version("huey")
        return Target("huey", installed, {"huey": installed})

    def add(self, wanted: Wanted) -> Written:
        cron = cron_of(wanted, "Huey")
        if not all(wanted.task.rpartition(".")):
            raise NotHeld(
                f"its task is {wanted.task!r}, and Huey names tasks module.function",
                "name the task as Huey does",
            )
        if wanted.priority:
            raise NotHeld(
                f"its priority is {wanted.priority}, which counts from that of the task",
                "set the engine option huey_priority instead, or --drop priority",
            )
        call = self._call(wanted)
        parts = days_of(cron)
        self.zone.check(wanted, self.options.at)
        entry = {}
        keys = keys_of(wanted, len(parts))
        for key, part in zip(keys, parts, strict=True):
            fields = {
                "minute": field_text("minute", cron.minutes),
                "hour": field_text("hour", cron.hours),
                "day": field_text("dayOfMonth", part.days),
                "month": field_text("month", cron.months),
                "day_of_week": field_text("dayOfWeek", part.weekdays),
            }
            text = ", ".join(f"{name}={value!r}" for name, value in fields.items())
            entry[key] = {"task": wanted.task, "when": Source(f"crontab({text})"), **call}
        becomes = " and ".join(str(one["when"]) for one in entry.values())
        return Written(wanted, keys, entry, becomes)

    def _call(self, wanted: Wanted) -> dict[str, Any]:
        """Arguments and settings, if there are any."""
        settings: dict[str, Any] = {}
        for name, value in wanted.options.items():
            if name not in self._known:
                raise NotHeld(
                    f"this version of Huey has no {name}", f"clear the engine option {name}"
                )
            settings[_SETTINGS[name]] = value
        if wanted.expires is not None:
            settings["default_expires"] = wanted.expires.total_seconds()
        call = {"args": list(wanted.args), "kwargs": dict(wanted.kwargs), "settings": settings}
        return {name: value for name, value in call.items() if value}

    def write(self, written: Sequence[Written], to: Path) -> None:
        schedules = {key: one for each in written for key, one in each.entry.items()}
        zone = self.zone.name
        text = _MODULE.format(zone=zone, utc=zone == "UTC", schedules=literal(schedules))
        to.write_text(text, encoding="utf-8")

    def read_back(self, path: Path) -> Iterator[Found | Refused]:
        from huey import MemoryHuey

        from z4j_adapters.engines.huey.importing.importer import HueyImporter

        module = run_file(path)
        app = MemoryHuey("z4j_export", utc=module["UTC"])
        for task in {one["task"] for one in module["SCHEDULES"].values()}:
            _stand_in(app, task)
        module["install"](app)
        importer = HueyImporter(Namespace(timezone=self.zone.name))
        importer.open(app)
        yield from importer.read()


def _stand_in(app: Any, task: str) -> None:
    """Give an instance a task of that name, which does nothing."""
    module, _, name = task.rpartition(".")

    def nothing(*args: Any, **kwargs: Any) -> None:
        """The user's own task stays where it is."""

    nothing.__module__ = module
    app.task(name=name)(nothing)


_MODULE = '''\
"""Periodic tasks for Huey, as z4j-scheduler exported them.

    import schedules
    schedules.install(huey)

All fields of a crontab must match; times are those of {zone}.
"""

from huey import crontab

UTC = {utc}  # As in Huey(utc=…); False: the clock of the consumer's host.

# Name of each: the task that it calls, when, and with which arguments and settings.
SCHEDULES = {schedules}


def install(huey):
    """Give them to a Huey instance that has the tasks; those that it was given stay as they are."""
    if bool(huey.utc) is not UTC:
        raise ValueError(f"these schedules are for Huey(utc={{UTC}})")
    registry = huey._registry
    given = {{getattr(each, "z4j_schedule", None) for each in registry._periodic_tasks}}
    for name, schedule in SCHEDULES.items():
        if name not in given:
            task = registry.string_to_task(schedule["task"])
            registry._periodic_tasks.append(_periodic(name, task, schedule, schedule["when"]))


def _periodic(name, task, schedule, validate_datetime):
    """A class of the task's own name: what the scheduler sends by it, workers take as the task."""

    class Periodic(task):
        def __init__(self):
            args, kwargs = schedule.get("args", ()), schedule.get("kwargs", {{}})
            super().__init__(tuple(args), dict(kwargs))

        def validate_datetime(self, at):
            return validate_datetime(at)

    Periodic.__name__, Periodic.__module__ = task.__name__, task.__module__
    Periodic.z4j_schedule = name
    for setting, value in schedule.get("settings", {{}}).items():
        setattr(Periodic, setting, value)
    return Periodic
'''
