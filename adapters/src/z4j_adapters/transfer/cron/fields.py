"""The time fields of a crontab line, read as cron itself reads them: character by character.

Debian's cron and cronie have the same fields and differ in what they forgive.  Debian takes what
follows a piece as if it were not there ("5#2" is 5), and lets a range that runs backwards match
nothing; cronie refuses both.
"""

from __future__ import annotations

import string
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

__all__ = ["MACROS", "BadLine", "Flavour", "Random", "Times", "read_macro", "read_times"]

Flavour = Literal["debian", "cronie"]

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
# Name, lowest, highest, names (the first stands for the lowest).
_FIELDS: tuple[tuple[str, int, int, tuple[str, ...]], ...] = (
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day-of-month", 1, 31, ()),
    ("month", 1, 12, _MONTHS),
    ("day-of-week", 0, 7, _DAYS),
)
_ALL: dict[str, frozenset[int]] = {f[0]: frozenset(range(f[1], f[2] + 1)) for f in _FIELDS}
_WORD = frozenset(string.ascii_letters + string.digits)
_BLANKS = " \t"
_INT_MAX = 2**31 - 1


class BadLine(ValueError):
    """Cron refuses the line; the message is cron's own, and what stood there."""


class Random(ValueError):
    """cronie draws the value when it starts."""


@dataclass(frozen=True, slots=True)
class Times:
    """When a line runs."""

    minute: frozenset[int]
    hour: frozenset[int]
    day_of_month: frozenset[int]
    month: frozenset[int]
    day_of_week: frozenset[int]
    """0 is Sunday; 7 has become 0."""
    follows_clock: bool
    """The minute or the hour begins with "*": it runs whenever the clock shows a time of it.
    Others run once for each of their times, also when the clock is changed."""
    both_days: bool
    """A day field begins with "*": a day must match both; else one suffices."""
    junk: tuple[str, ...] = ()
    """What Debian's cron passed over without a word."""
    backwards: tuple[str, ...] = ()
    """Ranges that match nothing."""


MACROS: Mapping[str, str] = {
    "yearly": "0 0 1 1 *",
    "annually": "0 0 1 1 *",
    "monthly": "0 0 1 * *",
    "weekly": "0 0 * * 0",
    "daily": "0 0 * * *",
    "midnight": "0 0 * * *",
    "hourly": "0 * * * *",
}
"""Macros in lower case, as cron wants them; the fields that cron sets for each."""


def read_macro(name: str) -> Times | None:
    """What "@name" means; None for "reboot".

    Raises:
        BadLine: There is no such macro.
    """
    if name == "reboot":
        return None
    if name not in MACROS:
        raise BadLine(f"bad time specifier: @{name}")
    return read_times(MACROS[name] + " ", "debian")[0]


def read_times(line: str, flavour: Flavour) -> tuple[Times, str]:
    """Read the five fields at the start of `line`; also return what follows them.

    Raises:
        BadLine: Cron refuses the line.
        Random: A field is drawn by lot.
    """
    reader = _Reader(line, flavour)
    found: dict[str, frozenset[int]] = {}
    stars: dict[str, bool] = {}
    for name, low, high, names in _FIELDS:
        stars[name] = reader.peek() == "*"
        found[name] = reader.list_of(name, low, high, names)
    times = Times(
        minute=found["minute"],
        hour=found["hour"],
        day_of_month=found["day-of-month"],
        month=found["month"],
        day_of_week=frozenset(day % 7 for day in found["day-of-week"]),
        follows_clock=stars["minute"] or stars["hour"],
        both_days=stars["day-of-month"] or stars["day-of-week"],
        junk=tuple(reader.junk),
        backwards=tuple(reader.backwards),
    )
    return times, line[reader.at :]


class _Reader:
    """Stands at one character of a line; the end of the line is "\\n"."""

    def __init__(self, line: str, flavour: Flavour) -> None:
        self._line = line
        self._debian = flavour == "debian"
        self.at = 0
        self.junk: list[str] = []
        self.backwards: list[str] = []

    def peek(self) -> str:
        return self._line[self.at] if self.at < len(self._line) else "\n"

    def list_of(self, name: str, low: int, high: int, names: tuple[str, ...]) -> frozenset[int]:
        start = self.at
        values: set[int] = set()
        try:
            while True:
                values |= self._piece(low, high, names)
                if self.peek() != ",":
                    break
                self.at += 1
        except _Wrong:
            text = self._line[start:].split(None, 1)
            raise BadLine(f"bad {name}: {text[0] if text else 'there is none'}") from None
        end = self.at
        while self.peek() not in " \t\n":
            self.at += 1
        if self.at > end:
            if not self._debian:
                raise BadLine(f"bad {name}: {self._line[start : self.at]}")
            self.junk.append(f"{self._line[end : self.at]} in {self._line[start : self.at]}")
        while self.peek() in _BLANKS:
            self.at += 1
        return frozenset(values)

    def _piece(self, low: int, high: int, names: tuple[str, ...]) -> set[int]:
        start = self.at
        if self.peek() == "*":
            self.at += 1
            first, last = low, high
        else:
            if self.peek() == "~" and not self._debian:
                raise Random(self._word_at(start))
            first = self._number(low, names)
            if self.peek() == "~" and not self._debian:
                raise Random(self._word_at(start))
            if self.peek() != "-":
                if self.peek() == "/" or not low <= first <= high:
                    raise _Wrong
                return {first}
            self.at += 1
            last = self._number(low, names)
        step = 1
        if self.peek() == "/":
            self.at += 1
            step = self._number(0, ())
            if step <= 0:
                raise _Wrong
        if first > last == 0 and not self._debian:
            last = 7  # cronie means Sunday, in whichever field.
        if not (low <= first <= high and low <= last <= high):
            raise _Wrong
        if first > last:
            if not self._debian:
                raise _Wrong
            self.backwards.append(self._line[start : self.at])
        return set(range(first, last + 1, step))

    def _number(self, low: int, names: tuple[str, ...]) -> int:
        start = self.at
        while self.peek() in _WORD:
            self.at += 1
        word = self._line[start : self.at].lower()
        if word in names:
            return names.index(word) + low
        if not word.isdigit():
            raise _Wrong
        return min(int(word[:20]), _INT_MAX)

    def _word_at(self, start: int) -> str:
        return self._line[start:].split(None, 1)[0]


class _Wrong(Exception):
    """Cron's EOF."""
