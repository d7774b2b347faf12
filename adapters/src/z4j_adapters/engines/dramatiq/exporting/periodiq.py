"""`--to periodiq`: a Python module that gives actors the option `periodic`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta, tzinfo
from importlib.metadata import version
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

from z4j_adapters.engines.dramatiq.exporting.actors import Actors, stub_broker
from z4j_adapters.transfer.cron_fields import field_text
from z4j_adapters.transfer.exporting.days import Days, days_of
from z4j_adapters.transfer.exporting.limits import cron_of
from z4j_adapters.transfer.exporting.model import Cron, Exporter, NotHeld, Target, Wanted, Written
from z4j_adapters.transfer.exporting.python import literal, run_file
from z4j_adapters.transfer.exporting.zones import OneZone
from z4j_adapters.transfer.model import Fires, Found, Refused
from z4j_adapters.transfer.nominal import changes
from z4j_adapters.transfer.values import EPOCH
from z4j_adapters.transfer.zones import zone_of

__all__ = ["PeriodiqExporter"]

HELP = """\
Write a Python module whose install(broker) gives actors of Dramatiq the option `periodic`, for
periodiq.

examples:
  z4j-scheduler export --to periodiq --output schedules.py --timezone Europe/Berlin

how it is loaded, below the imports of your actors, where `periodiq` and the workers import it:
  import schedules
  schedules.install(broker)

what is written: cron texts, with lists for all fields; Sunday is 7.  An actor has one schedule.
periodiq follows the clock of its host, which is to be that of --timezone, or else of most
schedules; those of other zones are refused.  The expiry, which all of them share, is the
skip_delay of its middleware.

