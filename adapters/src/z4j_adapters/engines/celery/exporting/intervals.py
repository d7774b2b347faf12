"""Intervals in Celery's terms: a period, and the last run that it is counted from."""

from __future__ import annotations

from datetime import datetime

from z4j_adapters.transfer.exporting.model import Wanted
from z4j_adapters.transfer.exporting.zones import elapsed_period
from z4j_adapters.transfer.model import Note

__all__ = ["ANY_PHASE", "last_run_of"]

ANY_PHASE = Note(
    "ANY_PHASE",
    "Celery counts the period from beat's start: the interval keeps its period, not its due times",
)


def last_run_of(wanted: Wanted, at: datetime) -> datetime:
    """The last run of which it comes due next, when it is to."""
    assert wanted.next_due is not None
    return wanted.next_due - elapsed_period(wanted, at)
