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

__all__ = ["files_of", "has_run", "is_saved_at_end", "last_runs"]

SUFFIXES = ("", ".db", ".dat", ".dir", ".bak", ".pag")  # Of all that dbm may have made.
ENTRY = "celery.beat.ScheduleEntry"


def last_runs(path: Path) -> dict[str, datetime]:
    """The last run of each entry, in UTC; as `entries_of`."""
    entries = entries_of(path)
    return {name: at for name, entry in entries.items() if (at := _last_run(entry)) is not None}


def has_run(path: Path) -> bool:
    """Whether beat has run something since it has the file; as `entries_of`."""
    return any(
        isinstance(entry, Record) and entry.args is not None and any(entry.args[3:4])
        for entry in entries_of(path).values()
    )


def is_saved_at_end(path: Path) -> bool:
    """Whether the file is whole only while beat does not run: Berkeley DB, which dbm uses on Debian
    without python3-gdbm, keeps in memory what was changed until it is closed."""
    return path.with_name(path.name + ".db").is_file()


def files_of(path: Path) -> list[Path]:
    """The files that hold it; dbm has its own endings."""
    files = (path.with_name(path.name + suffix) for suffix in SUFFIXES)
    return [file for file in files if file.is_file()]


def entries_of(path: Path) -> dict[Any, Any]:
    """What beat's file holds, each entry as a Record.

    The file is copied first: it is never locked, and stays as it is, byte for byte.  Nothing that
    its pickle names is run.

    Raises:
        SourceError: It is not there, or no file of beat's.
    """
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, "state")
        files = files_of(path)
        if not files:
            raise SourceError(
                "NO_SUCH_FILE", f"--state {path}: no such file", "name beat's --schedule file"
            )
        for each in files:
            shutil.copyfile(each, f"{copy}{each.name.removeprefix(path.name)}")
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
    return entries


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
    remedy = (
        "name the file that `celery beat --schedule` names, read it with the Python that beat runs "
        "on, and again if beat was just writing it; or leave --state out"
    )
    if is_saved_at_end(path):
        why += "; it is a Berkeley DB, whole only while beat is stopped"
        remedy = "stop beat and read it with the Python that beat runs on; or leave --state out"
    return SourceError("STATE_UNREADABLE", f"--state {path}: {why}", remedy)
