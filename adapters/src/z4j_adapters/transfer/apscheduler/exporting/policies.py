"""What both versions of APScheduler call our policies."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from z4j_adapters.transfer.apscheduler.exporting.calls import Call
from z4j_adapters.transfer.exporting.model import Wanted
from z4j_adapters.transfer.exporting.wanted import span_of

__all__ = ["Policies", "policies_of"]

ANY_TIME = timedelta(days=366)
SOON_S = 60  # A run that is to be skipped if it is missed may still be this late.


@dataclass(frozen=True, slots=True)
class Policies:
    """Of one job."""

    grace_s: int | None
    """None: however late."""
    coalesce: bool
    one_at_a_time: bool


def policies_of(wanted: Wanted, call: Call) -> Policies:
    """What a job is to do when it is late, or when its run before has not ended."""
    catch_up = wanted.json.get("catchUp", "CATCH_UP_FIRE_ONE")
    window = span_of(wanted.json.get("catchUpWindow") or "3600s")
    grace: int | None = max(1, window // timedelta(seconds=1))
    if catch_up == "CATCH_UP_SKIP":
        grace = SOON_S
    elif window >= ANY_TIME:
        grace = None
    skips = wanted.json.get("overlap") == "OVERLAP_SKIP" and not call.sends
    return Policies(grace, catch_up != "CATCH_UP_FIRE_ALL", skips)
