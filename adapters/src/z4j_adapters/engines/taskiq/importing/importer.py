"""`--from taskiq`: labels of a broker's tasks, and what is stored in Redis."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from z4j_adapters._options import Parser
from z4j_adapters.engines.taskiq.importing.entries import Entry, mapped
from z4j_adapters.engines.taskiq.importing.stored import Stored, Unreadable, read_stored
from z4j_adapters.transfer.isolate import foreign
from z4j_adapters.transfer.locate import load_module, load_object
from z4j_adapters.transfer.model import Found, Importer, Refused, Source, SourceError
from z4j_adapters.transfer.values import redact

__all__ = ["TaskiqImporter"]

HELP = """\
Read TaskIQ's schedules: the label `schedule` of tasks, as LabelScheduleSource has them.  Your
modules are imported; no scheduler is needed, and no broker is connected.

examples:
  z4j-adapter import --from taskiq --taskiq-broker shop.tkq:broker --taskiq-module shop.tasks

  # A TaskiqScheduler does as well, for its broker.
  z4j-adapter import --from taskiq --taskiq-broker shop.tkq:scheduler --taskiq-module shop.tasks

  # What ListRedisScheduleSource or RedisScheduleSource keeps, with or without a broker.
  z4j-adapter import --from taskiq --taskiq-redis-url redis://localhost:6379/0

what is read: cron as the installed pycron understands it, with cron_offset; interval; time; args,
kwargs and labels.  An entry with several of cron, interval and time becomes as many schedules.
Redis is read without changing it, and pickles without running them.

