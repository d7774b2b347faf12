"""What many targets hold alike: crons of minutes, one zone for all, intervals without a phase."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta

from z4j_adapters.transfer.exporting.model import Cron, NotHeld, Wanted
from z4j_adapters.transfer.exporting.wanted import span_of
from z4j_adapters.transfer.model import Found, Note, Refused
from z4j_adapters.transfer.wall import changes_clock
from z4j_adapters.transfer.zones import zone_of

__all__ = ["OneZone", "any_phase", "cron_of", "elapsed_period", "keys_of", "same_periods"]

_KINDS = {
    "cron": "a cron",
    "interval": "an interval",
    "oneShot": "a one-shot",
    "solar": "a solar event",
    "calendarInterval": "a calendar interval",
}


def cron_of(wanted: Wanted, who: str, *, seconds: bool = False) -> Cron:
    """The cron of a schedule, of which `who`, a scheduler, holds all fields but perhaps the days.

    Args:
        seconds: Whether it has seconds, and a microsecond.
    Raises:
        NotHeld: It is none, or has other fields.
    """
    cron = wanted.cron
    if cron is None:
        kind = _KINDS.get(wanted.kind, wanted.kind)
        raise NotHeld(f"it is {kind}, and {who} has none", "make it a cron, or let it stay here")
    for held, what in (
        (seconds or (cron.seconds == {0} and not cron.microsecond), "seconds"),
        (cron.any_year, "years"),
        (cron.any_iso_week, "ISO weeks"),
    ):
        if not held:
            raise NotHeld(f"{who} has no {what}", f"leave {what} out of the cron")
    return cron


class OneZone:
    """The zone that all schedules of a target share: of --timezone, or else of the first one."""

    def __init__(self, given: str | None) -> None:
        self._name = given

    @property
    def name(self) -> str:
        """The zone; UTC as long as no schedule has named one."""
        return self._name or "UTC"

    def take(self, wanted: Wanted, who: str) -> None:
        """See that a schedule is in that zone.

        Raises:
            NotHeld: It is in another.
        """
        if self._name not in (None, wanted.time_zone):
            raise NotHeld(
                f"it is in {wanted.time_zone}, and {who} has one zone for all: {self._name}",
                f"export it to a file of its own, with --timezone {wanted.time_zone}",
                "R9_ZONE",
            )
        self._name = wanted.time_zone


def elapsed_period(wanted: Wanted, who: str, at: datetime) -> timedelta:
    """The period of an interval, in elapsed time.

    Raises:
        NotHeld: It is counted by a clock that is changed after `at`.
    """
    is_wall = wanted.spec.get("arithmetic") == "ARITHMETIC_WALL"
    if is_wall and changes_clock(zone_of(wanted.time_zone), at):
        raise NotHeld(
            f"its days keep their wall time in {wanted.time_zone}, and days of {who} have 24 hours",
            "make it a cron, or leave arithmetic out",
        )
    return span_of(wanted.spec["period"])


def any_phase(options: Namespace, who: str) -> Note:
    """Say that `who` keeps the period of an interval, and not its due times.

    Raises:
        NotHeld: Nobody said that this will do.
    """
    if not options.any_phase:
        raise NotHeld(
            f"{who} counts an interval from its own start, whenever that is",
            "--any-phase lets it begin there; or make it a cron",
            "R9_PHASE",
        )
    return Note(
        "ANY_PHASE", f"{who} counts from its start: the interval keeps its period, not its times"
    )


def same_periods(
    entries: Iterable[Found | Refused], periods: Mapping[str, timedelta]
) -> Iterator[Found | Refused]:
    """Refuse, of what was read back, intervals whose period is not that of their key."""
    for entry in entries:
        if isinstance(entry, Found) and entry.key in periods:
            interval = entry.schedule["spec"].get("interval", {})
            found = span_of(interval.get("period", "0s"))
            if found != periods[entry.key]:
                reason = f"its period is {periods[entry.key]} here, and would be {found} there"
                yield Refused(entry.key, "R9_DIFFERS", reason, "choose another period", entry.key)
                continue
        yield entry


def keys_of(wanted: Wanted, parts: int) -> tuple[str, ...]:
    """The names of the definitions that a schedule becomes: `id`, `id (2)`, …"""
    return (wanted.id, *(f"{wanted.id} ({number})" for number in range(2, parts + 1)))
