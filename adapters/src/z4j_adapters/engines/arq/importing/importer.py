"""`--from arq`: what the cron jobs of a worker's settings become."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import timezone, tzinfo
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from z4j_adapters._options import Parser
from z4j_adapters.engines.arq.importing.times import Never, Unreadable, read_times, shown
from z4j_adapters.transfer.locate import load_object
from z4j_adapters.transfer.model import Found, Importer, Note, Refused, Source, SourceError
from z4j_adapters.transfer.values import Inexact, json_text
from z4j_adapters.transfer.wall import changes_clock
from z4j_adapters.transfer.zones import fixed_zone_name, zone_of

__all__ = ["ArqImporter"]

HELP = """\
Read the cron jobs of arq's workers: cron_jobs in their settings.  Your module is imported, nothing
else is done: no worker is needed, and Redis is not touched.

examples:
  z4j-adapter import --from arq --arq-settings shop.worker.WorkerSettings --timezone Europe/Berlin

  # With a timezone in the settings there is nothing to say.
  z4j-adapter import --from arq --arq-settings shop.worker.WorkerSettings

before: arq's workers know a coroutine of cron_jobs as "cron:name", and only while it stands there.
List it in `functions` as well, by which the scheduler calls it:
  functions = [nightly]            # or func(nightly, max_tries=1, timeout=600)

