"""`--from huey`: what the periodic tasks of an instance become."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any, cast

from z4j_adapters._options import Parser
from z4j_adapters.transfer.cron_fields import cron
from z4j_adapters.transfer.locate import load_object
from z4j_adapters.transfer.minutes import asked_every_minute
from z4j_adapters.transfer.model import Found, Importer, Note, Refused, Source, SourceError
from z4j_adapters.transfer.values import Inexact, duration, json_text
from z4j_adapters.transfer.wall import day_exists
from z4j_adapters.transfer.zones import zone_of

__all__ = ["HueyImporter"]

HELP = """\
Read the periodic tasks of a Huey instance: those of @huey.periodic_task(crontab(…)).  Your module
is imported, nothing else is done: no consumer is needed, and the storage is not touched.

examples:
  z4j-adapter import --from huey --huey-app shop.tasks:huey

  # With utc=False Huey follows the clock of its consumer's host: say which one that is.
  z4j-adapter import --from huey --huey-app shop.tasks:huey --timezone Europe/Berlin

what is read: the numbers that crontab(…) of your version of Huey has come to, and the task's own
retries, delay, priority, expiry and timeout.

what is refused, and why: tasks whose function of time is your own (its answers cannot be known
beforehand), and crontabs that never come (31 February)."""

# Of the lists that the closure of Huey's crontab holds, in their order.
_RANGES = (
    ("month", range(1, 13)),
    ("day", range(1, 32)),
    ("day_of_week", range(7)),
    ("hour", range(24)),
    ("minute", range(60)),
)


@dataclass(frozen=True, slots=True)
class _Crontab:
    """What Huey's crontab(…) has come to; 0 is Sunday."""

    month: frozenset[int]
    day: frozenset[int]
    day_of_week: frozenset[int]
    hour: frozenset[int]
    minute: frozenset[int]


class HueyImporter(Importer):
    """See Importer."""

    summary = "Huey's periodic tasks"
    help = HELP
    packages = {"huey": "huey"}  # noqa: RUF012

    @classmethod
    def arguments(cls, parser: Parser) -> None:
        parser.option("huey-app", help="your Huey instance: module:attribute (required)")
        parser.option("workdir", type=Path, help="folder to import it from (default: here)")

    def source(self) -> Source:
        import huey

        name = self.options.huey_app
        app = load_object("huey-app", name, self.options.workdir)
        if not isinstance(app, huey.Huey):
            raise SourceError("WRONG_USAGE", f"--huey-app {name} is a {type(app).__name__}")
        self.open(app)
        installed = version("huey")
        return Source("huey", installed, name, {"huey": installed})

    def open(self, app: Any) -> None:
        """Let `read` read this instance."""
        import huey

        self._app = app
        made: Any = huey.crontab()
        self._crontab_code = made.__code__

    def total(self) -> int | None:
        return len(self._app._registry._periodic_tasks)

    def read(self) -> Iterator[Found | Refused]:
        for task_class in list(self._app._registry._periodic_tasks):
            task = str(self._app._registry.task_to_string(task_class))
            key = str(getattr(task_class, "z4j_schedule", task))  # Of a module that we exported.
            try:
                yield self._entry(key, task, task_class)
            except Exception as error:
                reason = f"its definition cannot be read: {type(error).__name__}: {error}"
                yield Refused(key, "R1_OPAQUE", reason, "write it with huey.crontab(…)", key)

    def _entry(self, key: str, task: str, task_class: Any) -> Found | Refused:
        validate = _closure(task_class.validate_datetime).get("validate_datetime")
        raw = f"validate_datetime={getattr(validate, '__qualname__', validate)!s}"

        def refused(code: str, reason: str, remedy: str) -> Refused:
            return Refused(key, code, reason, remedy, key, raw)

        if getattr(validate, "__code__", None) is not self._crontab_code:
            return refused(
                "R1_OPAQUE",
                "a function of your own says when it runs, and only it knows what it will say",
                "write it with huey.crontab(…), or make a schedule of the times that are meant",
            )
        times = _read(validate)
        raw = _shown(times)
        never = _never(times)
        if never:
            return refused("R6_NEVER_FIRES", never, "write the times that are meant")
        zone = "UTC" if self._app.utc else self.options.timezone
        if not zone:
            return refused(
                "R4_ZONE",
                "utc=False: Huey follows the clock of its consumer's host, and does not say which "
                "zone that is",
                "give --timezone ZONE, such as Europe/Berlin",
            )
        settings = _settings(task_class)
        if isinstance(settings, Note):
            return refused(settings.code, settings.message, "write a number of seconds")
        try:
            arguments = _arguments(task_class())
        except Inexact as error:
            remedy = "give text, numbers, lists, dicts"
            return refused("R2_ARGUMENTS", f"args or kwargs: {error}", remedy)
        spec, becomes = _spec(times)
        schedule = {
            "engine": "huey",
            "task": task,
            **arguments,
            **settings,
            "spec": {"cron": spec},
            "timeZone": zone,
            "gap": "GAP_POLICY_SKIP",
            "fold": "FOLD_POLICY_BOTH",
            "catchUp": "CATCH_UP_SKIP",
        }
        is_time = cast("Callable[[datetime], bool]", validate)
        probe = (min(times.hour), min(times.minute))
        fires = asked_every_minute(is_time, zone_of(zone), probe)
        return Found(key, schedule, becomes, raw=raw, fires=fires)


