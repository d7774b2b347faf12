"""`--from rq-scheduler`: the repeated jobs of the package rq-scheduler."""

from __future__ import annotations

import platform
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any, ClassVar

from z4j_adapters._options import Parser
from z4j_adapters.engines.rq.importing.crontabs import box_of, table_fires, table_of
from z4j_adapters.engines.rq.importing.stored import (
    StoredJob,
    Unfit,
    open_redis,
    read_job,
    scored,
    stored_task,
)
from z4j_adapters.transfer.boxes import Box
from z4j_adapters.transfer.dst import difference, gaps, listed, looked_until
from z4j_adapters.transfer.model import (
    APPROXIMATE,
    EQUAL_SET,
    EXACT,
    Fires,
    Found,
    Importer,
    Note,
    Refused,
    Source,
)
from z4j_adapters.transfer.nominal import Nominal
from z4j_adapters.transfer.values import EPOCH, duration, micros, redact, timestamp
from z4j_adapters.transfer.zones import zone_of

__all__ = ["LIBRARY_ENDS", "RqSchedulerImporter", "scheduler_libraries"]

OWN_META = ("interval", "repeat", "cron_string", "use_local_timezone", "queue_class_name")
LATE = timedelta(days=366)
LIBRARY_ENDS = datetime(2099, 12, 30, tzinfo=timezone.utc)  # As the package crontab does.
HELP = """\
Read the jobs of rq-scheduler: cron jobs, intervals and single ones.  Redis is only read, and what
is pickled there cannot run anything.

examples:
  z4j-adapter import --from rq-scheduler --redis-url redis://localhost:6379/0 \\
      --timezone Europe/Berlin

--timezone is the zone of the host on which rq-scheduler runs: its cron follows that clock, whatever
use_local_timezone says, and nothing in Redis names it.  It is required if there is a cron job.

what becomes of it:
  cron        cron in that zone, its five, six (with a year) or seven fields (with a second, too)
  interval    interval, from its next run on
  repeat      max_fires: the runs that are left
  one time    one shot
  timeout, result_ttl, ttl, meta   engine options, and expires for ttl"""


class RqSchedulerImporter(Importer):
    """Repeated jobs."""

    summary: ClassVar[str] = "rq-scheduler: cron, interval and single jobs in Redis"
    help: ClassVar[str] = HELP
    packages: ClassVar[Mapping[str, str]] = {
        "rq": "rq", "redis": "redis", "crontab": "crontab", "rq_scheduler": "rq-scheduler",
    }  # fmt: skip

    @classmethod
    def arguments(cls, parser: Parser) -> None:
        parser.option("redis-url", required=True, metavar="URL", help="Redis of the jobs")
        parser.option(
            "scheduled-key",
            default="rq:scheduler:scheduled_jobs",
            metavar="KEY",
            help="its sorted set (default: rq:scheduler:scheduled_jobs)",
        )

    def source(self) -> Source:
        libraries = scheduler_libraries()
        self._client = open_redis(self.options.redis_url)
        locator = redact(self.options.redis_url)
        return Source(
            "rq-scheduler", libraries["rq-scheduler"], locator, libraries, ends=LIBRARY_ENDS
        )

    def read(self) -> Iterator[Found | Refused]:
        yield from self.read_from(self._client)

    def read_from(self, client: Any) -> Iterator[Found | Refused]:
        """Read the jobs of an open Redis, or of what answers like one."""
        for job_id, score, values in scored(client, self.options.scheduled_key):
            raw = ""
            try:
                job = read_job(values)
                raw = _raw(job, score)
                yield from self._entries(job_id, EPOCH + timedelta(seconds=score), job, raw)
            except Unfit as error:
                yield Refused(job_id, error.code, error.reason, error.remedy, job_id, raw)

    def _entries(self, key: str, at: datetime, job: StoredJob, raw: str) -> Iterator[Found]:
        if job.meta.get("queue_class_name"):
            job.warnings.append(
                Note("QUEUE_CLASS", f"its queue class {job.meta['queue_class_name']} is not used: "
                     "give the adapter --queue-class")
            )  # fmt: skip
        meta = {name: value for name, value in job.meta.items() if name not in OWN_META}
        schedule = stored_task(replace(job, meta=meta))
        # It comes late after an outage, however long that was, and then once.
        schedule |= {"catchUp": "CATCH_UP_FIRE_ONE", "catchUpWindow": duration(LATE)}
        repeat = job.meta.get("repeat")
        if repeat is not None:
            schedule["maxFires"] = str(max(1, int(repeat)))
        common: dict[str, Any] = {"warnings": tuple(job.warnings), "raw": raw}
        if interval := job.meta.get("interval"):
            yield _interval(key, at, int(interval), schedule, repeat, common)
        elif expression := job.meta.get("cron_string"):
            yield from self._cron(key, at, str(expression), schedule, common)
        else:
            schedule["spec"] = {"oneShot": {"fireTime": timestamp(at)}}
            yield Found(
                key, schedule, f"once at {timestamp(at)}", fires=_grid(at, None, 1), **common
            )

    def _cron(
        self, key: str, at: datetime, expression: str, schedule: dict[str, Any],
        common: dict[str, Any],
    ) -> Iterator[Found]:  # fmt: skip
        name = self.options.timezone
        if name is None:
            raise Unfit(
                "R4_ZONE", "its cron follows the clock of the host that runs rq-scheduler, which "
                "nothing in Redis names", "give --timezone with the zone of that host",
            )  # fmt: skip
        zone = zone_of(name)
        table = table_of(expression)
        box = box_of(table)
        fires = table_fires(table, zone)
        nominal = _nominal(box, zone)
        if box.empty or next(nominal.after(EPOCH + timedelta(days=2)), None) is None:
            raise Unfit("R6_NEVER_FIRES", f"{expression!r} matches no date", "leave it out")
        specs = list(box.specs())
        exactness = EXACT if len(specs) == 1 else EQUAL_SET
        reasons: list[Note] = []
        start = self.options.at
        if odd := _odd_changes(expression, name, start):
            exactness = APPROXIMATE
            reasons.append(Note("DST_DIFFERS", odd))
        warnings = [*common["warnings"], *_doubts(box, at, zone, name, start)]
        for number, (spec, becomes) in enumerate(specs, 1):
            yield Found(
                key=key,
                schedule={
                    **schedule,
                    "spec": {"cron": spec},
                    "timeZone": name,
                    "gap": "GAP_POLICY_NEXT_VALID",
                    "fold": "FOLD_POLICY_FIRST",
                },
                becomes=becomes,
                exactness=exactness,
                reasons=tuple(reasons),
                warnings=tuple(warnings),
                raw=common["raw"],
                finished=next(nominal.after(start), None) is None,
                member=number if len(specs) > 1 else None,
                fires=_limited(fires, start, schedule.get("maxFires")) if number == 1 else None,
            )


