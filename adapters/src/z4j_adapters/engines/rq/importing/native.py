"""`--from rq`: RQ's cron jobs and what waits in its scheduled queues."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, ClassVar

from z4j_adapters._options import Parser
from z4j_adapters.engines.rq.importing.croniters import cron_fires, cron_spec
from z4j_adapters.engines.rq.importing.hosts import (
    HOST_ZONE_UNKNOWN,
    clock_rule,
    has_host_zone,
    rq_libraries,
)
from z4j_adapters.engines.rq.importing.stored import (
    StoredJob,
    Unfit,
    call_json,
    keep_seconds,
    open_redis,
    option_json,
    read_job,
    scored,
    stored_task,
)
from z4j_adapters.transfer.isolate import foreign
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
from z4j_adapters.transfer.values import EPOCH, duration, micros, redact, timestamp
from z4j_adapters.transfer.zones import zone_of

__all__ = ["RqImporter"]

UTC = timezone.utc
NOT_JSON = "<not JSON serializable>"
HELP = """\
Read RQ's own schedules: the cron jobs of `rq cron` (RQ 2.4 and newer), and the jobs that wait in
its scheduled queues.  Redis is only read, and what is pickled there cannot run anything.

examples:
  # the file that `rq cron` is started with
  z4j-adapter import --from rq --cron-config shop.cron_config --workdir /srv/shop

  # what a running `rq cron` has written to Redis, and the jobs of enqueue_at and enqueue_in
  z4j-adapter import --from rq --redis-url redis://localhost:6379/0

  # both: the file for the cron jobs, Redis for the waiting ones and for when intervals go on
  z4j-adapter import --from rq --cron-config shop.cron_config --redis-url redis://localhost:6379/0

what becomes of it:
  cron         cron in UTC; from RQ 3.0 on in the zone of the host of `rq cron`: --timezone
  interval     interval, from the next run on if Redis knows it
  enqueue_at   one shot
  job_timeout, result_ttl, failure_ttl, ttl, meta, Retry   engine options, and expires for ttl
  Repeat       refused: RQ repeats after a success only, and here a clock decides
  webhooks, callbacks, dependencies   refused

