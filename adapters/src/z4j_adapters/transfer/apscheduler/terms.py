"""What a trigger becomes, in the words that all kinds of triggers share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, tzinfo
from typing import Any

from z4j_adapters.transfer.apscheduler.triggers import Trigger, Unreadable
from z4j_adapters.transfer.dst import Differences
from z4j_adapters.transfer.model import APPROXIMATE, EXACT, Fires, Note
from z4j_adapters.transfer.values import duration, timestamp

__all__ = ["COMBINED", "JITTER_MAX", "Draft", "Library", "Plan", "jitter_of", "once", "window"]

JITTER_MAX = timedelta(hours=24)
COMBINED = "create the schedules that it stands for one by one"


@dataclass(frozen=True, slots=True)
class Library:
    """What a major version of APScheduler does."""

    version: str
    gap: str
    fold: str
    fires: Callable[[Trigger, tzinfo], Fires]
    accumulates: bool
    """Jitter moves the base of an interval."""
    by_wall_clock: bool = False
    """An interval that has a zone counts on its clock."""
    ends: datetime | None = None
    """From then on its instants are not those that were meant."""
    known: dict[str, tuple[str, Differences | None]] = field(default_factory=dict)
    """The gap policies of triggers that were looked at before, and where those differ."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A trigger in our terms."""

    specs: tuple[tuple[Mapping[str, Any], str], ...]
    """JSON of Spec, and in short; several are disjoint."""
    common: Mapping[str, Any]
    """Of the Schedule: zone, policies, window, jitter."""
    exactness: str
    reasons: tuple[Note, ...] = ()
    warnings: tuple[Note, ...] = ()
    fires: Fires | None = None
    over: bool = False
    """Nothing comes due any more."""


@dataclass(slots=True)
class Draft:
    """What is found out on the way."""

    exactness: str = EXACT
    reasons: list[Note] = field(default_factory=list)
    warnings: list[Note] = field(default_factory=list)

    def inexact(self, code: str, message: str) -> None:
        self.exactness = APPROXIMATE
        self.reasons.append(Note(code, message))


def once(at: datetime) -> tuple[Mapping[str, Any], str]:
    """A spec that fires at an instant, and in short."""
    return {"oneShot": {"fireTime": timestamp(at)}}, f"once at {timestamp(at)}"


def window(start: datetime | None, end: datetime | None) -> dict[str, Any]:
    """Start and end, as fields of a Schedule."""
    fields = {}
    if start is not None:
        fields["startTime"] = timestamp(start)
    if end is not None:
        fields["endTime"] = timestamp(end)
    return fields


def jitter_of(seconds: float, room: timedelta, draft: Draft) -> dict[str, Any]:
    """Jitter as fields of a Schedule; `room` is the time to the run after it.

    Raises:
        Unreadable: It is too long.
    """
    if not seconds:
        return {}
    jitter = timedelta(seconds=seconds)
    if jitter > JITTER_MAX:
        raise Unreadable("JITTER_TOO_LONG", f"its jitter of {duration(jitter)} is over 24 h")
    if jitter >= room:
        draft.inexact(
            "JITTER_SKIPS",
            f"its jitter of {duration(jitter)} reaches the next run, and APScheduler then leaves "
            "that one out; here every run comes",
        )
    return {"jitter": duration(jitter), "jitterMode": "JITTER_MODE_RANDOM"}
