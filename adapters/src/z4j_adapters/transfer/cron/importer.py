"""`--from cron`: what the lines of crontabs become."""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from z4j_adapters._options import Parser
from z4j_adapters.transfer.cron.fields import Flavour
from z4j_adapters.transfer.cron.meaning import (
    DUPLICATES,
    HOLE,
    RANDOM_DELAY,
    delay_minutes,
    may_meet,
    never,
    spec_of,
    warnings_of,
)
from z4j_adapters.transfer.cron.table import Line, Table, read_table
from z4j_adapters.transfer.model import (
    APPROXIMATE,
    EXACT,
    Found,
    Importer,
    Note,
    Refused,
    Source,
    SourceError,
)
from z4j_adapters.transfer.values import Inexact, json_text
from z4j_adapters.transfer.wall import changes_clock
from z4j_adapters.transfer.zones import zone_of

__all__ = ["CronImporter"]

HELP = """\
Read crontabs.  Nothing is run, and no file is changed.

examples:
  # Your own table, by Debian's or Ubuntu's cron, on a host in Berlin; the commands become calls of
  # the Celery task shell.run.
  crontab -l | z4j-adapter import --from cron --crontab - \\
      --timezone Europe/Berlin --engine celery --task shell.run

  # The system's: they have a column for the user, as their paths say.
  z4j-adapter import --from cron --crontab /etc/crontab --crontab /etc/cron.d \\
      --timezone Europe/Berlin --engine rq --task ops.shell.run

what the task gets, as keyword arguments:
  command    the command, without what follows an unescaped %
  stdin      what follows it, with newlines; only if there is one
  env        the settings above the line, such as MAILTO and PATH; only if there are any
  user       whose job it is; only where the table says so

what is refused, and why:
  @reboot (nothing here starts with a host), times that never come (31 February; a range that runs
  backwards matches nothing in Debian's cron), and lines that cron itself does not take.

Cron's own algorithm can only be run by cron, so there are no due times of the library to compare
with: --fires gives none."""

_SYSTEM_NAME = re.compile(r"[A-Za-z0-9_-]+")  # Others in /etc/cron.d are passed over by cron.


@dataclass(frozen=True, slots=True)
class _File:
    path: str
    table: Table
    owner: str | None


