"""How commands that write lines tell of wrong usage and of what is missing: in a line, too."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import NoReturn

from z4j_adapters._options import Parser
from z4j_adapters.transfer.model import SourceError

__all__ = ["RaisingParser", "WrongUsage", "first_option", "missing"]


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
