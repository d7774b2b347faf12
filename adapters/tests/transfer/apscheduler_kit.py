"""Stores of APScheduler made for a test, and what becomes of them; random fields of its crons."""

from __future__ import annotations

import pickle
import random
import sqlite3
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from transfer.instants import UTC, lines_of
from z4j_adapters.transfer.apscheduler.importing import ApschedulerImporter

AT = datetime(2026, 11, 22, tzinfo=UTC)
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
RANGES = {"month": (1, 12), "day": (1, 31), "week": (1, 53), "day_of_week": (0, 6),
          "hour": (0, 23), "minute": (0, 59), "second": (0, 59), "year": (2025, 2035)}  # fmt: skip
OFTEN = {"year": 0.08, "month": 0.25, "day": 0.35, "week": 0.08, "day_of_week": 0.35,
         "hour": 0.75, "minute": 0.7, "second": 0.15}  # fmt: skip


def read(url: str, *, at: datetime = AT, fires: int = 0, **given: Any) -> list[dict[str, Any]]:
    """What becomes of a store."""
    options = {
        "jobstore_url": url,
        "jobstore_table": "apscheduler_jobs",
        "jobstore_key": "apscheduler.jobs",
        "export": None,
        "engine": "rq",
        **given,
    }
    return lines_of(ApschedulerImporter, at=at, fires=fires, **options)


def draw_fields(
    draw: random.Random, piece: Callable[[random.Random, str], str]
) -> Mapping[str, str]:
    """Arguments of a cron trigger, made of what `piece` draws for a field."""
    return {
        name: ", ".join(piece(draw, name) for _ in range(draw.choice((1, 1, 1, 2, 3))))
        for name, often in OFTEN.items()
        if draw.random() < often
    }


# Version 3.


def state(trigger: Any, **given: Any) -> dict[str, Any]:
    """A job as the library pickles it."""
    now = given.pop("now", AT)
    return {
        "version": 1,
        "id": "job",
        "func": "shop.jobs:clean",
        "trigger": trigger,
        "executor": "default",
        "args": (),
        "kwargs": {},
        "name": "clean",
        "misfire_grace_time": 1,
        "coalesce": True,
        "max_instances": 1,
        "next_run_time": trigger.get_next_fire_time(None, now),
        **given,
    }


def store(path: Path, *states: Any) -> str:
    """A job store in SQLite, and its URL; bytes stand for a pickle.

    The first job is of the newest protocol, as the library writes it; below 4 none keeps which of
    two equal wall times is meant.
    """
    with sqlite3.connect(path) as connection:
        connection.execute(
            "CREATE TABLE apscheduler_jobs (id VARCHAR(191) PRIMARY KEY, next_run_time FLOAT, "
            "job_state BLOB NOT NULL)"
        )
        for number, each in enumerate(states):
            data = each if isinstance(each, bytes) else pickle.dumps(each, 5 - number % 6)
            connection.execute(
                "INSERT INTO apscheduler_jobs VALUES (?, 0, ?)", (f"{number:05d}", data)
            )
    connection.close()
    return f"sqlite:///{path}"


def imported(trigger: Any, *, at: datetime = AT, fires: int = 0, **given: Any) -> dict[str, Any]:
    """The first line of one job with the trigger."""
    with TemporaryDirectory() as folder:
        url = store(Path(folder) / "jobs.sqlite", state(trigger, now=at, **given))
        return read(url, at=at, fires=fires)[0]


def cron_of(line: dict[str, Any]) -> dict[str, Any]:
    fields = dict(line["schedule"]["spec"]["cron"])
    assert fields.pop("dayMatch") == "DAY_MATCH_AND"
    return {name: value for name, value in fields.items() if value not in ("*", "0")}
