"""`--from celery`: an app's beat_schedule, with what its handlers add."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from z4j_adapters._options import Parser
from z4j_adapters.transfer.model import Found, Importer, Note, Refused, Source, SourceError

if TYPE_CHECKING:
    from datetime import datetime

    from z4j_adapters.engines.celery.importing.redbeat import RedBeatImporter
    from z4j_adapters.engines.celery.importing.shapes import Clock

__all__ = ["CeleryImporter"]

UNSURE_RUN = Note(
    "RUN_OF_LAST_STOP",
    "beat's file is a Berkeley DB, which it writes when it ends: if it runs now, it counts from a"
    " later run than the file tells; stop it before the import that is to go on where it ends",
)

HELP = """\
Read the beat_schedule of a Celery app: its setting, and what add_periodic_task, on_after_configure
and on_after_finalize add.

examples:
  z4j-adapter import --from celery --celery-app proj.celery:app
  z4j-adapter import --from celery --celery-app proj --state /var/run/celery/celerybeat-schedule
  z4j-adapter import --from celery --celery-app proj --redbeat-url redis://localhost:6379/1

what is read:
  schedule   numbers, timedelta, schedule (also relative), crontab, solar
  call       task, args, kwargs; the options queue, priority, expires, exchange, routing_key,
             headers, serializer, compression, time_limit, soft_time_limit, ignore_result, shadow
  --state    beat's own file: an interval is then counted from its last run; without it, from now.
             It is copied and read, never opened by beat's code, and nothing in it is run.
  --redbeat-url   the same for an app whose beat is RedBeat: the entries that Redis has beside the
             app's own, too, and the last runs of all

