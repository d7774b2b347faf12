"""The one zone of a target, and what other kinds than crons do when clocks change."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime, time, timedelta, timezone

from z4j_adapters.transfer.exporting.clocks import Crossing, differs_at, not_held
from z4j_adapters.transfer.exporting.model import Cron, NotHeld, Wanted
from z4j_adapters.transfer.exporting.wanted import span_of
from z4j_adapters.transfer.wall import changes_clock
from z4j_adapters.transfer.zones import zone_of

__all__ = ["OneZone", "check_time_of_day", "elapsed_period", "is_offset"]


class OneZone:
    """The zone that all crons of a target share: the given one, else that of most of them."""

    def __init__(self, given: str | None, *, offsets: bool = True) -> None:
        """`offsets`: whether it may be nothing but an offset, such as UTC+05:30."""
        self.chosen = given
        """None: there is no cron."""
        self._offsets = offsets

    @property
    def name(self) -> str:
        """The zone; UTC if there is no cron."""
        return self.chosen or "UTC"

    def choose(self, wanted: Iterable[Wanted]) -> str | None:
        """Take the zone that most crons of `wanted` have, of several such the first one's.

        Returns:
            It; None if one was given, or there is no cron.
        """
        if self.chosen is not None:
            return None
        zones = Counter(one.time_zone for one in wanted if one.kind == "cron")
        for zone, _ in zones.most_common():
            if self._offsets or not is_offset(zone):
                self.chosen = zone
                break
        return self.chosen

    def check(self, wanted: Wanted, at: datetime) -> None:
        """Make sure that a cron is in that zone, or in one of the same clock from `at` on.

        Raises:
            NotHeld: It is in another.
        """
        if not _same_clock(wanted.time_zone, self.name, at):
            raise NotHeld(
                f"it is in {wanted.time_zone}, and the other scheduler has one zone for all, "
                f"{self.name}",
                f"set its time_zone to {self.name} with the hours of that zone, or export those "
                f"of each zone to a file of their own, with --only and --timezone "
                f"{wanted.time_zone}",
                "R9_ZONE",
            )


def is_offset(name: str) -> bool:
    """Whether a zone is nothing but an offset from UTC, such as UTC+05:30."""
    return name != "UTC" and isinstance(zone_of(name), timezone)


def _same_clock(one: str, other: str, at: datetime) -> bool:
    zones = zone_of(one), zone_of(other)
    if one == other:
        return True
    if any(changes_clock(zone, at) for zone in zones):
        return False
    first, second = (at.astimezone(zone).utcoffset() for zone in zones)
    return first == second


def elapsed_period(wanted: Wanted, at: datetime) -> timedelta:
    """The period of an interval, in elapsed time.

    Raises:
        NotHeld: It is counted by a clock that is changed after `at`.
    """
    is_wall = wanted.spec.get("arithmetic") == "ARITHMETIC_WALL"
    if is_wall and changes_clock(zone_of(wanted.time_zone), at):
        raise NotHeld(
            f"its whole days keep the wall time of {wanted.time_zone}, and there they are 24 hours "
            "of elapsed time each",
            "make it a cron or a calendar interval, or leave arithmetic out",
            "R9_DST",
        )
    return span_of(wanted.spec["period"])


def check_time_of_day(wanted: Wanted, wall: time, theirs: Crossing, at: datetime) -> None:
    """Make sure that a time of each day is the same there when the clocks change.

    Raises:
        NotHeld: It is not.
    """
    ours = Crossing(wanted.gap, wanted.fold)
    found = differs_at(_daily(wall), zone_of(wanted.time_zone), at, ours, theirs)
    if found is not None:
        raise not_held(found, wanted.time_zone, ours, theirs)


def _daily(wall: time) -> Cron:
    return Cron(
        seconds=frozenset((wall.second,)),
        minutes=frozenset((wall.minute,)),
        hours=frozenset((wall.hour,)),
        months=frozenset(range(1, 13)),
        days=frozenset(range(1, 32)),
        weekdays=frozenset(range(7)),
        years=frozenset(range(1970, 2200)),
        iso_weeks=frozenset(range(1, 54)),
    )
