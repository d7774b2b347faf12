"""Writes the file in which beat remembers its last runs, with beat's own classes."""

from __future__ import annotations

import os
import shelve
import tempfile
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from celery import __version__ as celery_version
from celery.beat import ScheduleEntry
from celery.schedules import schedule

from z4j_adapters.engines.celery.importing.state import files_of, has_run
from z4j_adapters.transfer.model import SourceError

__all__ = ["check_unused", "write_beat_file"]


def check_unused(path: Path) -> None:
    """See that the file is not there, or that beat has not run anything from it yet.

    Raises:
        SourceError: It is in use.
    """
    if files_of(path) and has_run(path):
        raise SourceError(
            "STATE_IN_USE",
            f"--state {path}: beat has run schedules from it",
            "name another file, and give that to `celery beat --schedule`",
        )


def write_beat_file(
    path: Path, timezone: Any, intervals: Mapping[str, tuple[str, timedelta, datetime]]
) -> None:
    """Let beat count from these last runs.

    Args:
        path: Replaced, if it is there.
        timezone: The app's setting; beat forgets everything if it is another one.
        intervals: Entry → task, period and last run.
    """
    entries = {
        name: ScheduleEntry(name, task, last_run_at=last, schedule=schedule(period))
        for name, (task, period, last) in intervals.items()
    }
    with tempfile.TemporaryDirectory(dir=path.absolute().parent) as folder:
        made = Path(folder, path.name)
        with shelve.open(str(made)) as file:
            file["entries"] = entries
            file["__version__"] = celery_version
            file["tz"] = timezone
            file["utc_enabled"] = True
        for old in files_of(path):
            old.unlink()
        for new in files_of(made):
            os.replace(new, path.absolute().parent / new.name)
