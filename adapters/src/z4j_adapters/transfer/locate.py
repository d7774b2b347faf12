"""Finds an object of the user's by module and attribute."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

from z4j_adapters.transfer.isolate import foreign
from z4j_adapters.transfer.model import SourceError

__all__ = ["MEND", "load_module", "load_object", "work_in"]

MEND = "mend the module, or name its folder with --workdir"


def load_object(option: str, name: str | None, workdir: Path | None) -> Any:
    """Import what --`option` names: module:attribute, or module.attribute.

    Args:
        option: For messages.
        name: None: the option was not given.
        workdir: Where the module is; the current folder if None.
    Raises:
        SourceError: It is not given, is no such name, or cannot be imported.
    """
    if not name:
        raise SourceError("WRONG_USAGE", f"give --{option} MODULE:ATTRIBUTE")
    module, colon, attribute = name.partition(":")
    if not colon:
        module, _, attribute = name.rpartition(".")
    if not module or not attribute:
        raise SourceError("WRONG_USAGE", f"--{option} {name} is not module:attribute")
    folder = work_in(workdir)

    def load() -> Any:
        found: Any = importlib.import_module(module)
        for part in attribute.split("."):
            found = getattr(found, part)
        return found

    return foreign(f"--{option} {name}, imported from {folder}", load, remedy=MEND)


def load_module(option: str, name: str) -> None:
    """Import the module that --`option` names.

    Raises:
        SourceError: It cannot be imported.
    """
    foreign(f"--{option} {name}", lambda: importlib.import_module(name), remedy=MEND)


def work_in(workdir: Path | None) -> Path:
    """Let modules be imported from `workdir`, or from the current folder; return which it is."""
    folder = (workdir or Path.cwd()).absolute()
    sys.path.insert(0, str(folder))
    return folder