For the repeated jobs of rq-scheduler use --from rq-scheduler."""


class RqImporter(Importer):
    """Cron jobs and scheduled jobs."""

    summary: ClassVar[str] = "RQ: cron jobs of `rq cron`, and scheduled jobs in Redis"
    help: ClassVar[str] = HELP
    packages: ClassVar[Mapping[str, str]] = {"rq": "rq", "redis": "redis", "croniter": "croniter"}

    @classmethod
    def arguments(cls, parser: Parser) -> None:
        parser.option(
            "cron-config", metavar="MODULE", help="as `rq cron` takes it: a module, or a .py file"
        )
        parser.option("redis-url", metavar="URL", help="Redis of the jobs")
        parser.option("workdir", type=Path, help="folder to import from (default: here)")

    def source(self) -> Source:
        options = self.options
        if not options.cron_config and not options.redis_url:
            raise SourceError(
                "WRONG_USAGE", "give --cron-config, --redis-url or both",
                "z4j-adapter import --from rq --help",
            )  # fmt: skip
        libraries = rq_libraries(croniter=bool(options.cron_config))
        installed = libraries["rq"]
        self._zone = options.timezone if has_host_zone(installed) else "UTC"
        self._client = open_redis(options.redis_url) if options.redis_url else None
        self._jobs = self._configured() if options.cron_config else self._live()
        where = [options.cron_config, redact(options.redis_url) if options.redis_url else None]
        return Source("rq", installed, " ".join(filter(None, where)), libraries)

    def read(self) -> Iterator[Found | Refused]:
        names = [str(job.get("name") or job["func_name"]) for job in self._jobs]
        for name, job in zip(names, self._jobs, strict=True):
            trigger = job.get("cron") or f"{job.get('interval')}s"
            key = name if names.count(name) == 1 else f"{name} ({trigger})"
            raw = " ".join(f"{field}={value!r}" for field, value in sorted(job.items())
                           if value is not None and field != "func")  # fmt: skip
            try:
                yield self._cron_job(key, job, raw)
            except Unfit as error:
                yield Refused(key, error.code, error.reason, error.remedy, key, raw)
        if self._client is not None:
            yield from self._scheduled()

    def _cron_job(self, key: str, job: Mapping[str, Any], raw: str) -> Found:
        warnings: list[Note] = []
        reasons: list[Note] = []
        schedule = _task(job, warnings)
        schedule["catchUp"] = "CATCH_UP_SKIP"
        if job.get("cron"):
            expression = str(job["cron"])
            spec, becomes = cron_spec(expression)
            if self._zone is None:
                raise HOST_ZONE_UNKNOWN
            clock, left = clock_rule(expression, self._zone, self.options.at)
            schedule |= {"spec": {"cron": spec}, "timeZone": self._zone, **clock}
            return Found(key, schedule, becomes, APPROXIMATE if left else EXACT, left,
                         tuple(warnings), raw,
                         fires=cron_fires(expression, zone_of(self._zone)))  # fmt: skip
        period = job.get("interval")
        if type(period) is not int or period < 1:
            raise Unfit("PERIOD_TOO_SHORT", f"its interval is {period!r}", "give 1 s or more")
        anchor = _next_run(job)
        if anchor is None:
            anchor = self.options.at
            reasons.append(
                Note("STARTS_NOW", "`rq cron` runs an interval at once whenever it starts, and "
                     "counts from there; here it is counted from the import on")
            )  # fmt: skip
        span = timedelta(seconds=period)
        schedule["spec"] = {"interval": {"period": duration(span), "anchorTime": timestamp(anchor)}}
        becomes = f"every {duration(span)} from {timestamp(anchor)}"

        def fires(after: datetime, count: int) -> list[int]:
            at = anchor + span * max(0, (after - anchor) // span + 1)
            return [micros(at + span * number) for number in range(count)]

        return Found(key, schedule, becomes, reasons=tuple(reasons), warnings=tuple(warnings),
                     raw=raw, fires=fires)  # fmt: skip

    def _configured(self) -> list[dict[str, Any]]:
        """Load the config as RQ does, and keep what it registers."""
        try:
            from rq.cron import CronScheduler
        except ImportError:
            raise SourceError(
                "WRONG_VERSION", "this RQ has no cron jobs yet", "they came with RQ 2.4"
            ) from None
        config = str(self.options.cron_config)
        caught: list[dict[str, Any]] = []

        class Catcher(CronScheduler):  # type: ignore[misc, unused-ignore]
            def register(self, **given: Any) -> None:
                caught.append(given)

        logging.getLogger("rq.cron").setLevel(logging.WARNING)
        sys.path.insert(0, str((self.options.workdir or Path.cwd()).resolve()))
        catcher = Catcher(connection=None)
        foreign(f"--cron-config {config}", lambda: catcher.load_config_from_file(config),
                remedy="give what `rq cron` is started with, and --workdir")  # fmt: skip
        known = {(job["func_name"], job.get("cron"), job.get("interval")): job
                 for job in (self._live() if self._client else [])}  # fmt: skip
        jobs = []
        for given in caught:
            func = given["func"]
            job = {**given, "func_name": f"{func.__module__}.{func.__name__}"}
            live = known.get((job["func_name"], job.get("cron"), job.get("interval")), {})
            job["next_enqueue_time"] = live.get("next_enqueue_time")
            jobs.append(job)
        return jobs

    def _live(self) -> list[dict[str, Any]]:
        """What running cron schedulers have written down, each job once."""
        assert self._client is not None
        jobs: dict[str, dict[str, Any]] = {}
        for key in sorted(self._client.scan_iter(b"rq:cron_scheduler:*", count=1000)):
            try:
                listed = json.loads(self._client.hget(key, "cron_jobs") or b"[]")
            except ValueError:
                continue
            for job in listed:
                same = {name: value for name, value in job.items() if "enqueue_time" not in name}
                jobs.setdefault(json.dumps(same, sort_keys=True), job)
        return [_decoded(job) for job in jobs.values()]

    def _scheduled(self) -> Iterator[Found | Refused]:
        assert self._client is not None
        for key in sorted(self._client.scan_iter(b"rq:scheduled:*", count=1000)):
            queue = key.decode("utf-8", "replace").removeprefix("rq:scheduled:")
            for job_id, score, values in scored(self._client, key):
                try:
                    yield _one_shot(job_id, score, read_job(values, queue))
                except Unfit as error:
                    yield Refused(job_id, error.code, error.reason, error.remedy, job_id)


def _one_shot(job_id: str, score: float, job: StoredJob) -> Found:
    if job.repeats_left:
        raise Unfit(
            "R7_REPEAT",
            f"it repeats itself {job.repeats_left} more times, each after a run that succeeded, "
            "and here a clock decides",
            "make it a cron job, or let the task enqueue what follows it",
        )
    at = EPOCH + timedelta(seconds=score)
    schedule = stored_task(job)
    schedule["spec"] = {"oneShot": {"fireTime": timestamp(at)}}
    schedule["catchUpWindow"] = duration(timedelta(days=366))

    def fires(after: datetime, count: int) -> list[int]:
        return [micros(at)] if at > after and count else []

    return Found(job_id, schedule, f"once at {timestamp(at)}", warnings=tuple(job.warnings),
                 raw=f"{job.func} at {timestamp(at)} in {job.queue}", fires=fires)  # fmt: skip


def _task(job: Mapping[str, Any], warnings: list[Note]) -> dict[str, Any]:
    func = str(job["func_name"])
    if "<" in func or func.startswith("__main__."):
        raise Unfit("R2_ARGUMENTS", f"workers cannot import {func}", "move it to a module")
    if any(job.get(name) == NOT_JSON for name in ("args", "kwargs", "meta")):
        raise Unfit(
            "R2_ARGUMENTS", "its arguments are not JSON, and Redis does not have them",
            "give --cron-config, and pass plain values",
        )  # fmt: skip
    if job.get("webhooks"):
        raise Unfit(
            "NO_COUNTERPART", "its webhooks have no counterpart here", "call them in the task"
        )
    args_json, kwargs_json = call_json(job.get("args") or (), job.get("kwargs") or {})
    options: dict[str, Any] = {}
    timeout = job.get("job_timeout")
    if timeout is not None:
        from rq.utils import parse_timeout

        options["timeout"] = parse_timeout(timeout)
    for name in ("result_ttl", "failure_ttl"):
        seconds = job.get(name)
        if isinstance(seconds, int):
            options[name] = keep_seconds(name, seconds, warnings)
    if job.get("meta"):
        options["meta"] = job["meta"]
    schedule: dict[str, Any] = {
        "engine": "rq",
        "task": func,
        "argsJson": args_json,
        "kwargsJson": kwargs_json,
        "queue": str(job["queue_name"]),
        "engineOptions": {name: option_json(name, value) for name, value in options.items()},
    }
    if job.get("ttl"):
        schedule["expires"] = duration(timedelta(seconds=int(job["ttl"])))
    return schedule


def _next_run(job: Mapping[str, Any]) -> datetime | None:
    text = job.get("next_enqueue_time")
    if not isinstance(text, str):
        return None
    try:
        at = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _decoded(job: dict[str, Any]) -> dict[str, Any]:
    """Arguments lie there as JSON within JSON."""
    for name in ("args", "kwargs", "meta"):
        text = job.get(name)
        if isinstance(text, str) and text != NOT_JSON:
            try:
                job[name] = json.loads(text)
            except ValueError:
                job[name] = NOT_JSON
    webhooks = job.get("webhooks")
    job["webhooks"] = None if webhooks in (None, "[]") else webhooks
    return job
