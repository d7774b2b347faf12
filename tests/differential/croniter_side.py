"""croniter 7.0.0 as a peer: its due times, and a model of where it reads specs otherwise.

A quirk rewrites a spec into what croniter makes of it, in our grammar.  A difference counts as
explained only if our own evaluator, given the rewritten spec and croniter's DST rule, returns
exactly croniter's due times.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

from croniter import CroniterBadDateError, croniter

from .probe import Probe
from .specs import BOUNDS, END, MONTHS, WEEKDAYS, Case, Spec

# Several specs mean the union of their due times.
Rewrite = Callable[[Spec], list[Spec]]


def due_times(case: Case) -> list[datetime] | None:
    """The due times of the case in UTC; None if croniter finds no date within 50 years."""
    # "5L" is "L5" there.
    weekday = re.sub(r"\b(\d)L\b", r"L\1", case.spec.day_of_week)
    iterator = croniter(
        str(case.spec.with_field("day_of_week", weekday)),
        case.after.astimezone(ZoneInfo(case.zone)),
        ret_type=datetime,
        second_at_beginning=True,
    )
    try:
        times = [iterator.get_next().astimezone(timezone.utc) for _ in range(case.count)]
        return [time for time in times if time < END]
    except CroniterBadDateError:
        return None


def _number(name: str, text: str) -> int:
    names = {"month": MONTHS, "day_of_week": WEEKDAYS}.get(name, [])
    if text.lower() in names:
        return names.index(text.lower()) + BOUNDS[name][0]
    return 0 if name == "day_of_week" and text == "7" else int(text)


def _range(name: str, term: str) -> tuple[int, int, int] | None:
    """First, last and step of a term "a-b" or "a-b/n"."""
    match = re.fullmatch(r"(\w+)-(\w+)(?:/(\d+))?", term)
    if match is None or term[0] in "lL":
        return None
    first, last = (_number(name, match[i]) for i in (1, 2))
    return first, last, int(match[3] or 1)


def _each_term(spec: Spec, change: Callable[[str, str], str]) -> list[Spec]:
    for name in BOUNDS:
        terms = [change(name, term) for term in getattr(spec, name).split(",")]
        spec = spec.with_field(name, ",".join(terms))
    return [spec]


def equal_ends(spec: Spec) -> list[Spec]:
    """ "mon-mon" is the whole week."""

    def change(name: str, term: str) -> str:
        ends = _range(name, term)
        if ends is None or ends[0] != ends[1]:
            return term
        low, high = BOUNDS[name]
        return f"{low}-{high}/{ends[2]}"

    return _each_term(spec, change)


def wrapped_steps(spec: Spec) -> list[Spec]:
    """A step that wraps around lands one value late, unless it lands on the first."""

    def change(name: str, term: str) -> str:
        ends = _range(name, term)
        if ends is None or ends[0] <= ends[1] or ends[2] == 1:
            return term
        first, last, step = ends
        low, high = BOUNDS[name]
        before = list(range(first, high + 1, step))
        left = high - before[-1]  # Values between the last one before the wrap and the end.
        skipped = step - left if left + 1 < step else 0
        after = range(low + skipped, last + 1, step)
        return ",".join(str(value) for value in [*before, *after])

    return _each_term(spec, change)


def _values(name: str, field: str) -> set[int]:
    """What a field admits; special days give nothing."""
    low, high = BOUNDS[name]
    values: set[int] = set()
    for term in field.split(","):
        ends = _range(name, term)
        if term == "?" or term.startswith("*"):
            values.update(range(low, high + 1, int(term[2:] or 1)))
        elif ends is not None:
            first, last, step = ends
            last += high - low + 1 if last < first else 0
            values.update((v - low) % (high - low + 1) + low for v in range(first, last + 1, step))
        elif re.fullmatch(r"\d+/\d+", term):
            first, step = (int(part) for part in term.split("/"))
            values.update(range(first, high + 1, step))
        elif not re.search(r"#|W|L", term):
            values.add(_number(name, term))
    return values


def _is_full(name: str, field: str) -> bool:
    low, high = BOUNDS[name]
    return len(_values(name, field)) == high - low + 1


def full_lists(spec: Spec) -> list[Spec]:
    """A day field that lists every value is "*" where the other has a star, and only there."""
    day, weekday = spec.day_of_month, spec.day_of_week
    for name, other in (("day_of_month", weekday), ("day_of_week", day)):
        field = getattr(spec, name)
        if field not in ("*", "?") and _is_full(name, field):
            low, high = BOUNDS[name]
            spec = spec.with_field(name, "*" if "*" in other else f"{low}-{high}")
    return [spec]


def special_days(spec: Spec) -> list[Spec]:
    """ "#", "5L" and "15W" do not join an OR: they alone count, and both of them if both stand."""
    if not {spec.day_of_month, spec.day_of_week} & {"*", "?"}:
        is_nth, is_nearest = (
            "#" in spec.day_of_week or "L" in spec.day_of_week,
            "W" in spec.day_of_month,
        )
        if is_nth and is_nearest:
            return [spec.with_field("day_match", "AND")]
        if is_nth:
            return [spec.with_field("day_of_month", "*")]
        if is_nearest:
            return [spec.with_field("day_of_week", "*")]
    return [spec]


def nearest_to_a_missing_day(spec: Spec) -> list[Spec]:
    """ "31W" is the last weekday of a shorter month."""
    match = re.fullmatch(r"(29|30|31)W", spec.day_of_month)
    if match is None:
        return [spec]
    short = {29: {2}, 30: {2}, 31: {2, 4, 6, 9, 11}}[int(match[1])]
    months = ",".join(str(m) for m in sorted(short & _values("month", spec.month)))
    clamped = spec.with_field("day_of_month", "LW").with_field("month", months)
    return [spec, clamped] if months else [spec]


# In the order in which they apply.
QUIRKS: dict[str, Rewrite] = {
    "croniter: a-a is the whole field": equal_ends,
    "croniter: a wrapping step lands one late": wrapped_steps,
    "croniter: a full list is a star beside a star": full_lists,
    "croniter: # and W do not join an OR": special_days,
    "croniter: 31W is clamped into short months": nearest_to_a_missing_day,
}


GAP = "gap: ours runs after it, croniter not where every hour matches"
FOLD = "fold: ours runs fixed hours once, croniter twice"
GAP_SECOND = "croniter: leaves a gap at the spec's second"
FEATURES = [*QUIRKS, GAP, FOLD, GAP_SECOND]


def _rewritten(spec: Spec, rewrites: list[Rewrite]) -> list[Spec]:
    specs = [spec]
    for rewrite in rewrites:
        specs = [changed for spec in specs for changed in rewrite(spec)]
    return specs


def model(probe: Probe, case: Case, features: list[str]) -> list[datetime]:
    """Our due times, where we do as croniter does in `features`."""
    specs = _rewritten(case.spec, [QUIRKS[name] for name in QUIRKS if name in features])
    times: set[datetime] = set()
    for spec in specs:
        every_hour = _is_full("hour", spec.hour)
        found = probe.next(
            case,
            spec=spec,
            gap="SKIP" if GAP in features and every_hour else "NEXT_VALID",
            fold="BOTH" if FOLD in features else "AUTO",
        )
        second = timedelta(seconds=min(_values("second", spec.second)))
        if GAP_SECOND in features and second:
            # The end of a gap is the only due time that is not at one of the spec's seconds.
            found = [t + second if t.second == 0 else t for t in found or []]
        times.update(found or [])
    return sorted(times)[: case.count]


def never_meet(probe: Probe, case: Case) -> bool:
    """Whether the day fields, as croniter reads them, share no day in its 50 years."""
    reading = [rewrite for rewrite in QUIRKS.values() if rewrite is not special_days]
    for spec in _rewritten(case.spec, reading):
        found = probe.next(case, spec=spec.with_field("day_match", "AND"))
        if found and found[0] - case.after <= timedelta(days=365 * 50):
            return False
    return True


def loses_second_pass(case: Case, ours: list[datetime], theirs: list[datetime]) -> bool:
    """Whether all that croniter lacks of `ours` is in the repeated hour of folds.

    It looks for the second pass from where the clock stood one offset earlier; a match before the
    fold hides those in it.
    """
    end = min(ours[-1], theirs[-1])
    missing = {t for t in ours if t <= end} - set(theirs)
    added = {t for t in theirs if t <= end} - set(ours)
    zone = ZoneInfo(case.zone)
    return not added and all(t.astimezone(zone).fold == 1 for t in missing)
