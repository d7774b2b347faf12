"""`--to cron`: a crontab."""

from __future__ import annotations

import json
import re
import shlex
from argparse import Namespace
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from z4j_adapters._options import Parser
from z4j_adapters.transfer.cron.importer import CronImporter
from z4j_adapters.transfer.cron.writing import Job, fields_of, line_of, setting
from z4j_adapters.transfer.exporting.model import Exporter, NotHeld, Target, Wanted, Written
from z4j_adapters.transfer.model import Found, Note, Refused, SourceError
from z4j_adapters.transfer.zones import zone_of

__all__ = ["CronExporter"]

HELP = """\
Write a crontab.  Cron runs commands: say which, or export what `import --from cron` brought here.

examples:
  # The commands of the task shell.run, as they came from a crontab.
  z4j-scheduler export --to cron --output table --timezone Europe/Berlin --task shell.run

  # Any schedule of Celery's, through celery's own command.
  z4j-scheduler export --to cron --output table --timezone Europe/Berlin --engine celery \\
      --command 'celery -A proj call {task} --args {args} --kwargs {kwargs}'

how it is loaded:
  crontab table, as the user whose crontab it is to be; or, with --user-column USER, as a file in
  /etc/cron.d.

what is written:
  cron       the five fields.  The zone is the host's: cron has no other, and --timezone names it.
  command    --command, with {task}, {args} and {kwargs} (JSON), {queue} and {id}, quoted for a
             shell; of --task NAME its keyword arguments command, stdin, env and user

what is refused, by name: all that is no cron; seconds, years, ISO weeks, L, W and #; two day fields
that must both match, unless one is a step such as */2; other zones; what cron does otherwise when
the clock is changed; start_time, end_time, max_fires; paused schedules; overlap, jitter, priority,
expires and run_retry, which --drop leaves out; and calls of which --command holds only a part."""

_PLACEHOLDER = re.compile(r"\{(task|args|kwargs|queue|id)\}")
_KWARGS = frozenset(("command", "stdin", "env", "user"))
_CALL = ("engine", "task", "argsJson", "kwargsJson", "queue", "engineOptions")
_NO_CATCH_UP = Note("NO_CATCH_UP", "cron makes up for nothing after a downtime")


