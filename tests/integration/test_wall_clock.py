"""A wall clock that is set by an hour while everything runs."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from tests.harness.processes import wait_for
from tests.harness.scheduler_server import SchedulerServer, stub_adapter
from tests.integration.conftest import assert_every_second_has_its_row

SOURCE = Path(__file__).resolve().parent.parent / "harness" / "shifted_clock.c"
HOUR = timedelta(hours=1)


class WallClock:
    """The wall clock of the programs that are started with `env`."""

    def __init__(self, folder: Path) -> None:
        library = folder / "shifted_clock.so"
        subprocess.run(["cc", "-O1", "-shared", "-fPIC", SOURCE, "-o", library], check=True)
        self.file = folder / "shifted_clock"
        self.set_ahead(timedelta(0))
        self.env = {"LD_PRELOAD": str(library), "Z4J_SHIFTED_CLOCK": str(self.file)}

    def set_ahead(self, shift: timedelta) -> None:
        """Sets it `shift` ahead of the kernel's, for all of them at once."""
        with self.file.open("r+b" if self.file.exists() else "wb") as file:
            file.write(int(shift.total_seconds()).to_bytes(8, "little", signed=True))


@pytest.fixture
def wall_clock(tmp_path: Path) -> WallClock:
    """One that is right, until a test sets it."""
    return WallClock(tmp_path)


@pytest.fixture
def server(tmp_path: Path, wall_clock: WallClock) -> Iterator[SchedulerServer]:
    """A scheduler under that clock; its log is shown when the test fails."""
    started = SchedulerServer(tmp_path)
    started.env.update(wall_clock.env)
    with started:
        yield started
        print(f"--- scheduler ---\n{started.log()[-3000:]}")


def due_times(server: SchedulerServer, schedule: str) -> list[datetime]:
    """The due times of its fires, oldest first."""
    return [datetime.fromisoformat(fire["dueTime"]) for fire in server.fires(schedule)]


def create(server: SchedulerServer, name: str, *args: str) -> None:
    """Creates a schedule of the engine "stub"."""
    server.cli("schedule", "create", name, "--engine", "stub", "--task", "t", *args)


def ended(server: SchedulerServer, schedule: str) -> bool:
    """The newest fire of the schedule has been run."""
    return bool(server.fires(schedule)[-1]["state"] == "STATE_SUCCEEDED")


def test_a_wall_clock_set_back_by_an_hour_holds_nothing_up_and_fires_nothing_twice(
    tmp_path: Path, wall_clock: WallClock, server: SchedulerServer
) -> None:
    with stub_adapter(tmp_path, server):
        # A wait until a time of this clock would end an hour late.
        wall_clock.set_ahead(HOUR)
        create(server, "tick", "--interval", "1s")
        wait_for("fires", lambda: len(due_times(server, "tick")) >= 4 and ended(server, "tick"))

        wall_clock.set_ahead(timedelta(0))
        before = due_times(server, "tick")
        create(server, "later", "--interval", "1s")
        wait_for("fires", lambda: len(due_times(server, "later")) >= 4 and ended(server, "later"))
        assert all(due <= datetime.now(timezone.utc) for due in due_times(server, "later"))
        server.cli("schedule", "delete", "later")
        # By the new clock the next one is due in an hour; one may have been decided just before.
        assert due_times(server, "tick")[-1] <= before[-1] + timedelta(seconds=1)

        wall_clock.set_ahead(HOUR)
        wait_for("fires", lambda: due_times(server, "tick")[-1] > before[-1] + timedelta(seconds=4))
        assert_every_second_has_its_row("tick", server.fires("tick"))
        assert server.cli("audit", "verify")["valid"] is True
