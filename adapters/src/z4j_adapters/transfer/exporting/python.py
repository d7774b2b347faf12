"""Python files that exports write: values as source, and reading the file back."""

from __future__ import annotations

import runpy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from z4j_adapters.transfer.isolate import foreign

__all__ = ["Source", "literal", "run_file"]

WIDTH = 96


class Source(str):
    """Python source, which stands for itself in `literal`."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def literal(value: Any, indent: int = 0) -> str:
    """Write JSON values and `Source` as Python; what is long takes a line for each item.

    `indent` is that of the line it begins on, in columns.
    """
    flat = repr(value)
    if indent + len(flat) <= WIDTH or not value or not isinstance(value, (Mapping, list, tuple)):
        return flat
    if isinstance(value, Mapping):
        begin, end = "{", "}"
        items = [f"{key!r}: {literal(item, indent + 4)}" for key, item in value.items()]
    else:
        begin, end = "()" if isinstance(value, tuple) else "[]"
        items = [literal(item, indent + 4) for item in value]
    lines = "".join(f"{' ' * (indent + 4)}{item},\n" for item in items)
    return f"{begin}\n{lines}{' ' * indent}{end}"


def run_file(path: Path) -> dict[str, Any]:
    """What a Python file defines; it is not run as a script, and leaves no .pyc.

    Raises:
        SourceError: It fails.
    """
    return foreign(f"the written file {path}", lambda: runpy.run_path(str(path)))
