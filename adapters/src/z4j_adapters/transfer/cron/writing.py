"""Writes lines of crontabs: fields, users, commands and their standard input."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, tzinfo

from z4j_adapters.transfer.cron.fields import Flavour
from z4j_adapters.transfer.cron.table import read_table
from z4j_adapters.transfer.cron_fields import BOUNDS, field_text
from z4j_adapters.transfer.exporting.clocks import Crossing, differs_at, meets_at, not_held
from z4j_adapters.transfer.exporting.model import Cron, NotHeld, Wanted

__all__ = ["Job", "fields_of", "line_of", "setting"]

FIXED = Crossing("NEXT_VALID", "FIRST")
"""What cron does with a job whose minute and hour do not begin with "*"."""
FOLLOWS = Crossing("SKIP", "BOTH")
"""And with one of which one does."""
_BOUNDS = {**BOUNDS, "dayOfWeek": (0, 7)}


@dataclass(frozen=True, slots=True)
class Job:
    """What a line runs."""

    command: str
    stdin: str | None = None
    user: str | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    """Settings above the line."""


def fields_of(wanted: Wanted, zone: tzinfo, at: datetime) -> str:
    """The five fields.

    Raises:
        NotHeld: Cron has none with these due times.
    """
    cron = wanted.cron
    assert cron is not None
    for held, what in (
        (cron.seconds == {0} and not cron.microsecond, "seconds"),
        (cron.any_year, "years"),
        (cron.any_iso_week, "ISO weeks"),
        (not cron.has_special_days, "L, W and #"),
    ):
        if not held:
            raise NotHeld(f"cron has no {what}", f"leave {what} out")
    minute, hour = _time(cron, Crossing(wanted.gap, wanted.fold), zone, at, wanted.time_zone)
    day, weekday = _days(cron)
    return " ".join((minute, hour, day, field_text("month", cron.months), weekday))


def _time(
    cron: Cron, ours: Crossing, zone: tzinfo, at: datetime, zone_name: str
) -> tuple[str, str]:
    minute, hour = _star("minute", cron.minutes), _star("hour", cron.hours)
    if (minute or hour) and differs_at(cron, zone, at, ours, FOLLOWS) is None:
        return minute or _list("minute", cron.minutes), hour or _list("hour", cron.hours)
    wall = differs_at(cron, zone, at, ours, FIXED)
    if wall is not None:
        raise not_held(wall, zone_name, ours, FIXED)
    wall = meets_at(cron, zone, at)
    if wall is not None:
        raise NotHeld(
            f"{wall:%Y-%m-%d %H:%M} in {zone_name} is left out together with another of its times: "
            "cron runs each of them when the clock is put forward, and here they are one run",
            "choose times at which no clock is changed",
            "R9_DST",
        )
    return _list("minute", cron.minutes), _list("hour", cron.hours)


def _days(cron: Cron) -> tuple[str, str]:
    """Cron takes either day, unless one of the fields begins with "*": then both must match."""
    if cron.either_day and (cron.any_day or cron.any_weekday):
        return "*", "*"
    day, weekday = _list("dayOfMonth", cron.days), _list("dayOfWeek", cron.weekdays)
    if cron.either_day:
        return day, weekday
    day_star, weekday_star = _star("dayOfMonth", cron.days), _star("dayOfWeek", cron.weekdays)
    if day_star or weekday_star:
        return day_star or day, weekday_star or weekday
    raise NotHeld(
        "both its day of the month and its weekday must match, and in cron one suffices",
        "restrict one of them, or test the other in the command",
    )


def _star(name: str, values: frozenset[int]) -> str:
    """The field beginning with "*" that has these several values; empty if there is none."""
    low, high = _BOUNDS[name]
    for step in range(1, high - low + 1):
        found = range(low, high + 1, step)
        if len(values) > 1 and values == (
            {day % 7 for day in found} if name == "dayOfWeek" else set(found)
        ):
            return "*" if step == 1 else f"*/{step}"
    return ""


def _list(name: str, values: frozenset[int]) -> str:
    """The field not beginning with "*"."""
    low, high = BOUNDS[name]
    text = field_text(name, values)
    return f"{low}-{high}" if text == "*" else text


def line_of(fields: str, job: Job, flavour: Flavour, *, user_column: bool) -> str:
    """The line, without its newline.

    Raises:
        NotHeld: Cron would read something else.
    """
    command = _escaped(job.command, flavour)
    if job.stdin is not None:
        text = job.stdin.removesuffix("\n").replace("%", "\\%").replace("\n", "%")
        command += f"%{text}"
    line = " ".join(filter(None, (fields, job.user if user_column else None, command)))
    settings = [setting(name, value) for name, value in job.env.items()]
    try:
        "".join([line, *settings]).encode()
    except UnicodeEncodeError:
        raise NotHeld("its command is no valid text", "change its command") from None
    read = read_table("\n".join([*settings, line, ""]), flavour=flavour, user_column=user_column)
    if len(read.lines) != 1 or read.lines[0].error:
        why = read.lines[0].error if read.lines else "it is none"
        raise NotHeld(f"cron does not take the line: {why}", "change its command")
    (back,) = read.lines
    user = job.user if user_column else None
    theirs = back.command, back.stdin, back.user, dict(back.env or {})
    if "\0" in line or theirs != (job.command, job.stdin, user, dict(job.env)):
        raise NotHeld(
            "no line of a crontab holds its command as it is: a newline, a \\ before a %, blanks "
            "at its edge or quotes in a setting",
            "put the command into a script",
        )
    return line


def setting(name: str, value: str) -> str:
    """NAME=value, in quotes where cron needs them."""
    quote = "'" if '"' in value else '"'
    is_plain = value and value == value.strip() and value[0] not in "'\""
    return f"{name}={value}" if is_plain else f"{name}={quote}{value}{quote}"


def _escaped(command: str, flavour: Flavour) -> str:
    if flavour == "debian":  # It takes the backslash from before both.
        command = command.replace("\\", "\\\\")
    return command.replace("%", "\\%")