what is refused, and why: jobs that are not in `functions`; times that never come (arq's worker
hangs on them); a worker without a timezone, until --timezone says which one is meant."""

OF_CRON = ("max_tries", "timeout_s", "keep_result_s")


class ArqImporter(Importer):
    """See Importer."""

    summary = "arq's cron jobs"
    help = HELP
    packages = {"arq": "arq"}  # noqa: RUF012

    @classmethod
    def arguments(cls, parser: Parser) -> None:
        parser.option("arq-settings", help="as on arq's command line: module.Class (required)")
        parser.option("workdir", type=Path, help="folder to import them from (default: here)")

    def source(self) -> Source:
        from arq.worker import get_kwargs

        name = self.options.arq_settings
        settings = load_object("arq-settings", name, self.options.workdir)
        try:
            found = get_kwargs(settings)  # As the worker does.
        except Exception as error:
            raise SourceError(
                "WRONG_USAGE", f"--arq-settings {name} is a {type(settings).__name__}: {error}"
            ) from error
        self.open(found)
        installed = version("arq")
        return Source("arq", installed, name, {"arq": installed})

    def open(self, settings: dict[str, Any]) -> None:
        """Let `read` read these settings of a worker."""
        self._settings = settings
        self._jobs = list(settings.get("cron_jobs") or ())
        self._zone, self._zone_note = self._read_zone()

    def total(self) -> int | None:
        return len(self._jobs)

    def read(self) -> Iterator[Found | Refused]:
        functions = self._functions()
        names: Counter[str] = Counter()
        for job in self._jobs:
            key = str(getattr(job, "name", job))
            names[key] += 1
            if names[key] > 1:
                key += f" #{names[key]}"
            try:
                yield self._entry(key, job, functions)
            except Exception as error:
                yield Refused(
                    key,
                    "R1_OPAQUE",
                    f"it cannot be read: {type(error).__name__}: {error}",
                    "make it with arq.cron(…)",
                    key,
                )

    def _functions(self) -> list[Any]:
        from arq.worker import func

        found = []
        for each in self._settings.get("functions") or ():
            try:
                found.append(func(each))
            except Exception:
                continue  # The worker itself would not start; its cron jobs can still be read.
        return found

    def _entry(self, key: str, job: Any, functions: list[Any]) -> Found | Refused:
        raw = shown(job)

        def refused(code: str, reason: str, remedy: str) -> Refused:
            return Refused(key, code, reason, remedy, key, raw)

        try:
            times = read_times(job)
        except Never as error:
            return refused("R6_NEVER_FIRES", str(error), "write the times that are meant")
        except Unreadable as error:
            return refused("R1_OPAQUE", str(error), "write numbers, or sets of numbers")
        if self._zone is None:
            return refused(self._zone_note.code, self._zone_note.message, _NAME_ZONE)
        try:
            coroutine, arguments = _call(job)
        except Inexact as error:
            return refused("R2_ARGUMENTS", str(error), "give text, numbers, lists, dicts by name")
        function = next((each for each in functions if each.coroutine is coroutine), None)
        if function is None:
            return refused(
                "NO_ENGINE_TASK",
                f"workers know it as {job.name!r} alone, and only while it stands in cron_jobs",
                f"add {coroutine.__qualname__} to functions, and import again",
            )
        spec, becomes = times.spec()
        schedule: dict[str, Any] = {
            "engine": "arq",
            "task": function.name,
            **arguments,
            "spec": {"cron": spec},
            "timeZone": self._zone,
            "gap": "GAP_POLICY_NEXT_VALID",
            "fold": "FOLD_POLICY_FIRST",
            "catchUp": "CATCH_UP_SKIP",
        }
        if self._settings.get("queue_name"):
            schedule["queue"] = str(self._settings["queue_name"])
        if job.job_id:
            schedule["overlap"] = "OVERLAP_SKIP"
        return Found(
            key,
            schedule,
            becomes,
            warnings=tuple(self._warnings(job, function, times.runs_a_day)),
            raw=raw,
            fires=times.fires(zone_of(self._zone)),
        )

    def _read_zone(self) -> tuple[str | None, Note]:
        """The worker's zone, or none and why."""
        zone = self._settings.get("timezone")
        if isinstance(zone, ZoneInfo) and zone.key:
            return zone.key, Note("", "")
        if type(zone) is timezone:
            try:
                return fixed_zone_name(zone.utcoffset(None)), Note("", "")
            except ValueError as error:
                return self.options.timezone, Note("R4_ZONE", str(error))
        frozen = (
            "arq keeps the offset that its host's clock had when the worker started, so its times "
            "move with every change of the clock, until it is started again"
        )
        if isinstance(zone, tzinfo):
            frozen = f"its timezone is a {type(zone).__module__} object: {frozen}"
        return self.options.timezone, Note("R4_ZONE", frozen)

    def _warnings(self, job: Any, function: Any, runs_a_day: int) -> Iterator[Note]:
        assert self._zone is not None
        if self._zone_note.code:
            yield Note("FROZEN_OFFSET", f"here it follows {self._zone}; {self._zone_note.message}")
        if runs_a_day > 1 and changes_clock(zone_of(self._zone), self.options.at):
            yield Note(
                "R10_DUPLICATES",
                "times of the hour that the clock leaves out all run when it is put forward: in "
                "arq each of them, here once",
            )
        if job.run_at_startup:
            yield Note(
                "R7_STARTUP",
                "run_at_startup: arq also runs it whenever a worker starts; that is not imported",
            )
        if not job.unique:
            yield Note(
                "NOT_UNIQUE", "unique=False: arq runs it once in each worker; here it runs once"
            )
        if job.job_id:
            yield Note(
                "JOB_ID",
                f"job_id={job.job_id!r}: arq leaves a run out while a job of this id waits or "
                "runs, or its result is kept; here, while its own run before has not ended",
            )
        yield from self._differing(job, function)

    def _differing(self, job: Any, function: Any) -> Iterator[Note]:
        """Settings of the cron job that its function does not have."""
        # What the worker takes where a function says nothing.
        usual = {
            "max_tries": self._settings.get("max_tries", 5),
            "timeout_s": self._settings.get("job_timeout", 300),
            "keep_result_s": self._settings.get("keep_result", 3600),
        }
        for name in OF_CRON:
            wanted = getattr(job, name)
            if name == "keep_result_s" and not wanted:
                continue  # Of cron jobs arq keeps none; here they say how a run ended.
            has = getattr(function, name)
            has = usual[name] if has is None else has
            wanted = usual[name] if wanted is None else wanted
            if _seconds(has) != _seconds(wanted):
                option = name.removesuffix("_s")
                yield Note(
                    "OF_THE_FUNCTION",
                    f"{option} is {wanted} in cron(…), and {has} where it is called as "
                    f"{function.name}: write func({function.coroutine.__qualname__}, "
                    f"{option}={wanted}) in functions",
                )


def _call(job: Any) -> tuple[Any, dict[str, str]]:
    """The coroutine of a job, and the arguments that functools.partial gives it.

    Raises:
        Inexact: JSON does not hold them; or they come before arq's context.
    """
    coroutine = job.coroutine
    if not isinstance(coroutine, partial):
        return coroutine, {}
    if coroutine.args:
        raise Inexact("partial(…) gives it an argument in the place of arq's context")
    return coroutine.func, {"kwargsJson": json_text(coroutine.keywords)}


def _seconds(value: Any) -> float:
    return float(value.total_seconds() if hasattr(value, "total_seconds") else value)


_NAME_ZONE = (
    "give --timezone ZONE, such as Europe/Berlin; or timezone = ZoneInfo(…) in the settings"
)