what is refused, and why: crons that pycron cannot read or that never come; arguments that are no
JSON; labels that a schedule cannot carry; pickles of anything but plain data.  What already was
sent is shown, and nothing is created for it."""


class TaskiqImporter(Importer):
    """See Importer."""

    summary = "TaskIQ's schedules: labels of tasks, and those in Redis"
    help = HELP
    packages = {"taskiq": "taskiq", "pycron": "pycron", "redis": "redis"}  # noqa: RUF012

    @classmethod
    def arguments(cls, parser: Parser) -> None:
        parser.option("taskiq-broker", help="as in `taskiq scheduler`: module:broker")
        parser.option(
            "taskiq-module",
            repeat=True,
            metavar="NAME",
            help="import this module's tasks, too; repeat for more",
        )
        parser.option("taskiq-redis-url", metavar="URL", help="Redis of the schedule source")
        parser.option(
            "taskiq-prefix",
            default="schedule",
            metavar="TEXT",
            help="of that source's keys (default: schedule)",
        )
        parser.option("workdir", type=Path, help="folder to import from (default: here)")

    def source(self) -> Source:
        import pycron  # noqa: F401
        import taskiq

        options = self.options
        if not options.taskiq_broker and not options.taskiq_redis_url:
            raise SourceError(
                "WRONG_USAGE",
                "give --taskiq-broker MODULE:BROKER, --taskiq-redis-url URL, or both",
                "z4j-adapter import --from taskiq --help shows examples",
            )
        self._broker = self._load_broker(taskiq) if options.taskiq_broker else None
        self._tasks = dict(self._broker.get_all_tasks()) if self._broker is not None else {}
        self._stored: list[Stored] = []
        if options.taskiq_redis_url:
            self._stored = read_stored(options.taskiq_redis_url, options.taskiq_prefix)
        where = [options.taskiq_broker, redact(options.taskiq_redis_url or "")]
        locator = ", ".join(each for each in where if each)
        return Source("taskiq", version("taskiq"), locator, _versions())

    def _load_broker(self, taskiq: Any) -> Any:
        name = self.options.taskiq_broker
        found = load_object("taskiq-broker", name, self.options.workdir)
        if inspect.isfunction(found):
            found = foreign(f"--taskiq-broker {name}", found)
        broker = found.broker if isinstance(found, taskiq.TaskiqScheduler) else found
        if not isinstance(broker, taskiq.AsyncBroker):
            raise SourceError("WRONG_USAGE", f"--taskiq-broker {name} is a {type(broker).__name__}")
        broker.is_scheduler_process = True  # As `taskiq scheduler` does, before it imports tasks.
        for module in self.options.taskiq_module or ():
            load_module("taskiq-module", module)
        return broker

    def total(self) -> int | None:
        return sum(len(_listed(task)) for task in self._tasks.values()) + len(self._stored)

    def read(self) -> Iterator[Found | Refused]:
        for name, task in self._tasks.items():
            entries = _listed(task)
            for number, given in enumerate(entries):
                key = name if len(entries) == 1 else f"{name} #{number + 1}"
                yield from self._entry(key, name, task, given)
        for stored in self._stored:
            yield from self._from_redis(stored)

    def _from_redis(self, stored: Stored) -> Iterator[Found | Refused]:
        raw = ""
        try:
            fields = stored.fields()
            raw = repr(fields)
            made = _scheduled(fields)
        except Unreadable as error:
            reason = f"{stored.key}: {error}"
            remedy = "store schedules with TaskIQ's pickle or JSON serializer, and plain arguments"
            yield Refused(stored.id, "R2_PICKLE", reason, remedy, stored.id, raw)
            return
        except Exception as error:
            reason = f"{stored.key}: TaskIQ refuses it: {_line(error)}"
            yield Refused(stored.id, "R1_OPAQUE", reason, "mend the entry", stored.id, raw)
            return
        task = self._tasks.get(made.task_name)
        own = {} if task is None else task.labels
        entry = Entry(stored.id, made, own, is_stored=True, raw=raw)
        yield from mapped(entry, self.options.at)

    def _entry(self, key: str, name: str, task: Any, given: Any) -> Iterator[Found | Refused]:
        raw = repr(given)
        if not isinstance(given, dict) or not {"cron", "interval", "time"} & given.keys():
            yield Refused(
                key,
                "R6_NEVER_FIRES",
                "it has neither cron nor interval nor time: TaskIQ passes over it",
                "say when it runs",
                key,
                raw,
            )
            return
        if task.broker is not self._broker:
            yield Refused(
                key,
                "R6_NEVER_FIRES",
                "the task belongs to another broker: TaskIQ passes over it, with a warning",
                "name that broker",
                key,
                raw,
            )
            return
        own = {k: v for k, v in task.labels.items() if k != "schedule"}
        try:
            # As LabelScheduleSource makes it: the task's own labels win.
            labels = {**given.get("labels", {}), **own}
            made = _scheduled({**given, "task_name": name, "labels": labels})
        except Exception as error:
            yield Refused(
                key, "R1_OPAQUE", f"TaskIQ refuses it: {_line(error)}", "mend the entry", key, raw
            )
            return
        key = str(given.get("schedule_id") or key)
        entry = Entry(key, made, own, is_stored=False, raw=raw)
        yield from mapped(entry, self.options.at)


def _listed(task: Any) -> list[Any]:
    given = task.labels.get("schedule") or []
    return list(given) if isinstance(given, (list, tuple)) else [given]


def _scheduled(fields: dict[str, Any]) -> Any:
    """TaskIQ's own object, which checks the fields, and reads texts as spans and instants.

    Raises:
        Exception: TaskIQ refuses them.
    """
    from taskiq import ScheduledTask

    optional = ("cron", "time", "cron_offset", "interval")
    return ScheduledTask(
        task_name=fields["task_name"],
        labels=fields["labels"],
        args=fields.get("args", []),
        kwargs=fields.get("kwargs", {}),
        **{name: fields[name] for name in optional if fields.get(name) is not None},
    )


def _versions() -> dict[str, str]:
    found = {}
    for package in ("taskiq", "pycron", "taskiq-redis"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:300]
