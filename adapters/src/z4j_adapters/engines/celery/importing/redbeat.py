"""`--from redbeat`: the entries that RedBeat keeps in Redis, read raw."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from z4j_adapters._options import Parser
from z4j_adapters.transfer.model import Found, Importer, Note, Refused, Source, SourceError
from z4j_adapters.transfer.values import redact
from z4j_adapters.transfer.zones import zone_of

if TYPE_CHECKING:
    from z4j_adapters.engines.celery.importing.shapes import Clock, Timing

__all__ = ["RedBeatImporter"]

PREFIX = "redbeat:"
BATCH = 500  # Keys in one pipeline.
NEVER_RAN = Note("OVERDUE", "it has never run: beat would run it at once when it starts")

HELP = """\
Read the entries that celery-redbeat keeps in Redis.  RedBeat itself is not needed, and nothing is
written.

examples:
  z4j-adapter import --from redbeat --celery-app proj.celery:app
  z4j-adapter import --from redbeat --redbeat-url redis://localhost:6379/1 --timezone Europe/Rome

what is read:
  schedule   crontab, interval (also relative), rrule where a schedule here has the same instants;
             the last run; enabled or not
  call       task, args, kwargs, options, as of a beat_schedule (see --from celery)
  zone       Redis does not tell it: it is the app's `timezone`, or give --timezone"""


