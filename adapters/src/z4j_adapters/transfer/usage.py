"""How commands that write lines tell of wrong usage and of what is missing: in a line, too."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timezone
from typing import NoReturn

from z4j_adapters._options import Parser
from z4j_adapters.transfer.model import SourceError
from z4j_adapters.transfer.zones import zone_of

__all__ = [
    "RaisingParser",
    "WrongUsage",
    "check_known",
    "chosen",
    "first_options",
    "instant",
    "listed",
    "missing",
    "none_chosen",
    "parser_of",
    "zone_name",
]


class WrongUsage(Exception):
    """Wrong usage."""


class RaisingParser(Parser):
    """Raises instead of ending the process, so that the reader of our lines hears of it."""

    def error(self, message: str) -> NoReturn:
        raise WrongUsage(message)


def chosen(
    argv: list[str], option: str, what: str, known: Iterable[str], teach: Callable[[], str]
) -> str:
    """The value of the option that decides which others there are, one of `known`.

    Args:
        option: Its name, without dashes.
        what: What it names: "source".
        teach: Makes what --help without that option prints.
    Raises:
        WrongUsage: It is missing, or none of them.
        SystemExit: It is missing, and help was asked for, and printed.
    """
    name = first_options(argv, option)[option]
    if name is None:
        raise none_chosen(argv, option, what, known, teach)
    check_known(name, option, what, known)
    return name


def first_options(argv: list[str], *names: str) -> dict[str, str | None]:
    """The values of options that decide which others there are."""
    first = RaisingParser(add_help=False)
    for name in names:
        first.add_argument(f"--{name}", dest=name)
    found: dict[str, str | None] = vars(first.parse_known_args(argv)[0])
    return found


def none_chosen(
    argv: list[str], option: str, what: str, known: Iterable[str], teach: Callable[[], str]
) -> WrongUsage | SystemExit:
    """What to raise where that option is missing; prints help, if it was asked for."""
    if "--help" in argv or "-h" in argv:
        print(teach(), end="")
        return SystemExit(0)
    return WrongUsage(f"give --{option} {what.upper()}, one of {', '.join(known)}")


def check_known(name: str, option: str, what: str, known: Iterable[str]) -> None:
    """Make sure that `name` is one of `known`.

    Raises:
        WrongUsage: It is not.
    """
    if name not in known:
        raise WrongUsage(f"--{option} {name}: no such {what}; there are {', '.join(known)}")


def parser_of(
    command: str, option: str, name: str, description: str, *needed: str
) -> RaisingParser:
    """A parser of the options that go with `name`; those that are `needed` stand in the usage."""
    usage = " ".join(("z4j-adapter", command, f"--{option}", name, *needed, "[option …]"))
    parser = RaisingParser(prog=f"z4j-adapter {command}", usage=usage, description=description)
    parser.add_argument(f"--{option}", dest="chosen", help=argparse.SUPPRESS)
    return parser


def listed(lines: Mapping[str, str]) -> str:
    """Names, each with what is said of it, as help lists them."""
    width = max(map(len, lines), default=0)
    return "\n".join(f"  {name:{width}}  {line}" for name, line in lines.items())


def instant(text: str) -> datetime:
    """Read the value of an option such as --at."""
    try:
        at = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no instant such as 2026-03-01T00:00:00Z")
    return at.astimezone(timezone.utc)


def zone_name(text: str) -> str:
    """Read the value of an option such as --timezone."""
    try:
        zone_of(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return text


def missing(packages: Mapping[str, str], error: ImportError) -> SourceError:
    """What to say of a module that is not there; `packages`: module → what pip installs it."""
    module = (error.name or "").partition(".")[0]
    package = packages.get(module, module)
    if not package:
        return SourceError("IMPORT_FAILED", str(error))
    return SourceError(
        "MISSING_PACKAGE",
        f"{package} is not installed for {sys.executable}",
        f"{sys.executable} -m pip install {package}, or name the Python of your project",
    )