def _closure(function: Any) -> dict[str, Any]:
    """What a function has from around it."""
    cells = function.__closure__ or ()
    return {
        name: cell.cell_contents
        for name, cell in zip(function.__code__.co_freevars, cells, strict=True)
    }


def _read(validate: Any) -> _Crontab:
    lists = _closure(validate)["cron_settings"]
    # Some versions list a weekday 7, which no day has.
    kept = {
        name: frozenset(values) & frozenset(known)
        for (name, known), values in zip(_RANGES, lists, strict=True)
    }
    return _Crontab(**kept)


def _spec(times: _Crontab) -> tuple[dict[str, Any], str]:
    return cron(
        minute=times.minute,
        hour=times.hour,
        day_of_month=times.day,
        month=times.month,
        day_of_week=times.day_of_week,
        day_match="AND",
    )


def _shown(times: _Crontab) -> str:
    parts = []
    for name, known in reversed(_RANGES):
        values = sorted(getattr(times, name))
        text = "*" if values == list(known) else ",".join(map(str, values))
        parts.append(f"{name}={text!r}")
    return f"crontab({', '.join(parts)})"


def _never(times: _Crontab) -> str:
    for name, _ in _RANGES:
        if not getattr(times, name):
            return f"no {name} matches"
    return "" if day_exists(times.day, times.month) else "there is no such day in its months"


def _arguments(task: Any) -> dict[str, str]:
    """Those that the task has by itself: a class of your own may give some."""
    found = {}
    if task.args:
        found["argsJson"] = json_text(list(task.args))
    if task.kwargs:
        found["kwargsJson"] = json_text(task.kwargs)
    return found


def _settings(task_class: Any) -> dict[str, Any] | Note:
    """What the decorator says besides the time; the note says what cannot be carried."""
    options: dict[str, str] = {}
    for option, attribute in (
        ("retries", "default_retries"),
        ("retry_delay", "default_retry_delay"),
        ("retry_backoff", "default_retry_backoff"),
        ("timeout", "default_timeout"),
        ("huey_priority", "default_priority"),
    ):
        value = getattr(task_class, attribute, None)
        if value:
            if not isinstance(value, (int, float)):
                return Note("R2_OPTIONS", f"{option}={value!r} is no number")
            options[option] = json.dumps(value)
    found: dict[str, Any] = {"engineOptions": options} if options else {}
    expires = getattr(task_class, "default_expires", None)
    if isinstance(expires, datetime):
        return Note("R2_OPTIONS", f"expires={expires} is an instant, and the same one for each run")
    if expires:
        span = expires if isinstance(expires, timedelta) else timedelta(seconds=expires)
        found["expires"] = duration(span)
    return found
