"""A PostgreSQL whose disk is full: a real, small file system that a file fills."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from tests.harness.postgres_server import PostgresServer
from tests.harness.processes import wait_for
from tests.harness.scheduler_server import CliError, SchedulerServer, stub_adapter
from tests.harness.small_disk import fill, mounted
from tests.integration.conftest import assert_every_second_has_its_row

SCHEDULES = 20


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 96 MiB; the cluster takes about 40."""
    with mounted(tmp_path, 96) as disk:
        yield disk


def newest(scheduler: SchedulerServer) -> datetime:
    """The newest due time that has a row."""
    (fire,) = scheduler.cli("fire", "list", "--limit", "1")
    return datetime.fromisoformat(fire["dueTime"])


def refusal(scheduler: SchedulerServer) -> CliError | None:
    """How a large schedule is refused, if it is."""
    try:
        scheduler.cli(
            "schedule", "create", f"large-{datetime.now().timestamp()}", "--engine", "stub",
            "--task", "t", "--interval", "1h", "--args", f'["{os.urandom(30_000).hex()}"]',
        )  # fmt: skip
    except CliError as error:
        return error
    return None


def test_a_full_postgres_disk_refuses_changes_and_delays_fires_but_loses_none(
    small_disk: Path, tmp_path: Path
) -> None:
    keys = tmp_path / "audit.keys"
    keys.write_text("k1:" + "ab" * 32 + "\n")
    keys.chmod(0o600)
    with (
        PostgresServer(tmp_path, data=small_disk / "pgdata") as postgres,
        SchedulerServer(
            tmp_path,
            database=postgres.dsn,
            args=("--audit-key-file", str(keys), "--election", "postgres"),
        ) as scheduler,
        stub_adapter(tmp_path, scheduler),
    ):
        for i in range(SCHEDULES):
            scheduler.cli(
                "schedule", "create", f"tick-{i}", "--engine", "stub", "--task", "t",
                "--interval", "1s", "--catch-up", "fire-all",
            )  # fmt: skip
        wait_for("the first fires", lambda: scheduler.fires("tick-0"))
        ballast = small_disk / "ballast"
        fill(ballast)
        refused = wait_for("a change to be refused", lambda: refusal(scheduler))
        assert isinstance(refused, CliError)
        assert "No space left on device" in refused.stderr, refused.stderr
        wait_for(
            "the fires to stop",
            lambda: datetime.now(timezone.utc) - newest(scheduler) > timedelta(seconds=2.5),
        )
        assert scheduler.running(), scheduler.log()[-2000:]
        stopped = newest(scheduler)

        ballast.unlink()
        wait_for("the fires to go on", lambda: newest(scheduler) > stopped + timedelta(seconds=4))
        wait_for("changes to be taken again", lambda: refusal(scheduler) is None)
        for i in range(SCHEDULES):
            assert_every_second_has_its_row(f"tick-{i}", scheduler.fires(f"tick-{i}"))
        assert scheduler.cli("audit", "verify")["valid"] is True
        assert scheduler.running(), scheduler.log()[-2000:]