what is refused, by name: arguments; a second schedule of an actor; crons whose day fields both
restrict and must both match; seconds, years, ISO weeks, L and W; intervals, one-shots, solar and
calendar intervals; start_time, end_time, max_fires; paused schedules; another expiry than the
first one's; times that a change of the clock leaves out or repeats, where periodiq does
otherwise than leave them out and run them twice; times that periodiq itself sleeps over, such as
those of the day on which the clock is put forward, unless a schedule for each minute is among
them; and priority, overlap, jitter and run_retry, which --drop leaves out."""

FIRES = 100  # Of so many due times in a row periodiq is asked when it would wake up.
DAYS = 800  # So far ahead changes of the clock are looked for.
DAY, CLOSE = timedelta(days=1), timedelta(hours=3)
EACH_MINUTE = "* * * * *"
WAKE = f"export a schedule for each minute ({EACH_MINUTE}) beside it, which keeps periodiq awake"
_NONE_YET = timedelta(-1)


class PeriodiqExporter(Exporter):
    """See Exporter."""

    summary = "a module that gives Dramatiq's actors periodiq's crons"
    help = HELP
    packages = {"dramatiq": "dramatiq", "periodiq": "periodiq"}  # noqa: RUF012
    engine = "dramatiq"
    zone: OneZone

    def target(self) -> Target:
        import periodiq  # noqa: F401

        self.zone = OneZone(self.options.timezone)
        self._actors = Actors()
        self._ids: dict[str, str] = {}
        self._expires: timedelta | None = _NONE_YET
        versions = {name: version(name) for name in ("dramatiq", "periodiq")}
        return Target("periodiq", versions["periodiq"], versions)

    def add(self, wanted: Wanted) -> Written:
        text = _text(cron_of(wanted, "periodiq"))
        self._actors.check(wanted, "periodiq")
        if wanted.task in self._ids:
            raise NotHeld(
                f"an actor has one schedule, and this one has that of {self._ids[wanted.task]}",
                "write one actor for each schedule",
            )
        if self._expires not in (_NONE_YET, wanted.expires):
            raise NotHeld(
                f"it expires after {wanted.expires or 'no time'}, and periodiq's skip_delay is one "
                f"for all: {self._expires or 'none'}",
                "export it to a file of its own, or let all expire alike",
            )
        self.zone.check(wanted, self.options.at)
        self._expires = wanted.expires
        self._ids[wanted.task] = wanted.id
        entry = {**self._actors.add(wanted), "cron": text}
        return Written(wanted, (wanted.id,), entry, f"cron({text!r})")

    def write(self, written: Sequence[Written], to: Path) -> None:
        expires = None if self._expires == _NONE_YET else self._expires
        text = _MODULE.format(
            zone=self.zone.name,
            skip_delay=None if expires is None else expires.total_seconds(),
            schedules=literal([each.entry for each in written]),
        )
        to.write_text(text, encoding="utf-8")

    def read_back(self, path: Path) -> Iterator[Found | Refused]:
        from z4j_adapters.engines.dramatiq.importing.periodic import periodiq_entry

        module = run_file(path)
        with stub_broker(module["SCHEDULES"]) as broker:
            module["install"](broker)
            specs = {name: actor.options["periodic"] for name, actor in broker.actors.items()}
            never_sleeps = any(str(spec) == EACH_MINUTE for spec in specs.values())
            for name, actor in broker.actors.items():
                entry = periodiq_entry(self._ids[name], actor, module["SKIP_DELAY"], self.zone.name)
                yield entry if never_sleeps else self._awake(entry, specs[name])

    def _awake(self, entry: Found | Refused, spec: Any) -> Found | Refused:
        """Refuse what periodiq itself would sleep over."""
        if not isinstance(entry, Found) or entry.fires is None:
            return entry
        zone = zone_of(self.zone.name)
        for start in _starts(entry.fires, zone, self.options.at):
            missed = _missed(spec, entry.fires(start, FIRES), zone)
            if missed is not None:
                reason = (
                    f"periodiq sleeps over {missed:%Y-%m-%d %H:%M}: after the run before it works "
                    "out a later date to wake up at"
                )
                return Refused(entry.key, "R9_SLEEPS_OVER", reason, WAKE, entry.key)
        return entry


def _text(cron: Cron) -> str:
    if cron.either_day and not (cron.any_day or cron.any_weekday or cron.has_special_days):
        part = Days(cron.days, cron.weekdays)
    else:
        (part, *more) = days_of(cron)
        if more or not (len(part.days) == 31 or len(part.weekdays) == 7):
            raise NotHeld(
                "its day of the month and of the week must both match; to periodiq either suffices",
                "let one day field be *, or use dramatiq-crontab",
            )
    weekdays = "*"
    if len(part.weekdays) < 7:
        weekdays = ",".join(str(day) for day in sorted(day or 7 for day in part.weekdays))
    return " ".join(
        (
            field_text("minute", cron.minutes),
            field_text("hour", cron.hours),
            field_text("dayOfMonth", part.days),
            field_text("month", cron.months),
            weekdays,
        )
    )


def _starts(fires: Fires, zone: tzinfo, at: datetime) -> Iterator[datetime]:
    """From where periodiq is watched: now, and before the next two changes of the clock."""
    yield at
    times = fires(at, FIRES)
    rest = max((b - a for a, b in pairwise(times)), default=0) * timedelta(microseconds=1)
    for change in islice((each for each in changes(zone, at.date(), DAYS) if each > at), 2):
        yield max(at, change - rest - DAY)
        yield max(at, change - CLOSE)


def _missed(spec: Any, times: list[int], zone: tzinfo) -> datetime | None:
    """The first of the due times that periodiq, awake at the one before, does not wake up at."""
    import pendulum

    at = None
    for micros in times:
        due = pendulum.instance((EPOCH + timedelta(microseconds=micros)).astimezone(zone))
        while at is not None and at < due:
            at = spec.next_valid_date(at)
        if at is not None and at > due:
            return due
        at = due
    return None


_MODULE = '''\
"""Periodic actors for periodiq, as z4j-scheduler exported them.

    import schedules
    schedules.install(broker)

periodiq is to run on a host with the clock of {zone}.
"""

from periodiq import PeriodiqMiddleware, cron

SKIP_DELAY = {skip_delay}  # Seconds after which a message is not run any more; None: it always is.

SCHEDULES = {schedules}


def install(broker):
    """Give the actors of a broker their crons, and the broker the middleware with that delay."""
    own = [each.skip_delay for each in broker.middleware if isinstance(each, PeriodiqMiddleware)]
    if own and own != [SKIP_DELAY]:
        raise ValueError(f"the broker's PeriodiqMiddleware has skip_delay {{own[0]}}")
    if not own and SKIP_DELAY is not None:
        broker.add_middleware(PeriodiqMiddleware(skip_delay=SKIP_DELAY))
    for each in SCHEDULES:
        actor = broker.get_actor(each["actor"])
        if actor.queue_name != each.get("queue", actor.queue_name):
            raise ValueError(f"{{actor.actor_name}} sends to {{actor.queue_name}}")
        actor.options["periodic"] = cron(each["cron"])
'''
