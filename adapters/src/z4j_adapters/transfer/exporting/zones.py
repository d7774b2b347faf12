"""Zones of hosts, and what other kinds than crons do when clocks change."""

from __future__ import annotations

from datetime import datetime, time

from z4j_adapters.transfer.exporting.clocks import Crossing, differs_at, not_held
from z4j_adapters.transfer.exporting.model import Cron, NotHeld, Wanted
from z4j_adapters.transfer.wall import changes_clock
from z4j_adapters.transfer.zones import zone_of

__all__ = ["HostZone", "check_elapsed", "check_time_of_day"]


class HostZone:
    """The one zone of a target: the given one, else that of the first schedule that asks."""

    def __init__(self, name: str | None) -> None:
        self.name = name
        """None: nothing has asked yet."""

    def take(self, wanted: Wanted, at: datetime) -> None:
        """Make sure that a schedule's zone is this one.

        Raises:
            NotHeld: It is another.
        """
        if self.name is None:
            self.name = wanted.time_zone
        if not _same_clock(wanted.time_zone, self.name, at):
            raise NotHeld(
                f"it is in {wanted.time_zone}, and the other scheduler has one zone for all, "
                f"{self.name}",
                f"set its time_zone to {self.name} with the hours of that zone, or export those of "
                "each zone to a host of their own with --only and --timezone",
                "R9_ZONE",
            )


def _same_clock(one: str, other: str, at: datetime) -> bool:
    zones = zone_of(one), zone_of(other)
    if one == other:
        return True
    if any(changes_clock(zone, at) for zone in zones):
        return False
    first, second = (at.astimezone(zone).utcoffset() for zone in zones)
    return first == second


def check_elapsed(wanted: Wanted, at: datetime) -> None:
    """Make sure that an interval is elapsed time.

    Raises:
        NotHeld: It keeps the wall time of a zone whose clock changes.
    """
    wall = wanted.spec.get("arithmetic") == "ARITHMETIC_WALL"
    if wall and changes_clock(zone_of(wanted.time_zone), at):
        raise NotHeld(
            f"its whole days keep the wall time of {wanted.time_zone}, and there they are 24 hours "
            "of elapsed time each",
            "make it a cron or a calendar interval, or elapsed time",
            "R9_DST",
        )


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
