"""What many targets hold alike: crons of minutes, intervals without a phase."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta

from z4j_adapters.transfer.exporting.model import Cron, NotHeld, Wanted
from z4j_adapters.transfer.exporting.wanted import span_of
from z4j_adapters.transfer.model import Found, Note, Refused

__all__ = ["any_phase", "cron_of", "keys_of", "same_periods"]

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
