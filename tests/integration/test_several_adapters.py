"""Several adapters of one engine: which of them takes a fire, and what is said when none does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.harness.processes import VENV_BIN, Program, wait_for
from tests.harness.scheduler_server import CliError, SchedulerServer


class Adapters:
    """A scheduler, and adapters of the stub engine that come and go."""

    def __init__(self, server: SchedulerServer, folder: Path, stack: ExitStack) -> None:
        self.server = server
        self._folder, self._stack = folder, stack

    def start(self, instance: str, *args: str) -> Program:
        """One that is connected."""
        command = [str(VENV_BIN / "z4j-adapter"), "stub", "--instance", instance, *args]
        adapter = Program(instance, [*command, "--scheduler", self.server.address], self._folder)
        self._stack.enter_context(adapter)
        wait_for(instance, lambda: instance in self.listed())
        return adapter

    def listed(self) -> dict[str, dict[str, Any]]:
        """What `adapter list` tells, by instance."""
        return {row["instance"]: row for row in self.server.cli("adapter", "list") or []}

    def create(self, name: str, *args: str) -> None:
        """A schedule that fires only when it is triggered."""
        task = ("-e", "stub", "-t", "t", "--at", "+1h")
        self.server.cli("schedule", "create", name, *task, *args)

    def takers(self, name: str, count: int = 3) -> set[str]:
        """The instances that take so many more fires of the schedule."""
        uids = [self.server.cli("schedule", "trigger", name)["uid"] for _ in range(count)]

        def taken() -> set[str] | None:
            fires = [fire for fire in self.server.fires(name) if fire["uid"] in uids]
            ended = len(fires) == count and all(f["state"] == "STATE_SUCCEEDED" for f in fires)
            return {fire["adapter"] for fire in fires} if ended else None

        found = wait_for(f"{count} fires of {name}", taken)
        assert isinstance(found, set)
        return found


@pytest.fixture
def adapters(tmp_path: Path) -> Iterator[Adapters]:
    """None yet."""
    with ExitStack() as stack:
        server = stack.enter_context(SchedulerServer(tmp_path))
        yield Adapters(server, tmp_path, stack)


def test_a_queue_finds_the_instance_that_publishes_to_it(adapters: Adapters) -> None:
    adapters.start("post", "--queue", "mail", "--queue", "fax")
    adapters.start("office", "--queue", "reports")
    assert adapters.listed()["post"]["queues"] == ["mail", "fax"]
    for queue, instance in [("mail", "post"), ("fax", "post"), ("reports", "office")]:
        adapters.create(f"to-{queue}", "--queue", queue)
        assert adapters.takers(f"to-{queue}") == {instance}
    adapters.create("to-nobody", "--queue", "other")
    adapters.server.cli("schedule", "trigger", "to-nobody")
    (fire,) = adapters.server.fires("to-nobody")
    assert (fire["state"], fire["reason"]) == ("STATE_PENDING", "REASON_NO_ADAPTER")
    assert "publishes to queue 'other'" in fire["outcomeNote"]
    adapters.start("anyone")
    wait_for("its end", lambda: adapters.server.fires("to-nobody")[0]["state"] == "STATE_SUCCEEDED")
    assert adapters.server.fires("to-nobody")[0]["adapter"] == "anyone"


def test_labels_choose_the_instance_and_are_listed(adapters: Adapters) -> None:
    adapters.start("berlin", "--label", "region=eu", "--label", "tier=gold")
    adapters.start("boston", "--label", "region=us")
    assert adapters.listed()["berlin"]["labels"] == {"region": "eu", "tier": "gold"}
    adapters.create("european", "--adapter-label", "region=eu")
    adapters.create("american", "--adapter-label", "region=us")
    assert adapters.takers("european") == {"berlin"}
    assert adapters.takers("american") == {"boston"}
    # One edit and it goes elsewhere, another and it goes anywhere.
    adapters.server.cli("schedule", "update", "american", "--adapter-label", "tier=gold")
    assert adapters.takers("american") == {"berlin"}
    adapters.server.cli("schedule", "update", "american", "--unset", "adapter_labels")
    assert "adapterLabels" not in adapters.server.cli("schedule", "get", "american")
    with pytest.raises(CliError) as error:
        adapters.create("wrong", "--adapter-label", "no key=1")
    assert error.value.code == 2
    assert "schedule.adapter_labels" in error.value.stderr


def test_fires_with_one_affinity_key_go_to_one_instance_and_move_when_it_is_gone(
    adapters: Adapters,
) -> None:
    programs = {name: adapters.start(name) for name in ("one", "two", "three")}
    adapters.create("invoices", "--affinity-key", "customer 7")
    adapters.create("reminders", "--affinity-key", "customer 7")
    (home,) = adapters.takers("invoices")
    assert adapters.takers("reminders") == {home}
    programs[home].stop()
    wait_for("it to be gone", lambda: home not in adapters.listed())
    (other,) = adapters.takers("invoices")
    assert adapters.takers("reminders") == {other}
    # What it is called decides, not when it came.
    programs[home].start()
    wait_for("it to be back", lambda: home in adapters.listed())
    assert adapters.takers("invoices") == {home}
