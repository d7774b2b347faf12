"""What cron triggers become."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta, timezone, tzinfo
from typing import Any

from z4j_adapters.transfer.apscheduler.boxes import boxes_of
from z4j_adapters.transfer.apscheduler.terms import (
    COMBINED,
    Draft,
    Library,
    Plan,
    jitter_of,
    once,
    window,
)
from z4j_adapters.transfer.apscheduler.triggers import (
    Combined,
    Cron,
    Span,
    Trigger,
    Unreadable,
    named_zone,
)
from z4j_adapters.transfer.boxes import Box, Overlapping, disjoint
from z4j_adapters.transfer.dst import Differences, fitting
from z4j_adapters.transfer.model import EQUAL_SET, EXACT, Fires, Note
from z4j_adapters.transfer.nominal import Nominal
from z4j_adapters.transfer.values import micros, timestamp

__all__ = ["crons_plan"]


def crons_plan(
    crons: tuple[Cron, ...], whole: Trigger, library: Library, at: datetime, base: datetime | None
) -> Plan:
    """Plan one cron trigger, or several that differ in nothing but their fields.

    Raises:
        Unreadable: They cannot be represented.
    """
    first = crons[0]
    name = named_zone(first.zone)
    try:
        boxes = disjoint([boxes_of(cron) for cron in crons])
    except Overlapping as error:
        raise Unreadable("R8_OR_TRIGGER", f"its parts share instants: {error}", COMBINED) from None
    thin = [_thinned(box) for box in boxes]
    nominal = Nominal(thin, first.zone, gap=library.gap, fold=library.fold)
    never = Unreadable(
        "R6_NEVER_FIRES",
        "no instant of the years 1970 to 2199 matches it",
        "leave it out, or correct its fields",
    )
    if not boxes:
        raise never
    origin = datetime(1971, 1, 1, tzinfo=timezone.utc)
    start = max(at, first.start - timedelta(microseconds=1)) if first.start else at
    following = next(nominal.after(start), None)
    if following is None and next(nominal.after(origin), None) is None:
        raise never
    specs: tuple[tuple[Mapping[str, Any], str], ...]
    specs = tuple(({"cron": spec}, text) for box in boxes for spec, text in box.specs())
    draft = Draft(EQUAL_SET if len(specs) > 1 else EXACT)
    common = {
        "timeZone": name,
        "gap": f"GAP_POLICY_{library.gap}",
        "fold": f"FOLD_POLICY_{library.fold}",
        **window(first.start, first.end),
    }
    fires = library.fires(whole, first.zone)
    if base is not None and base > at and not first.jitter:
        # What is stored as the next run comes next, whatever the fields and the start say.
        own = _is_own(base, boxes, first.zone, library)
        if not own or following is None or base > following or start > base:
            common["startTime"] = timestamp(base)
            start = base - timedelta(microseconds=1)
            following = next(nominal.after(start), None) if own else base
            fires = _from(base, own, fires)
        if not own:
            specs = (once(base), *specs)
            draft.exactness = EQUAL_SET
            draft.reasons.append(
                Note("NEXT_RUN_MOVED", f"its next run was moved to {timestamp(base)}, none of its "
                     "own times: that run is a schedule of its own")
            )  # fmt: skip
    _tell_fraction(first, fires, start, draft)
    over = following is None or (first.end is not None and following > first.end)
    if not over:
        key = repr((thin, name, start, first.end))
        if key not in library.known:
            asked = library.fires(_thinned_crons(whole, crons), first.zone)
            library.known[key] = fitting(
                thin, asked, first.zone, start, first.end, gap=library.gap, fold=library.fold
            )
        gap, found = library.known[key]
        common["gap"] = f"GAP_POLICY_{gap}"
        _tell(found, library, draft)
    common |= jitter_of(max(each.jitter for each in (first, whole) if hasattr(each, "jitter")),
                      _closest(boxes), draft)  # fmt: skip
    return Plan(specs, common, draft.exactness, tuple(draft.reasons), tuple(draft.warnings),
                fires, over)  # fmt: skip


def _tell(found: Differences | None, library: Library, draft: Draft) -> None:
    """Say where the library leaves its own rule."""
    if found is None:
        return
    draft.inexact(
        "DST_DIFFERS",
        f"around changes of the clocks APScheduler {library.version} leaves its own rule; {found}",
    )


def _tell_fraction(cron: Cron, fires: Fires, start: datetime, draft: Draft) -> None:
    """Say that version 4 goes on from a fraction of a second."""
    if cron.last is None:
        return
    after = max(start, cron.last)
    if any(us % 1_000_000 for us in fires(after, 1)):
        draft.inexact(
            "FRACTION_KEPT",
            f"APScheduler goes on in steps of a second from {timestamp(cron.last)} until it comes "
            "to a second that its fields leave out; here every run is at a whole second",
        )


def _is_own(at: datetime, boxes: list[Box], zone: tzinfo, library: Library) -> bool:
    """Whether an instant is one that the fields have."""
    wall = at.astimezone(zone)
    if wall.microsecond:
        return False
    for box in boxes:
        times = wall.hour in box.hour and wall.minute in box.minute and wall.second in box.second
        if times and box.has_day(wall.date()):
            return True
    nominal = Nominal(boxes, zone, gap=library.gap, fold=library.fold)
    return next(nominal.after(at - timedelta(microseconds=1)), None) == at


def _from(base: datetime, own: bool, fires: Fires) -> Fires:
    """The times from a stored next run on, which is one of them or comes before them."""

    def moved(after: datetime, count: int) -> list[int]:
        if after >= base or count == 0:
            return fires(after, count)
        if own:
            return fires(base - timedelta(microseconds=1), count)
        return [micros(base), *fires(base, count - 1)]

    return moved


def _thinned(box: Box) -> Box:
    """Two seconds of a minute show what a change of the clocks does to all."""
    return replace(box, second=frozenset((min(box.second), max(box.second))))


def _thinned_crons(whole: Trigger, crons: tuple[Cron, ...]) -> Trigger:
    thin = tuple(
        replace(cron, last=None, fields={**cron.fields, "second": tuple(
            Span(second, second, None) for second in sorted(_thinned(boxes_of(cron)).second)
        )})
        for cron in crons
    )  # fmt: skip
    return replace(whole, triggers=thin) if isinstance(whole, Combined) else thin[0]


def _closest(boxes: list[Box]) -> timedelta:
    """No two instants are closer than this."""
    if len(boxes) > 1 or any(len(box.second) > 1 for box in boxes):
        return timedelta(seconds=1)
    box = boxes[0]
    if len(box.minute) > 1:
        minutes = sorted(box.minute)
        steps = [b - a for a, b in zip(minutes, [*minutes[1:], minutes[0] + 60], strict=True)]
        return timedelta(minutes=min(steps))
    hours = sorted(box.hour)
    steps = [b - a for a, b in zip(hours, [*hours[1:], hours[0] + 24], strict=True)]
    return timedelta(hours=max(1, min(steps) - 1))
