"""What waits behind an adapter, asked through the scheduler; queues that are purged."""

from __future__ import annotations

import os
import pty
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.harness.processes import VENV_BIN, Program, wait_for
from tests.harness.scheduler_server import CliError, SchedulerServer


class IdleSide:
    """A scheduler, and an adapter whose engine has queues and no workers."""

    def __init__(self, server: SchedulerServer, adapter: Program) -> None:
        self.server, self.adapter = server, adapter

    def engine(self, *args: str) -> Any:
        """What `engine …` prints as JSON."""
        return self.server.cli("engine", *args)

    def fill(self, schedule: str, queue: str, count: int) -> None:
        """Has so many fires wait in the engine's queue."""
        create = (
            "schedule",
            "create",
            schedule,
            "-e",
            "stub",
            "-t",
            "demo.add",
            "--queue",
            queue,
        )
        self.server.cli(*create, "--at", "+1h")
        for _ in range(count):
            self.server.cli("schedule", "trigger", schedule)
        wait_for(f"{count} fires in {queue}", lambda: self.depth(queue) == count)

    def depth(self, queue: str) -> int | None:
        """What waits in the queue as the engine says."""
        depths = {row["name"]: int(row.get("depth", 0)) for row in self.engine("queues", "stub")}
        return depths.get(queue)

    def states(self, schedule: str) -> list[str]:
        """Of the schedule's fires."""
        return [str(fire["state"]) for fire in self.server.fires(schedule)]

    def audited(self) -> list[str]:
        """The purges in the audit log, oldest first."""
        entries = self.server.cli("audit", "list")
        mine = [entry for entry in entries if entry["action"].startswith("engine.")]
        mine.sort(key=lambda entry: int(entry["sequence"]))
        return [f"{e['action']} {e['resource']} {e.get('afterJson', '')}".strip() for e in mine]


@pytest.fixture
def side(tmp_path: Path) -> Iterator[IdleSide]:
    """Connected."""
    with SchedulerServer(tmp_path) as server:
        command = [
            str(VENV_BIN / "z4j-adapter"),
            "stub",
            "--workers",
            "0",
            "--instance",
            "one",
        ]
        with Program("adapter", [*command, "--scheduler", server.address], tmp_path) as adapter:
            wait_for("the adapter", lambda: server.cli("adapter", "list"))
            yield IdleSide(server, adapter)


def test_an_engine_tells_its_queues_workers_and_instances(side: IdleSide) -> None:
    side.fill("nightly", "mail", 3)
    (mail,) = [row for row in side.engine("queues", "stub") if row["name"] == "mail"]
    assert (mail["instance"], mail["depth"]) == ("one", "3")
    assert side.engine("workers", "stub") == []
    assert side.engine("tasks", "stub") == []
    listed = side.engine("list")
    assert [engine["engine"] for engine in listed["engines"]] == ["stub"]
    assert listed["adapters"][0]["capabilities"]["listQueues"] is True
    for args, words in [
        (("queues", "celery"), "connected: stub"),
        (("queues", "stub", "--instance", "two"), "connected: one"),
    ]:
        with pytest.raises(CliError) as error:
            side.engine(*args)
        assert error.value.code == 3
        assert words in error.value.stderr


def test_a_purged_queue_is_empty_its_fires_cancelled_and_the_purge_audited(
    side: IdleSide,
) -> None:
    side.fill("nightly", "mail", 3)
    side.fill("hourly", "reports", 1)
    assert int(side.engine("purge", "stub", "mail", "--yes")["purged"]) == 3
    assert (side.depth("mail"), side.depth("reports")) == (0, 1)
    wait_for("the fires' ends", lambda: side.states("nightly") == ["STATE_CANCELLED"] * 3)
    assert side.states("hourly") == ["STATE_DISPATCHED"]
    assert side.audited() == [
        "engine.purge.begin engines/stub/queues/mail",
        'engine.purge engines/stub/queues/mail {"purged":3}',
    ]
    side.server.cli("audit", "verify")


def test_without_a_terminal_or_yes_nothing_is_purged(side: IdleSide) -> None:
    side.fill("nightly", "mail", 1)
    command = [str(side.server.binary), "engine", "purge", "stub", "mail"]
    command += ["--server", side.server.address]
    done = subprocess.run(
        command, check=False, stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    assert done.returncode == 2
    assert "--yes" in done.stderr
    with pytest.raises(CliError) as error:
        side.engine("purge", "stub", "mial", "--yes")
    assert error.value.code == 3
    assert '"mail"' in error.value.stderr
    assert side.depth("mail") == 1
    assert side.audited() == []


@pytest.mark.parametrize(("answer", "left"), [("n", 2), ("", 2), ("y", 0)])
def test_on_a_terminal_the_depth_is_shown_and_a_person_asked(
    side: IdleSide, answer: str, left: int
) -> None:
    side.fill("nightly", "mail", 2)
    person, terminal = pty.openpty()
    command = [str(side.server.binary), "engine", "purge", "stub", "mail"]
    command += ["--server", side.server.address]
    purge = subprocess.Popen(
        command,
        stdin=terminal,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    os.close(terminal)
    os.write(person, f"{answer}\n".encode())
    out, err = purge.communicate(timeout=30)
    os.close(person)
    assert "2 messages wait in queue 'mail' of stub" in err
    assert side.depth("mail") == left
    assert purge.returncode == (1 if left else 0)
    assert ("2 messages removed" in out) is (left == 0)


def test_what_the_adapter_would_reject_is_not_created(side: IdleSide) -> None:
    create = (
        "schedule",
        "create",
        "urgent",
        "-e",
        "stub",
        "-t",
        "t",
        "--interval",
        "1h",
    )
    with pytest.raises(CliError) as error:
        side.server.cli(*create, "--priority", "5")
    assert error.value.code == 2
    assert "schedule.priority" in error.value.stderr
    side.adapter.stop()
    wait_for("nobody", lambda: not side.server.cli("adapter", "list"))
    side.server.cli(*create, "--priority", "5")  # Nobody knows.
