"""`--from dramatiq`: actors with periodiq's option, and jobs of dramatiq-crontab."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from z4j_adapters._options import Parser
from z4j_adapters.engines.dramatiq.importing.crontab import crontab_entry, crontab_jobs
from z4j_adapters.engines.dramatiq.importing.periodic import periodiq_entry
from z4j_adapters.transfer.isolate import foreign
from z4j_adapters.transfer.locate import MEND, load_module, work_in
from z4j_adapters.transfer.model import Found, Importer, Refused, Source, SourceError

__all__ = ["DramatiqImporter"]

HELP = """\
Read the schedules of Dramatiq's actors: those of periodiq (the actor option `periodic`) and those
of dramatiq-crontab (@cron, @interval).  Your modules are imported, nothing else is done: no broker
is connected, and no scheduler started.

examples:
  # periodiq follows the clock of its host: say which zone that is.
  z4j-adapter import --from dramatiq --dramatiq-broker shop.tasks --timezone Europe/Berlin

  # dramatiq-crontab, in a Django project; it knows the zone.
  z4j-adapter import --from dramatiq --dramatiq-broker shop.broker \\
      --django-settings shop.settings --dramatiq-module shop.mail.tasks

Jobs of an APScheduler of your own around actors: --from apscheduler --engine dramatiq.

what is refused, and why: periodiq's Sundays as 0 or sun, which it never runs; times that never
come; a host's clock until --timezone says which zone it shows."""

PACKAGES = ("dramatiq", "periodiq", "dramatiq-crontab", "APScheduler")


class DramatiqImporter(Importer):
    """See Importer."""

    summary = "Dramatiq's actors with periodiq or dramatiq-crontab"
    help = HELP
    packages = {"dramatiq": "dramatiq", "django": "django"}  # noqa: RUF012

    @classmethod
    def arguments(cls, parser: Parser) -> None:
        parser.option(
            "dramatiq-broker", help="as in `dramatiq`: module, or module:broker (required)"
        )
        parser.option(
            "dramatiq-module",
            repeat=True,
            metavar="NAME",
            help="import this module's actors, too; repeat for more",
        )
        parser.option("django-settings", metavar="MODULE", help="set Django up with these first")
        parser.option("workdir", type=Path, help="folder to import from (default: here)")

    def source(self) -> Source:
        from dramatiq.cli import import_broker

        options = self.options
        name = options.dramatiq_broker
        if not name:
            raise SourceError("WRONG_USAGE", "give --dramatiq-broker MODULE[:BROKER]")
        folder = work_in(options.workdir)
        if options.django_settings:
            import django

            os.environ["DJANGO_SETTINGS_MODULE"] = options.django_settings
            foreign(f"--django-settings {options.django_settings}", django.setup, remedy=MEND)
        _, self._broker = foreign(
            f"--dramatiq-broker {name}, imported from {folder}",
            lambda: import_broker(name),
            remedy=MEND,
        )
        for module in options.dramatiq_module or ():
            load_module("dramatiq-module", module)
        self._periodic = [a for a in self._broker.actors.values() if "periodic" in a.options]
        self._jobs = crontab_jobs()
        return Source("dramatiq", version("dramatiq"), name, _versions())

    def total(self) -> int | None:
        return len(self._periodic) + len(self._jobs)

    def read(self) -> Iterator[Found | Refused]:
        names: Counter[str] = Counter()

        def key_of(name: str) -> str:
            names[name] += 1
            return name if names[name] == 1 else f"{name} #{names[name]}"

        for actor in self._periodic:
            key = key_of(actor.actor_name)
            try:
                yield periodiq_entry(key, actor, self._skip_delay(), self.options.timezone)
            except Exception as error:
                yield _unreadable(key, error)
        for job in self._jobs:
            key = key_of(str(job.name))
            try:
                yield from crontab_entry(key, job, self.options.at)
            except Exception as error:
                yield _unreadable(key, error)

    def _skip_delay(self) -> float | None:
        """Seconds after which periodiq's middleware drops a message; None: it is not there."""
        for middleware in self._broker.middleware:
            if type(middleware).__name__ == "PeriodiqMiddleware":
                return float(middleware.skip_delay)
        return None


def _unreadable(key: str, error: Exception) -> Refused:
    reason = f"it cannot be read: {type(error).__name__}: {error}"
    return Refused(key, "R1_OPAQUE", reason, "write it with the library's own cron(…)", key)


def _versions() -> dict[str, str]:
    found = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
