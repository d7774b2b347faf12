"""How commands that write lines tell of wrong usage and of what is missing: in a line, too."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import NoReturn

from z4j_adapters._options import Parser
from z4j_adapters.transfer.model import SourceError
from z4j_adapters.transfer.zones import zone_of

__all__ = ["RaisingParser", "WrongUsage", "first_option", "instant", "missing", "zone_name"]


class WrongUsage(Exception):
    """Wrong usage."""


class RaisingParser(Parser):
    """Raises instead of ending the process, so that the reader of our lines hears of it."""

    def error(self, message: str) -> NoReturn:
        raise WrongUsage(message)


def first_option(argv: list[str], *names: str) -> dict[str, str | None]:
    """The values of options that decide which others there are."""
    first = RaisingParser(add_help=False)
    for name in names:
        first.add_argument(f"--{name}", dest=name)
    found: dict[str, str | None] = vars(first.parse_known_args(argv)[0])
    return found


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
