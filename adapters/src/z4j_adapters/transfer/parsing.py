"""What the commands `import` and `export` share: options, and errors that become lines."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import NoReturn

from z4j_adapters._options import Parser
from z4j_adapters.transfer.model import SourceError
from z4j_adapters.transfer.zones import zone_of

__all__ = ["LineParser", "Wrong", "instant", "missing_package", "zone_name"]


class Wrong(Exception):
    """Wrong usage."""


class LineParser(Parser):
    """Raises instead of ending the process, so that the reader of our lines hears of it."""

    def error(self, message: str) -> NoReturn:
        raise Wrong(message)


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


def missing_package(packages: Mapping[str, str], error: ImportError) -> SourceError:
    """Say what pip is to install; `packages` are modules and what installs them."""
    module = (error.name or "").partition(".")[0]
    package = packages.get(module, module)
    if not package:
        return SourceError("IMPORT_FAILED", str(error))
    return SourceError(
        "MISSING_PACKAGE",
        f"{package} is not installed for {sys.executable}",
        f"{sys.executable} -m pip install {package}, or name the Python of your project",
    )