class CronExporter(Exporter):
    """Writes for Debian's cron and for cronie."""

    summary = "a crontab"
    help = HELP
    engine = None

    @classmethod
    def arguments(cls, parser: Parser) -> None:
        """Add what is run, and by which cron."""
        parser.option("command", metavar="TEMPLATE", help="the command that runs a schedule's task")
        parser.option("task", help="the task that got the commands of `import --from cron`")
        parser.option(
            "user-column",
            metavar="USER",
            help="name users before the commands, as in /etc/cron.d: the schedule's own, or USER",
        )
        parser.option(
            "cron-flavour",
            choices=("debian", "cronie"),
            default="debian",
            help="whose cron reads it (default: debian)",
        )

    def target(self) -> Target:
        """Look at the options."""
        options = self.options
        if not options.timezone:
            raise SourceError(
                "WRONG_USAGE", "cron runs in the zone of its host: give --timezone", _HINT
            )
        if not (options.command or options.task):
            raise SourceError("WRONG_USAGE", "give --command, or --task", _HINT)
        self._env: Mapping[str, str] | None = None
        self._order: list[Written] = []
        return Target("cron", options.cron_flavour)

    def add(self, wanted: Wanted) -> Written:
        """A line."""
        options = self.options
        if wanted.kind != "cron":
            raise NotHeld("cron has nothing but crons", "write it as a cron, if it is one")
        if wanted.time_zone != options.timezone:
            raise NotHeld(
                f"it is in {wanted.time_zone}, and the host's clock in {options.timezone}",
                "change its time_zone, or export it for a host in its zone",
                "R9_ZONE",
            )
        fields = fields_of(wanted, zone_of(wanted.time_zone), options.at)
        job = self._job(wanted)
        has_users = bool(options.user_column)
        line = line_of(fields, job, options.cron_flavour, user_column=has_users)
        if job.env:
            self._env = job.env
        is_made_up = wanted.json.get("catchUp") != "CATCH_UP_SKIP"
        notes = (_NO_CATCH_UP,) if is_made_up else ()
        return Written(wanted, (wanted.id,), (line, job), fields, notes)

    def _job(self, wanted: Wanted) -> Job:
        if wanted.task != self.options.task:
            return Job(self._command(wanted), user=self.options.user_column)
        given = wanted.kwargs
        command, env = given.get("command"), given.get("env") or {}
        is_ours = given.keys() <= _KWARGS and isinstance(command, str) and not wanted.args
        if not is_ours or wanted.queue or wanted.options:
            raise NotHeld(
                f"its call is not one that `import --from cron` makes of {self.options.task}",
                "it takes command, stdin, env and user as keyword arguments, and nothing else",
                "R9_COMMAND",
            )
        if self._env is not None and env not in ({}, self._env):
            raise NotHeld(
                "settings hold for all lines below them, and other lines have other settings",
                "export it with --only, to a file of its own",
            )
        if given.get("user") and not self.options.user_column:
            raise NotHeld(
                f"it runs as {given['user']}, and a user's crontab names no users",
                "--user-column USER writes a table for /etc/cron.d",
            )
        user = given.get("user") or self.options.user_column
        return Job(str(command), given.get("stdin"), user, env)

    def _command(self, wanted: Wanted) -> str:
        template = self.options.command
        if not template:
            raise NotHeld(
                f"there is no command for the task {wanted.task}",
                "--command 'TEMPLATE' says what runs a task",
                "R9_COMMAND",
            )
        values = {
            "task": wanted.task,
            "args": json.dumps(wanted.args),
            "kwargs": json.dumps(wanted.kwargs),
            "queue": wanted.queue,
            "id": wanted.id,
        }
        used = set(_PLACEHOLDER.findall(template))
        unset = {name for name in ("args", "kwargs", "queue") if not getattr(wanted, name)}
        left = [name for name in values if name not in {*used, *unset, "id"}]
        if "id" not in used and (left or wanted.options):
            raise NotHeld(
                f"--command leaves out its {', '.join(left) or 'engine options'}",
                f"write {' '.join(f'{{{name}}}' for name in left) or '{id}'} into the template",
                "R9_COMMAND",
            )
        return _PLACEHOLDER.sub(lambda found: shlex.quote(values[found[1]]), template)

    def write(self, written: Sequence[Written], to: Path) -> None:
        """Write the table: first the lines without settings."""
        env = self._env or {}
        self._order = sorted(written, key=lambda one: bool(one.entry[1].env))
        lines = [f"# Of z4j-scheduler; the host's zone is {self.options.timezone}."]
        for n, one in enumerate(self._order):
            line, job = one.entry
            if job.env and (n == 0 or not self._order[n - 1].entry[1].env):
                lines += [setting(name, value) for name, value in env.items()]
            lines += [f"# {one.wanted.id}", line]
        to.write_text("\n".join(lines) + "\n", encoding="utf-8")

    def read_back(self, path: Path) -> Iterator[Found | Refused]:
        """Read it as `--from cron` does; a line that is as it should be makes the wanted call."""
        options = self.options
        importer = CronImporter(
            Namespace(
                crontab=[str(path)],
                task="command",
                engine="any",
                at=options.at,
                timezone=options.timezone,
                user_column=bool(options.user_column),
                cron_flavour=options.cron_flavour,
            )
        )
        importer.source()
        for one, entry in zip(self._order, importer.read(), strict=True):
            entry = replace(entry, key=one.wanted.id)
            if isinstance(entry, Found) and _given(entry) == one.entry[1]:
                entry = replace(entry, schedule=_with_call(entry.schedule, one.wanted.json))
            yield entry


def _given(entry: Found) -> Job:
    given: dict[str, Any] = json.loads(entry.schedule["kwargsJson"])
    return Job(given["command"], given.get("stdin"), given.get("user"), given.get("env", {}))


def _with_call(schedule: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    rest = {name: value for name, value in schedule.items() if name not in _CALL}
    return {**rest, **{name: wanted[name] for name in _CALL if name in wanted}}


_HINT = "z4j-adapter export --to cron --help shows examples"
