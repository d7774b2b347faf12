"""Intervals in Celery's terms: a period, and the last run that it is counted from."""

from __future__ import annotations

from datetime import datetime, timedelta

from z4j_adapters.transfer.exporting.model import NotHeld, Wanted
from z4j_adapters.transfer.exporting.wanted import span_of
from z4j_adapters.transfer.model import Note
from z4j_adapters.transfer.wall import changes_clock
from z4j_adapters.transfer.zones import zone_of

__all__ = ["ANY_PHASE", "last_run_of", "period_of"]

ANY_PHASE = Note(
    "ANY_PHASE",
    "Celery counts the period from beat's start: the interval keeps its period, not its due times",
)


def period_of(wanted: Wanted, at: datetime) -> timedelta:
    """The period, in elapsed time.

    Raises:
        NotHeld: It is counted by a clock that is changed.
    """
    is_wall = wanted.spec.get("arithmetic") == "ARITHMETIC_WALL"
    if is_wall and changes_clock(zone_of(wanted.time_zone), at):
        raise NotHeld(
            f"its days keep their wall time in {wanted.time_zone}, and Celery's are of 24 hours",
            "make it a cron, or leave arithmetic out",
        )
    return span_of(wanted.spec["period"])


def last_run_of(wanted: Wanted, at: datetime) -> datetime:
    """The last run of which it comes due next, when it is to."""
    assert wanted.next_due is not None
    return wanted.next_due - period_of(wanted, at)
