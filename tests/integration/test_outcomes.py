"""How runs end: learned late, or never, and then the fire says so."""

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
from tests.harness.scheduler_server import SchedulerServer


class Side:
    """A scheduler, a broker, and adapters and workers as a test wants them."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder, self.stack = folder, stack
        self.redis = stack.enter_context(RedisServer(folder))
        self.scheduler = stack.enter_context(SchedulerServer(folder))

    def adapter(self, *args: str) -> CeleryAdapter:
        """Started, and connected."""
        adapter = CeleryAdapter(
            self.folder, [self.scheduler.address], self.redis.url, args=args
        )  # fmt: skip
        self.stack.enter_context(adapter)
        wait_for("the adapter to be listed", lambda: self.scheduler.cli("adapter", "list"))
        return adapter

    def worker(self, *args: str, **env: str) -> CeleryWorker:
        """One that can neither be told to send events nor sends any."""
        worker = CeleryWorker(
            self.folder,
            "tests.harness.recording_tasks:app",
            args=args,
            RECORDING_BROKER=self.redis.url,
            RECORDING_DEAF="1",
            **env,
        )
        return self.stack.enter_context(worker)

    def fire(self, name: str) -> dict[str, Any]:
        """Creates a schedule that fires now; returns its fire once the broker has it."""
        self.scheduler.cli(
            "schedule", "create", name, "--engine", "celery", "--task", "rec.run", "--at", "now"
        )
        wait_for("hand-over", lambda: self.state(name) == "STATE_DISPATCHED")
        return self.scheduler.fires(name)[0]

    def state(self, name: str) -> str:
        """Of the schedule's one fire; empty: there is none yet."""
        fires = self.scheduler.fires(name)
        return str(fires[0]["state"]) if fires else ""


@pytest.fixture
def side(tmp_path: Path) -> Iterator[Side]:
    """On the embedded default."""
    with ExitStack() as stack:
        side = Side(tmp_path, stack)
        yield side
        for log in sorted(tmp_path.glob("*.log")):
            print(f"--- {log.name} ---\n{log.read_text(errors='replace')[-3000:]}")


@pytest.mark.parametrize("scheduler_dies_too", [False, True])
def test_a_run_that_ended_while_no_adapter_was_there_is_found_in_the_result_backend(
    side: Side, scheduler_dies_too: bool
) -> None:
    adapter = side.adapter("--result-backend", side.redis.url)
    fire = side.fire("once")
    adapter.kill()
    if scheduler_dies_too:
        side.scheduler.kill()
    side.worker(
        "--without-gossip",
        "--without-heartbeat",
        "--without-mingle",
        RECORDING_RESULTS=side.redis.url,
    )
    key = f"celery-task-meta-{fire['uid']}"
    wait_for("the result", lambda: side.redis.client().exists(key))
    if scheduler_dies_too:
        side.scheduler.start()
    assert side.state("once") == "STATE_DISPATCHED"
    adapter.start()
    wait_for("the outcome", lambda: side.state("once") == "STATE_SUCCEEDED")
    assert "outcomeNote" not in side.scheduler.fires("once")[0]


def test_a_fire_whose_outcome_nobody_will_tell_says_so_and_what_to_change(side: Side) -> None:
    side.worker()
    side.adapter()
    fire = side.fire("once")
    wait_for("the run", lambda: side.redis.client().hexists("rec:effects", fire["uid"]))

    def note() -> str:
        return str(side.scheduler.cli("fire", "get", fire["name"]).get("outcomeNote", ""))

    # A worker has ten seconds to answer before it counts as deaf.
    wait_for("the note", note, 60)
    assert note().startswith("outcome unknown: worker ")
    assert "-E" in note() and "result backend" in note()
    assert side.scheduler.fires("once")[0]["outcomeNote"] == note()
    (adapter,) = side.scheduler.cli("adapter", "list")
    assert adapter["capabilities"]["outcomesHint"] in note()
    command = [str(side.scheduler.binary), "fire", "list", "--server", side.scheduler.address]
    for output in ("table", "yaml"):
        printed = subprocess.check_output([*command, "-o", output], text=True, timeout=60)
        assert "outcome unknown: worker " in printed
