"""A crontab as a whole: settings, lines, users, commands and their standard input."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from z4j_adapters.transfer.cron.fields import (
    BadLine,
    Flavour,
    Random,
    Times,
    read_macro,
    read_times,
)

__all__ = ["Line", "Table", "read_table"]

DEBIAN_COMMAND_MAX = 998  # A longer one is "command too long" there.
DEBIAN_LINES_MAX = 10_000
_BLANKS = " \t"
_NAME = re.compile(
    r"""(?:(?P<quote>['"])(?P<quoted>[^=]*?)(?P=quote)|(?P<bare>(?!['"])[^=\s]*))\s*=\s*"""
)


@dataclass(frozen=True, slots=True)
class Line:
    """One line that is neither blank, nor a comment, nor a setting."""

    number: int
    raw: str
    times: Times | None = None
    """None: @reboot, or `error` says why there are none."""
    user: str | None = None
    command: str = ""
    stdin: str | None = None
    env: Mapping[str, str] | None = None
    """Settings that stand above the line."""
    error: str = ""
    """Why cron does not take the line."""
    random: str = ""
    """The field that cronie draws by lot."""


@dataclass(frozen=True, slots=True)
class Table:
    """What one file holds."""

    lines: tuple[Line, ...]
    ignored: str
    """Why cron ignores the whole file; empty: it does not."""


def read_table(text: str, *, flavour: Flavour, user_column: bool) -> Table:
    """Read a crontab."""
    lines: list[Line] = []
    env: dict[str, str] = {}
    rows = text.split("\n")
    unended = rows.pop()  # Empty if the last line has its newline.
    for number, row in enumerate(rows, 1):
        row = row.lstrip(_BLANKS)
        if not row or row.startswith("#"):
            continue
        setting = _setting(row)
        if setting is not None:
            if setting[0]:  # "= x" is a setting to cron, and of no use.
                env[setting[0]] = setting[1]
            continue
        lines.append(_line(number, row, flavour, user_column, dict(env)))
    unended = unended.lstrip(_BLANKS)
    is_cut = bool(unended) and not unended.startswith("#")
    if is_cut and _setting(unended) is None:
        lines.append(Line(len(rows) + 1, unended, error="the last line has no newline at its end"))
    ignored = ""
    if flavour == "debian":
        wrong = next((line for line in lines if line.error), None)
        if len(rows) > DEBIAN_LINES_MAX:
            ignored = f"it has more than {DEBIAN_LINES_MAX} lines"
        elif is_cut:
            ignored = "its last line has no newline at its end"
        elif wrong is not None:
            ignored = f"line {wrong.number} is wrong ({wrong.error})"
    return Table(tuple(lines), ignored)


def _line(number: int, row: str, flavour: Flavour, user_column: bool, env: dict[str, str]) -> Line:
    rest = row
    try:
        if flavour == "cronie" and rest.startswith("-"):
            rest = rest[1:]  # Only keeps the run out of the log.
        if rest.startswith("@"):
            macro, rest = _word(rest[1:])
            times = read_macro(macro)
        else:
            times, rest = read_times(rest, flavour)
        user, command = _user_and_command(rest, flavour, user_column)
    except Random as field:
        return Line(number, row, random=str(field))
    except BadLine as error:
        return Line(number, row, error=str(error))
    command, stdin = _split(command, flavour)
    return Line(number, row, times, user, command, stdin, env)


def _user_and_command(rest: str, flavour: Flavour, user_column: bool) -> tuple[str | None, str]:
    rest = rest.lstrip(_BLANKS)
    user = None
    if user_column:
        user, rest = _word(rest)
        if not user:
            raise BadLine("bad command: there is no user and no command")
        rest = rest.lstrip(_BLANKS)
    elif rest.startswith("*"):
        raise BadLine("bad command: it begins with *, as a sixth field would")
    if not rest.strip():
        raise BadLine("bad command: there is none")
    if flavour == "debian" and len(rest.encode("utf-8", "surrogateescape")) > DEBIAN_COMMAND_MAX:
        raise BadLine(f"command too long: more than {DEBIAN_COMMAND_MAX} bytes")
    return user, rest


def _word(text: str) -> tuple[str, str]:
    """Split at the first blank."""
    found = re.match(r"[^ \t]*", text)
    assert found is not None
    return found[0], text[found.end() :]


def _split(command: str, flavour: Flavour) -> tuple[str, str | None]:
    """Part a command from its standard input: what follows the first % that has no \\ before it."""
    kept: list[str] = []
    at = 0
    # Debian's cron takes the backslash from "\\\\" as well; cronie leaves it to the shell.
    escaped = "%\\" if flavour == "debian" else "%"
    while at < len(command):
        char = command[at]
        if char == "%":
            return "".join(kept), _stdin(command[at + 1 :])
        if char == "\\" and at + 1 < len(command):
            following = command[at + 1]
            kept.append(following if following in escaped else char + following)
            at += 2
            continue
        kept.append(char)
        at += 1
    return "".join(kept), None


def _stdin(text: str) -> str:
    """Each % is a newline but for \\%; what does not end with one gets one."""
    made = re.sub(r"\\%|%", lambda found: "%" if found[0] == "\\%" else "\n", text)
    return made if not made or made.endswith("\n") else made + "\n"


def _setting(row: str) -> tuple[str, str] | None:
    """Read NAME = value, with or without quotes; None if the line is none."""
    found = _NAME.match(row)
    if found is None:
        return None
    name = found["quoted"] if found["quoted"] is not None else found["bare"]
    value = row[found.end() :]
    if not value:
        return None  # Cron, too, wants "" for nothing.
    quote = value[0] if value[0] in "'\"" else ""
    if not quote:
        value = value.rstrip()
        if len(value) >= 2 and value[0] in "'\"" and value[0] == value[-1]:
            value = value[1:-1]
        return name, value
    end = value.find(quote, 1)
    if end < 0 or value[end + 1 :].strip():
        return None
    return name, value[1:end]
