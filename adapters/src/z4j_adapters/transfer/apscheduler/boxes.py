"""A cron trigger of APScheduler as a product of sets."""

from __future__ import annotations

from collections.abc import Collection

from z4j_adapters.transfer.apscheduler.triggers import All, Cron, Expression, Last, Nth, Span
from z4j_adapters.transfer.boxes import EVERY_DAY, LAST_WEEK, SETS, Box

__all__ = ["boxes_of"]

LOW = {"year": 1970, "month": 1, "week": 1, "day_of_week": 0, "hour": 0, "minute": 0, "second": 0}
HIGH = {"month": 12, "week": 53, "day_of_week": 6, "hour": 23, "minute": 59, "second": 59}


def boxes_of(trigger: Cron) -> Box:
    """The product that a cron trigger is; it may be empty."""
    sets = {name: _numbers(name, trigger.fields[name]) for name in (*SETS, "day_of_week")}
    weekdays = sets.pop("day_of_week")
    days = tuple(
        _days(trigger.fields["day"], weekday) if weekday in weekdays else frozenset()
        for weekday in range(7)
    )
    return Box(days=days, **sets)


def _numbers(name: str, expressions: Collection[Expression]) -> frozenset[int]:
    found: set[int] = set()
    low, high = LOW[name], HIGH.get(name, 2199)
    for expression in expressions:
        found |= _span(expression, low, high)
    return frozenset(found)


def _span(expression: Expression, low: int, high: int) -> set[int]:
    if isinstance(expression, All):
        return set(range(low, high + 1, expression.step or 1))
    assert isinstance(expression, Span)
    first = max(low, expression.first)
    last = high if expression.last is None else min(high, expression.last)
    return set(range(first, last + 1, expression.step or 1))


def _days(expressions: Collection[Expression], weekday: int) -> frozenset[int]:
    """Those of one weekday: the n-th Friday is a Friday from day 7·(n-1)+1 to 7·n."""
    found: set[int] = set()
    for expression in expressions:
        if isinstance(expression, Last):
            found.add(0)
        elif not isinstance(expression, Nth):
            found |= _span(expression, 1, 31)
        elif expression.weekday == weekday and expression.n == 5:
            found |= LAST_WEEK
        elif expression.weekday == weekday:
            found |= set(range(7 * expression.n + 1, 7 * expression.n + 8)) & EVERY_DAY
    return EVERY_DAY if found >= EVERY_DAY else frozenset(found)
