"""Writes sets of numbers as cron fields: lists and ranges, so that no dialect is left in them."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Literal

__all__ = ["BOUNDS", "cron", "field_text", "numbers"]

BOUNDS = {
    "second": (0, 59),
    "minute": (0, 59),
    "hour": (0, 23),
    "dayOfMonth": (1, 31),
    "month": (1, 12),
    "dayOfWeek": (0, 6),
    "year": (1970, 2199),
    "isoWeek": (1, 53),
}
"""Lowest and highest value of each field; 0 is Sunday, and the years are the whole calendar's."""


def field_text(name: str, values: Collection[int] | None) -> str:
    """Write `values` as the field `name` of CronSpec; "*" for all of them and for None.

    Raises:
        ValueError: There are none, or one is out of bounds.
    """
    if values is None:
        return "*"
    numbers = sorted(set(values))
    low, high = BOUNDS[name]
    if not numbers:
        raise ValueError(f"{name} has no value")
    if numbers[0] < low or numbers[-1] > high:
        raise ValueError(f"{name} {numbers} is not in {low}..{high}")
    if len(numbers) == high - low + 1:
        return "*"
    parts = []
    start = last = numbers[0]
    for number in [*numbers[1:], high + 2]:
        if number == last + 1:
            last = number
            continue
        parts.append(_range(start, last))
        start = last = number
    return ",".join(parts)


def numbers(name: str, text: str) -> frozenset[int]:
    """Read what `field_text` wrote."""
    low, high = BOUNDS[name]
    if text == "*":
        return frozenset(range(low, high + 1))
    found: set[int] = set()
    for part in text.split(","):
        first, _, last = part.partition("-")
        found |= set(range(int(first), int(last or first) + 1))
    return frozenset(found)


def _range(start: int, last: int) -> str:
    if start == last:
        return str(start)
    return f"{start},{last}" if last == start + 1 else f"{start}-{last}"


def cron(
    *,
    day_match: Literal["AND", "OR"],
    minute: Collection[int] | None = None,
    hour: Collection[int] | None = None,
    day_of_month: Collection[int] | str | None = None,
    month: Collection[int] | None = None,
    day_of_week: Collection[int] | str | None = None,
    second: Collection[int] | None = (0,),
    year: Collection[int] | str | None = None,
    iso_week: Collection[int] | None = None,
    microsecond: int = 0,
) -> tuple[dict[str, Any], str]:
    """Make the JSON of a CronSpec and the text for people: "cron 0 5 * * *".

    None is a field that does not restrict.  With OR a day field that restricts to every day is
    another thing (every day matches, whatever the other field says); it is written out.  A day
    field and the year may also be a text in our own grammar ("L", "5#2", "2026-2199/2").

    Raises:
        ValueError: A field has no value, or one out of bounds.
    """
    fields = {
        "second": field_text("second", second),
        "minute": field_text("minute", minute),
        "hour": field_text("hour", hour),
        "dayOfMonth": _day("dayOfMonth", day_of_month, day_match),
        "month": field_text("month", month),
        "dayOfWeek": _day("dayOfWeek", day_of_week, day_match),
    }
    texts = list(fields.values())
    if fields["second"] == "0":
        texts = texts[1:]
    both = fields["dayOfMonth"] != "*" and fields["dayOfWeek"] != "*"
    becomes = "cron " + " ".join(texts) + (f" ({day_match} of the days)" if both else "")
    spec: dict[str, Any] = {**fields, "dayMatch": f"DAY_MATCH_{day_match}"}
    for name, values in (("year", year), ("isoWeek", iso_week)):
        text = values if isinstance(values, str) else field_text(name, values)
        if text != "*":
            spec[name] = text
            becomes += f" {'year' if name == 'year' else 'ISO week'} {text}"
    if microsecond:
        spec["microsecond"] = microsecond
        becomes += f" +{microsecond} µs"
    return spec, becomes


def _day(name: str, value: Collection[int] | str | None, day_match: str) -> str:
    if isinstance(value, str):
        return value
    text = field_text(name, value)
    if text == "*" and value is not None and day_match == "OR":
        return _range(*BOUNDS[name])
    return text