what is refused, by name: schedule classes of your own, a nowfun, arguments that JSON does not have,
BeatLazyFunc, signatures, and options without a counterpart (countdown, eta, link, …)."""


class CeleryImporter(Importer):
    """Reads a Celery app."""

    summary = "the beat_schedule of a Celery app"
    help = HELP
    packages = {"celery": "celery", "ephem": "ephem"}  # noqa: RUF012

    @classmethod
    def arguments(cls, parser: Parser) -> None:
        """Add --celery-app and where it and beat's file are."""
        parser.option(
            "celery-app", metavar="APP", help="the app, as in `celery -A`: module:attribute"
        )
        parser.option("workdir", type=Path, help="folder to import the app from (default: here)")
        parser.option(
            "state", type=Path, metavar="FILE", help="beat's file, often celerybeat-schedule"
        )
        parser.option("redbeat-url", metavar="URL", help="RedBeat's Redis, if that is the beat")
        parser.option(
            "redbeat-prefix", metavar="TEXT", help="redbeat_key_prefix (default: the app's)"
        )

    def source(self) -> Source:
        """Import the app and read beat's file."""
        from z4j_adapters.engines.celery.importing.apps import libraries, load_app

        options = self.options
        if not options.celery_app:
            raise SourceError(
                "WRONG_USAGE", "--from celery needs --celery-app", "--celery-app proj.celery:app"
            )
        self.open(load_app(options.celery_app, options.workdir))
        if options.redbeat_url:
            self._add_redbeat()
        versions = libraries("ephem", "kombu", "tzdata")
        return Source("celery", versions["celery"], options.celery_app, versions)

    def open(self, app: Any) -> None:
        """Let `read` read this app, and beat's file."""
        from z4j_adapters.engines.celery.importing.apps import zone_of_app
        from z4j_adapters.engines.celery.importing.state import is_saved_at_end, last_runs

        options = self.options
        self._app = app
        self._zone, self._zone_name = zone_of_app(app, options)
        self._last_runs: dict[str, datetime] = last_runs(options.state) if options.state else {}
        unsure = options.state and is_saved_at_end(options.state)
        self._unsure_runs = frozenset(self._last_runs if unsure else ())
        self._entries: dict[str, Any] = dict(app.conf.beat_schedule or {})
        self._redbeat: RedBeatImporter | None = None
        self._add_cleanup()

    def read(self) -> Iterator[Found | Refused]:
        """Every entry, in the order of the setting."""
        from z4j_adapters.engines.celery.importing.entries import Call, raw_text, refused
        from z4j_adapters.engines.celery.importing.shapes import Unfit

        for name, entry in self._entries.items():
            raw = _text(entry)
            try:
                beat_entry = self._beat_entry(name, entry)
                call = Call(
                    beat_entry.task,
                    beat_entry.args,
                    beat_entry.kwargs,
                    beat_entry.options,
                    self._serializer(beat_entry.task),
                )
                raw = raw_text(beat_entry.schedule, call)
                yield from list(self._found(str(name), beat_entry, call, raw))
            except Unfit as unfit:
                yield refused(str(name), unfit, raw)
            except Exception as error:  # An object of the user's that cannot even be looked at.
                reason = f"it cannot be read: {type(error).__name__}: {error}"
                bad = Unfit("BAD_ENTRY", reason, "mend the entry; beat fails on it, too")
                yield refused(str(name), bad, raw)

        if self._redbeat is not None:
            yield from self._redbeat.read()

    def total(self) -> int | None:
        """How many entries there are."""
        return len(self._entries) + (0 if self._redbeat is None else self._redbeat.total() or 0)

    def _add_redbeat(self) -> None:
        """What Redis has: RedBeat writes the app's entries there as well, and keeps their runs."""
        from z4j_adapters.engines.celery.importing.redbeat import RedBeatImporter

        self._redbeat = RedBeatImporter(self.options)
        self._redbeat.source()
        self._last_runs |= self._redbeat.leave_out(self._entries)

    def _found(self, name: str, entry: Any, call: Any, raw: str) -> Iterator[Found]:
        from celery.schedules import schedule

        from z4j_adapters.engines.celery.importing.entries import catch_up, found
        from z4j_adapters.engines.celery.importing.timing import timings

        more = catch_up(self._app.conf.beat_cron_starting_deadline)
        warnings = []
        if call.task not in self._app.tasks:
            message = f"the app has no task {call.task!r}: workers may not know it"
            warnings.append(Note("UNKNOWN_TASK", message))
        if name in self._unsure_runs and isinstance(entry.schedule, schedule):
            warnings.append(UNSURE_RUN)
        found_timings = timings(entry.schedule, self._clock(name))
        yield from found(name, call, found_timings, raw=raw, more=more, warnings=tuple(warnings))

    def _clock(self, name: str) -> Clock:
        from z4j_adapters.engines.celery.importing.apps import celery_numbers
        from z4j_adapters.engines.celery.importing.shapes import Clock

        return Clock(
            self.options.at,
            self._zone,
            self._zone_name,
            celery_numbers(),
            self._last_runs.get(name),
        )

    def _beat_entry(self, name: str, entry: Any) -> Any:
        """The entry as beat makes it of the setting."""
        from celery.beat import ScheduleEntry

        from z4j_adapters.engines.celery.importing.shapes import Unfit

        if isinstance(entry, ScheduleEntry):
            return entry
        made = ScheduleEntry(**{**entry, "name": name, "app": self._app})
        if made.schedule is None:
            raise Unfit("NO_SCHEDULE", "it has no schedule", "give it one")
        return made

    def _serializer(self, task: Any) -> str:
        from z4j_adapters.engines.celery.importing.apps import serializer_of

        return serializer_of(self._app, task)

    def _add_cleanup(self) -> None:
        """What beat adds by itself (Scheduler.install_default_entries)."""
        from celery.schedules import crontab

        from z4j_adapters.engines.celery.importing.entries import BACKEND_CLEANUP

        try:
            cleans = self._app.conf.result_expires and not self._app.backend.supports_autoexpire
        except Exception:  # A result backend whose library is not installed here.
            cleans = False
        if cleans and BACKEND_CLEANUP not in self._entries:
            self._entries[BACKEND_CLEANUP] = {
                "task": BACKEND_CLEANUP,
                "schedule": crontab("0", "4", "*"),
                "options": {"expires": 12 * 3600},
            }


def _text(entry: Any) -> str:
    try:
        return repr(entry)
    except Exception:
        return f"<{type(entry).__qualname__}>"