class RedBeatImporter(Importer):
    """Reads Redis."""

    summary = "the entries of celery-redbeat in Redis"
    help = HELP
    packages = {"celery": "celery", "redis": "redis"}  # noqa: RUF012

    @classmethod
    def arguments(cls, parser: Parser) -> None:
        """Add the app, or where Redis is."""
        parser.option("celery-app", metavar="APP", help="the app, as in `celery -A`")
        parser.option("workdir", type=Path, help="folder to import the app from (default: here)")
        parser.option(
            "redbeat-url", metavar="URL", help="Redis (default: the app's redbeat_redis_url)"
        )
        parser.option(
            "redbeat-prefix", metavar="TEXT", help="redbeat_key_prefix (default: the app's)"
        )

    def source(self) -> Source:
        """Connect, and list the keys."""
        import redis

        from z4j_adapters.engines.celery.importing.apps import libraries, load_app

        options = self.options
        app = load_app(options.celery_app, options.workdir) if options.celery_app else None
        self.open(app)
        url = options.redbeat_url
        if app is not None:
            url = url or app.conf.get("redbeat_redis_url") or app.conf.broker_url
        if not url:
            raise SourceError(
                "WRONG_USAGE",
                "--from redbeat needs --celery-app or --redbeat-url",
                "--redbeat-url redis://localhost:6379/0",
            )
        try:
            self._redis = redis.Redis.from_url(url, decode_responses=True, socket_timeout=10)
            self._keys = sorted(self._scan())
        except (redis.RedisError, ValueError) as error:
            raise SourceError(
                "NO_SOURCE", f"{redact(url)}: {error}", "name the Redis that RedBeat uses"
            ) from None
        versions = libraries("celery-redbeat", "redis", "python-dateutil", "tzdata")
        version = versions.get("celery-redbeat", "2.4.2")
        return Source("redbeat", version, f"{redact(url)} {self._prefix}", versions)

    def open(self, app: Any) -> None:
        """Let `entry` take prefix and zone from this app, or, if it is None, from the options."""
        from z4j_adapters.engines.celery.importing.apps import zone_of_app

        options = self.options
        prefix = options.redbeat_prefix
        self._zone, self._zone_name = None, ""
        if app is not None:
            prefix = prefix or app.conf.get("redbeat_key_prefix")
            self._zone, self._zone_name = zone_of_app(app, options)
        elif options.timezone:
            self._zone, self._zone_name = zone_of(options.timezone), options.timezone
        self._prefix = prefix or PREFIX

    def read(self) -> Iterator[Found | Refused]:
        """Every entry, by key."""
        for begin in range(0, len(self._keys), BATCH):
            keys = self._keys[begin : begin + BATCH]
            pipeline = self._redis.pipeline(transaction=False)
            for key in keys:
                pipeline.hmget(key, ("definition", "meta"))
            for key, (definition, meta) in zip(keys, pipeline.execute(), strict=True):
                if definition is not None:
                    yield from self.entry(key, definition, meta)

    def leave_out(self, names: Collection[str]) -> dict[str, datetime]:
        """Let `read` pass over these entries; when those of them that have run did so last."""
        pipeline = self._redis.pipeline(transaction=False)
        named = [key for key in self._keys if key.removeprefix(self._prefix) in names]
        for key in named:
            pipeline.hget(key, "meta")
        self._keys = [key for key in self._keys if key.removeprefix(self._prefix) not in names]
        found = zip(named, pipeline.execute(), strict=True)
        runs = ((key.removeprefix(self._prefix), _last_run(meta)) for key, meta in found)
        return {name: run for name, run in runs if run is not None}

    def total(self) -> int | None:
        """How many keys there are."""
        return len(self._keys)

    def _scan(self) -> Iterator[str]:
        escaped = "".join(f"\\{c}" if c in "*?[]\\" else c for c in self._prefix)
        yield from self._redis.scan_iter(match=f"{escaped}*", count=1000, _type="hash")

    def entry(self, key: str, definition: str, meta: str | None) -> Iterator[Found | Refused]:
        """What the hash of a key becomes, which has these two fields."""
        from z4j_adapters.engines.celery.importing.entries import refused
        from z4j_adapters.engines.celery.importing.shapes import Unfit

        name = key.removeprefix(self._prefix)
        raw = definition + (f" {meta}" if meta else "")
        try:
            yield from list(self._found(name, json.loads(definition), meta, raw))
        except Unfit as unfit:
            yield refused(name, unfit, raw)
        except Exception as error:  # What no RedBeat has written.
            reason = f"it cannot be read: {type(error).__name__}: {error}"
            bad = Unfit("BAD_ENTRY", reason, "mend or delete the key; RedBeat fails on it, too")
            yield refused(name, bad, raw)

    def _found(
        self, name: str, stored: Mapping[str, Any], meta: str | None, raw: str
    ) -> Iterator[Found]:
        from z4j_adapters.engines.celery.importing.entries import Call, catch_up, found
        from z4j_adapters.engines.celery.importing.rrules import runs_left

        last_run = _last_run(meta)
        call = Call(
            stored["task"], stored.get("args"), stored.get("kwargs"), stored.get("options") or {}
        )
        more = catch_up(None)
        enabled = stored.get("enabled", True)
        if not enabled:
            more |= {"state": "STATE_PAUSED", "pause": {"reason": "disabled in RedBeat"}}
        schedule = stored["schedule"]
        timings = self._timings(schedule, last_run)
        left = None
        if schedule.get("__type__") == "rrule":
            left = runs_left(schedule, self.options.at)
            if left and len(timings) == 1:
                more["maxFires"] = left
        warnings = (NEVER_RAN,) if enabled and last_run is None else ()
        yield from found(
            name, call, timings, raw=raw, more=more, warnings=warnings, finished=left == 0
        )

    def _timings(self, stored: Mapping[str, Any], last_run: datetime | None) -> list[Timing]:
        from celery.schedules import crontab, schedule

        from z4j_adapters.engines.celery.importing.rrules import rule_timings
        from z4j_adapters.engines.celery.importing.shapes import Unfit
        from z4j_adapters.engines.celery.importing.timing import known_timings

        values = dict(stored)
        kind = values.pop("__type__", None)
        clock = self._clock(last_run)
        if kind == "crontab":
            return known_timings(crontab(**values), clock)
        if kind == "interval":
            return known_timings(schedule(values["every"], values.get("relative", False)), clock)
        if kind == "rrule":
            return rule_timings(values, clock.at)
        raise Unfit(
            "R1_OPAQUE", f"its schedule is of the type {kind!r}", "use crontab, interval or rrule"
        )

    def _clock(self, last_run: datetime | None) -> Clock:
        from z4j_adapters.engines.celery.importing.apps import celery_numbers
        from z4j_adapters.engines.celery.importing.shapes import Clock

        return Clock(
            self.options.at,
            self._zone,
            self._zone_name,
            celery_numbers(),
            last_run,
            "Redis does not tell the zone: it is the `timezone` of the app that runs beat",
        )


def _last_run(meta: str | None) -> datetime | None:
    return _instant((json.loads(meta) if meta else {}).get("last_run_at"))


def _instant(stored: Any) -> datetime | None:
    """A time as RedBeat writes it: its fields, and a zone or an offset in seconds."""
    if not isinstance(stored, Mapping):
        return None
    fields = {name: value for name, value in stored.items() if name != "__type__"}
    zone = fields.pop("timezone", "UTC")
    if isinstance(zone, (int, float)):
        offset = timezone(timedelta(seconds=zone))
        return datetime(**fields, tzinfo=offset).astimezone(timezone.utc)
    return datetime(**fields, tzinfo=zone_of(str(zone))).astimezone(timezone.utc)