def scheduler_libraries() -> dict[str, str]:
    """Versions of all that decides when rq-scheduler fires; its own is "rq-scheduler".

    Raises:
        ModuleNotFoundError: One is missing.
    """
    libraries = {"python": platform.python_version()}
    for name in ("rq-scheduler", "rq", "crontab"):
        try:
            libraries[name] = version(name)
        except PackageNotFoundError:
            module = name.replace("-", "_")
            raise ModuleNotFoundError(f"No module named {module!r}", name=module) from None
    return libraries


def _nominal(box: Box, zone: tzinfo) -> Nominal:
    return Nominal([box], zone, gap="SKIP", fold="FIRST")


@lru_cache(maxsize=10_000)  # Many jobs have the same times, and the library is slow.
def _odd_changes(expression: str, zone_name: str, start: datetime) -> str:
    """What the library does else than we do when the clocks change, and when; or nothing."""
    zone, table = zone_of(zone_name), table_of(expression)
    nominal, fires = _nominal(box_of(table), zone), table_fires(table, zone)
    # Each time that is left out is enqueued again and again, whatever else is due there.
    if left_out := listed(gaps(nominal, zone, start)):
        return (
            "a time that a change of the clocks leaves out is enqueued early there, and again "
            "every minute until the change; here it runs once, right after the change; until "
            f"{looked_until(nominal, start):%Y-%m-%d}: {left_out}"
        )
    found = difference(nominal, fires, zone, start, LIBRARY_ENDS)
    return f"it leaves its rule when the clocks change, {found}" if found else ""


def _interval(
    key: str, at: datetime, interval: int, schedule: dict[str, Any], repeat: Any,
    common: dict[str, Any],
) -> Found:  # fmt: skip
    span = timedelta(seconds=interval)
    if interval < 1:
        raise Unfit("PERIOD_TOO_SHORT", f"its interval is {interval}", "give 1 s or more")
    schedule["spec"] = {"interval": {"period": duration(span), "anchorTime": timestamp(at)}}
    reason = Note(
        "COUNTS_FROM_RUN",
        "rq-scheduler counts from when it enqueued the run before, which a look every minute makes "
        "late; here the grid stays where its next run puts it",
    )
    return Found(
        key, schedule, f"every {duration(span)} from {timestamp(at)}", reasons=(reason,),
        fires=_grid(at, span, None if repeat is None else max(1, int(repeat))), **common,
    )  # fmt: skip


def _limited(fires: Fires, start: datetime, runs: str | None) -> Fires:
    """The first `runs` of the times from `start` on; None: all."""
    if runs is None:
        return fires

    def limited(after: datetime, count: int) -> list[int]:
        most = min(int(runs), count) if after <= start else int(runs)
        return [at for at in fires(start, most) if at > micros(after)][:count]

    return limited


def _grid(at: datetime, span: timedelta | None, runs: int | None) -> Fires:
    def fires(after: datetime, count: int) -> list[int]:
        first = 0 if after < at or span is None else (after - at) // span + 1
        if span is None:
            return [micros(at)] if at > after and count else []
        count = count if runs is None else min(count, max(0, runs - first))
        return [micros(at + span * (first + number)) for number in range(count)]

    return fires


def _doubts(box: Box, at: datetime, zone: Any, name: str, now: datetime) -> list[Note]:
    """Whether the stored next run is one of that zone."""
    wall = at.astimezone(zone)
    fits = (
        box.has_day(wall.date())
        and wall.hour in box.hour
        and wall.minute in box.minute
        and wall.second in box.second
    )
    if fits or at < now:
        return []
    return [
        Note("ZONE_DOUBTFUL", f"its next run is stored as {timestamp(at)}, which is "
             f"{wall:%Y-%m-%d %H:%M} in {name} and does not match: is that the host's zone?")
    ]  # fmt: skip


def _raw(job: StoredJob, score: float) -> str:
    own = [f"{name}={job.meta[name]!r}" for name in OWN_META if name in job.meta]
    return " ".join([job.func, *own, f"score={score:.0f}"])
