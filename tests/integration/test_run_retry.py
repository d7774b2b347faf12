"""Runs that ended badly are repeated: by the scheduler where a schedule says so, and by people."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.harness.celery_side import CeleryAdapter, CeleryWorker
from tests.harness.processes import wait_for
from tests.harness.redis_server import RedisServer
from tests.harness.scheduler_server import CliError, SchedulerServer


class Side:
    """A scheduler on the embedded default, an adapter, and a worker that tells how runs end."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.redis = stack.enter_context(RedisServer(folder))
        self.scheduler = stack.enter_context(SchedulerServer(folder))
        adapter = CeleryAdapter(
            folder,
            [self.scheduler.address],
            self.redis.url,
            args=("--result-backend", self.redis.url),
        )
        stack.enter_context(adapter)
        worker = CeleryWorker(
            folder,
            "tests.harness.recording_tasks:app",
            args=("-E",),
            RECORDING_BROKER=self.redis.url,
            RECORDING_RESULTS=self.redis.url,
        )
        stack.enter_context(worker)
        wait_for("the adapter to be listed", lambda: self.scheduler.cli("adapter", "list"))

    def create(self, name: str, task: str, *args: str) -> None:
        """A schedule that fires now, once."""
        self.scheduler.cli(
            "schedule", "create", name, "--engine", "celery", "--task", task, "--at", "now", *args
        )

    def runs(self, name: str) -> list[dict[str, Any]]:
        """Its fires, the first run first."""
        return sorted(self.scheduler.fires(name), key=lambda fire: int(fire["run"]))

    def states(self, name: str) -> list[str]:
        """Of its runs, without the prefix."""
        return [fire["state"].removeprefix("STATE_") for fire in self.runs(name)]

    def await_states(self, name: str, *states: str) -> None:
        """Waits until its runs stand so."""
        wait_for(f"{name} to be {states}", lambda: self.states(name) == list(states), 90)


@pytest.fixture
def side(tmp_path: Path) -> Iterator[Side]:
    """Its logs are shown if the test fails."""
    with ExitStack() as stack:
        yield Side(tmp_path, stack)
        for log in sorted(tmp_path.glob("*.log")):
            print(f"--- {log.name} ---\n{log.read_text(errors='replace')[-3000:]}")


def test_a_task_that_fails_twice_runs_three_times_though_the_scheduler_is_killed_between(
    side: Side,
) -> None:
    policy = ("--run-attempts", "5", "--run-initial-backoff", "3s", "--run-backoff-multiplier", "1")
    side.create("payroll", "rec.flaky", "--kwargs", '{"name": "march", "fails": 2}', *policy)
    for ended in (["FAILED"], ["FAILED", "FAILED"]):
        # The end and the retry are one write: whoever sees the one sees the other.
        side.await_states("payroll", *ended, "PENDING")
        side.scheduler.kill()
        side.scheduler.start()
    side.await_states("payroll", "FAILED", "FAILED", "SUCCEEDED")
    runs = side.runs("payroll")
    assert [run["kind"] for run in runs] == ["KIND_SCHEDULED", "KIND_RETRY", "KIND_RETRY"]
    assert [run.get("retryOf", "") for run in runs] == ["", runs[0]["uid"], runs[1]["uid"]]
    assert len({run["dueTime"] for run in runs}) == 1
    # What the worker ran, by its own account: each run once, under its own id.
    assert side.redis.client().lrange("rec:tries:march", 0, -1) == [run["uid"] for run in runs]


def test_a_run_that_nobody_repeats_is_repeated_by_a_person_once(side: Side) -> None:
    side.create("report", "rec.boom")
    side.await_states("report", "FAILED")
    (failed,) = side.runs("report")
    (retry,) = side.scheduler.cli("fire", "retry", failed["uid"])
    assert (retry["run"], retry["retryOf"]) == (2, failed["uid"])
    side.await_states("report", "FAILED", "FAILED")
    with pytest.raises(CliError, match=f"repeated already, by fire {retry['uid']}"):
        side.scheduler.cli("fire", "retry", failed["uid"])
    entries = side.scheduler.cli("audit", "list")
    assert "fire.retry" in [entry["action"] for entry in entries]
    command = [str(side.scheduler.binary), "fire", "list", "--server", side.scheduler.address]
    assert "retry, run 2" in subprocess.check_output(command, text=True, timeout=60)