class CronImporter(Importer):
    """See Importer."""

    summary = "crontabs of users, /etc/crontab and /etc/cron.d"
    help = HELP

    @classmethod
    def arguments(cls, parser: Parser) -> None:
        parser.option(
            "crontab",
            repeat=True,
            metavar="PATH",
            help="a crontab, a folder such as /etc/cron.d, or - for standard input; repeatable",
        )
        parser.option("task", help="the task that is given the command (required)")
        parser.option(
            "user-column",
            action="store_true",
            help="the tables name a user before the command; known of /etc/crontab and cron.d",
        )
        parser.option(
            "cron-flavour",
            choices=("debian", "cronie"),
            default="debian",
            help="whose cron reads them: Debian's and Ubuntu's, or cronie, as in Fedora, RHEL and "
            "Arch (default: debian)",
        )

    def source(self) -> Source:
        options = self.options
        for given, name in ((options.crontab, "crontab"), (options.task, "task")):
            if not given:
                raise SourceError("WRONG_USAGE", f"give --{name}", _HINT)
        if not options.engine:
            raise SourceError(
                "WRONG_USAGE", "give --engine: cron does not say which one runs the task", _HINT
            )
        self._flavour: Flavour = options.cron_flavour
        self._files = [file for path in options.crontab for file in self._open(path)]
        return Source("cron", self._flavour, ", ".join(options.crontab))

    def total(self) -> int | None:
        return sum(len(file.table.lines) for file in self._files)

    def read(self) -> Iterator[Found | Refused]:
        names: Counter[str] = Counter()
        for file in self._files:
            for line in file.table.lines:
                key = f"{Path(file.path).name or file.path}: {line.command or line.raw}"
                names[key] += 1
                if names[key] > 1:
                    key += f" #{names[key]}"
                yield self._entry(file, line, key)

    def _open(self, path: str) -> list[_File]:
        try:
            if path == "-":
                data = sys.stdin.buffer.read()
                return [self._file("-", data)]
            if Path(path).is_dir():
                inside = sorted(p for p in Path(path).iterdir() if p.is_file())
                return [
                    self._file(str(p), p.read_bytes())
                    for p in inside
                    if _SYSTEM_NAME.fullmatch(p.name)
                ]
            return [self._file(path, Path(path).read_bytes())]
        except OSError as error:
            raise SourceError(
                "CANNOT_READ", f"--crontab {path}: {error.strerror}", "run it as a user who may"
            ) from error

    def _file(self, path: str, data: bytes) -> _File:
        folders = Path(path).absolute().parts[:-1]
        is_system = path != "-" and (
            "cron.d" in folders[-1:] or str(Path(path).absolute()) == "/etc/crontab"
        )
        # /var/spool/cron/crontabs/alice, /var/spool/cron/alice
        is_spool = path != "-" and "cron" in folders and "spool" in folders
        table = read_table(
            data.decode("utf-8", "surrogateescape"),
            flavour=self._flavour,
            user_column=is_system or self.options.user_column,
        )
        return _File(path, table, Path(path).name if is_spool and not is_system else None)

    def _entry(self, file: _File, line: Line, key: str) -> Found | Refused:
        def refused(code: str, reason: str, remedy: str) -> Refused:
            where = f"{file.path} line {line.number}"
            return Refused(where, code, reason, remedy, key, line.raw)

        if line.error:
            return refused(
                "BAD_LINE", f"cron does not take it: {line.error}", "mend or remove the line"
            )
        if line.random:
            return refused(
                "R3_RANDOM",
                f"cronie draws {line.random} by lot whenever it starts",
                "write a fixed value, and give the schedule a jitter if it is to be spread",
            )
        if line.times is None:
            return refused(
                "R7_STARTUP",
                "@reboot runs when a host starts; a scheduler of many hosts has no such moment",
                "start it with the host, for example as a systemd unit",
            )
        if why := never(line.times):
            return refused("R6_NEVER_FIRES", why, "write the times that are meant, or remove it")
        own_zone = (line.env or {}).get("CRON_TZ", "") if self._flavour == "cronie" else ""
        zone = own_zone or self.options.timezone
        if not zone:
            return refused(
                "R4_ZONE",
                "cron follows the clock of its host, and the table does not say the host's zone",
                "give --timezone ZONE, such as Europe/Berlin",
            )
        try:
            zone_of(zone)
            call = json_text(self._call(file, line))
        except Inexact as error:
            return refused("R2_ARGUMENTS", str(error), "write the line in UTF-8")
        except ValueError as error:
            return refused("R4_ZONE", f"CRON_TZ: {error}", "write a name such as Europe/Berlin")
        return self._found(file, line, key, (zone, bool(own_zone)), call)

    def _call(self, file: _File, line: Line) -> dict[str, Any]:
        call: dict[str, Any] = {"command": line.command}
        if line.stdin is not None:
            call["stdin"] = line.stdin
        if line.env:
            call["env"] = dict(line.env)
        if line.user or file.owner:
            call["user"] = line.user or file.owner
        return call

    def _found(self, file: _File, line: Line, key: str, zone: tuple[str, bool], call: str) -> Found:
        times = line.times
        assert times is not None
        spec, becomes = spec_of(times)
        # A job in a zone of its own is held against that zone's clock, whatever its fields.
        follows = times.follows_clock or zone[1]
        schedule: dict[str, Any] = {
            "engine": self.options.engine,
            "task": self.options.task,
            "kwargsJson": call,
            "spec": {"cron": spec},
            "timeZone": zone[0],
            "gap": "GAP_POLICY_SKIP" if follows else "GAP_POLICY_NEXT_VALID",
            "fold": "FOLD_POLICY_BOTH" if follows else "FOLD_POLICY_FIRST",
            "catchUp": "CATCH_UP_SKIP",
        }
        reasons: list[Note] = []
        warnings = warnings_of(line, self._flavour)
        if not follows and may_meet(times) and changes_clock(zone_of(zone[0]), self.options.at):
            warnings.append(DUPLICATES)
        exactness = EXACT
        if file.table.ignored:
            schedule["state"] = "STATE_PAUSED"
            schedule["pause"] = {
                "reason": f"cron ignores all of {file.path}: {file.table.ignored}"[:1000]
            }
            warnings.append(Note("FILE_IGNORED", schedule["pause"]["reason"]))
        if delay := delay_minutes(line, self._flavour):
            exactness = APPROXIMATE
            schedule |= {"jitter": f"{delay * 60}s", "jitterMode": "JITTER_MODE_HASH"}
            reasons.append(Note("R3_RANDOM", RANDOM_DELAY.format(delay=delay)))
        if zone[1] and not times.follows_clock and self._host_changes():
            exactness = APPROXIMATE
            reasons.append(Note("R10_HOLE", HOLE))
        return Found(
            key,
            schedule,
            becomes,
            exactness,
            reasons=tuple(reasons),
            warnings=tuple(warnings),
            raw=line.raw,
        )

    def _host_changes(self) -> bool:
        """Whether the host's own clock may be changed."""
        if not self.options.timezone:
            return True
        return changes_clock(zone_of(self.options.timezone), self.options.at)


_HINT = "z4j-adapter import --from cron --help shows examples"
