"""Python source of calls, instants, zones and imports, for the modules that exports write."""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta, timezone

from z4j_adapters.transfer.exporting.model import NotHeld
from z4j_adapters.transfer.exporting.python import literal
from z4j_adapters.transfer.zones import zone_of

__all__ = ["TIMES", "call", "imports", "instant_code", "module_and_name", "zone_code"]

TIMES = {
    "date": "datetime",
    "datetime": "datetime",
    "timedelta": "datetime",
    "timezone": "datetime",
    "ZoneInfo": "zoneinfo",
}
"""Names of instants and zones → where they are imported from."""

_LINE_MAX = 100


def call(function: str, arguments: Iterable[tuple[str, str]], indent: str = "") -> str:
    """A call: names, or "" for one by position, and the code of what is given.

    One line if it fits, else one argument a line.
    """
    given = [f"{name}={code}" if name else code for name, code in arguments]
    line = f"{function}({', '.join(given)})"
    if len(indent) + len(line) <= _LINE_MAX and "\n" not in line:
        return line
    inner = f",\n{indent}    ".join(given)
    return f"{function}(\n{indent}    {inner},\n{indent})"


def instant_code(at: datetime) -> str:
    """An instant, to the microsecond, in UTC."""
    at = at.astimezone(timezone.utc)
    parts = [at.year, at.month, at.day, at.hour, at.minute]
    if at.second or at.microsecond:
        parts.append(at.second)
    if at.microsecond:
        parts.append(at.microsecond)
    return f"datetime({', '.join(map(str, parts))}, tzinfo=timezone.utc)"


def zone_code(name: str) -> str:
    """A tzinfo by the name that the scheduler has for it."""
    if name == "UTC":
        return "timezone.utc"
    offset = zone_of(name).utcoffset(None)
    if not name.startswith("UTC") or offset is None:
        return f"ZoneInfo({literal(name)})"
    minutes = offset // timedelta(minutes=1)
    return f"timezone(timedelta(minutes={minutes}), {literal(name)})"


def imports(body: str, known: Mapping[str, str]) -> str:
    """The import lines of a module: of `known`, name → "module", those that `body` uses."""
    found: dict[str, list[str]] = {}
    for name, module in known.items():
        if re.search(rf"(?<![\w.\"]){re.escape(name)}\b", body):
            found.setdefault(module, []).append(name)
    return "\n".join(
        f"import {module}" if names == [module] else f"from {module} import {', '.join(names)}"
        for module, names in found.items()
    )


def module_and_name(path: str) -> tuple[str, str]:
    """Take "shop.tasks.clean" apart: a module, and a function of it.

    Raises:
        NotHeld: It is no such path.
    """
    module, _, name = path.rpartition(".")
    parts = [*module.split("."), name]
    if not all(part.isidentifier() and not keyword.iskeyword(part) for part in parts):
        raise NotHeld(
            f"its task {path!r} is no module.function that Python could import",
            "name the task after a function of a module",
            "R9_NO_FUNCTION",
        )
    return module, name
