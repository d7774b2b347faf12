"""When beat last ran what, from the file in which it remembers that."""

from __future__ import annotations

import dbm
import shutil
import tempfile
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from z4j_adapters.transfer.model import SourceError
from z4j_adapters.transfer.pickles import PickleRefused, Record, load

__all__ = ["last_runs"]

SUFFIXES = ("", ".db", ".dat", ".dir", ".bak", ".pag")  # Of all that dbm may have made.
ENTRY = "celery.beat.ScheduleEntry"


def last_runs(path: Path) -> dict[str, datetime]:
    """The last run of each entry, in UTC.

    The file is copied first: it is never locked, and stays as it is, byte for byte.  Nothing that
    its pickle names is run.

    Raises:
        SourceError: It is not there, or no file of beat's.
    """
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, "state")
        copied = [s for s in SUFFIXES if path.with_name(path.name + s).is_file()]
        if not copied:
            raise SourceError(
                "NO_SUCH_FILE", f"--state {path}: no such file", "name beat's --schedule file"
            )
        for suffix in copied:
            shutil.copyfile(path.with_name(path.name + suffix), f"{copy}{suffix}")
        try:
            with dbm.open(str(copy), "r") as file:
                data = file.get(b"entries")
        except (*dbm.error, OSError, ValueError) as error:
            raise _unreadable(path, f"{type(error).__name__}: {error}") from error
    if data is None:
        raise _unreadable(path, "it has no entries")
    try:
        entries = load(data, (ENTRY,), keep_strangers=True)
    except PickleRefused as error:
        raise _unreadable(path, str(error)) from error
    if not isinstance(entries, dict):
        raise _unreadable(path, f"its entries are a {type(entries).__name__}")
    return {name: at for name, entry in entries.items() if (at := _last_run(entry)) is not None}


def _last_run(entry: Any) -> datetime | None:
    """The third argument of the entry's constructor."""
    if not isinstance(entry, Record) or not entry.args or len(entry.args) < 3:
        return None
    at = entry.args[2]
    if not isinstance(at, datetime):
        return None
    # Beat writes aware times; a naive one of an old beat is UTC.
    return (at if at.tzinfo else at.replace(tzinfo=timezone.utc)).astimezone(timezone.utc)


def _unreadable(path: Path, why: str) -> SourceError:
    return SourceError(
        "STATE_UNREADABLE",
        f"--state {path}: {why}",
        "name the file that `celery beat --schedule` names, read it with the Python that beat runs "
        "on, and again if beat was just writing it; or leave --state out",
    )
