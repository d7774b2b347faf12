"""What users fear: brokers that go away, crashes, two schedulers on one database.

`Z4J_ROUNDS` says how often each process is killed and `Z4J_SCHEDULES` how many fires each second
brings meanwhile (2 and 50 in the ordinary run; 20 and 250, so more than 10,000 fires, in
`./dev chaos`).
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from contextlib import ExitStack
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from tests.harness.celery_side import CeleryAdapter
from tests.harness.processes import Program, wait_for
from tests.harness.scheduler_server import SchedulerServer
from tests.integration.conftest import (
    FINAL,
    Installation,
    assert_every_second_has_its_row,
    make_installation,
)

ROUNDS = int(os.environ.get("Z4J_ROUNDS", "2"))
SCHEDULES = int(os.environ.get("Z4J_SCHEDULES", "50"))
# A fire that the broker has, of which nothing more was heard.
UNKNOWN = {"STATE_DISPATCHED", "STATE_RUNNING", "STATE_LOST"}


def assert_complete(
    installation: Installation, outcomes: str = "known", worker_kills: int = 0
) -> int:
    """Every due time from first to last has exactly one row, and each fired row its effect.

    With `outcomes` "lossy", how a run ended may be unknown: Celery's events are lost while nobody
    listens.  That it ran may not.
    """
    effects = installation.effects()
    done = {"STATE_SUCCEEDED"} if outcomes == "known" else {"STATE_SUCCEEDED", *UNKNOWN}
    never_ran = []
    every = installation.fires_by_schedule()
    for schedule, fires in every.items():
        assert_every_second_has_its_row(schedule, fires)
        for fire in fires:
            assert fire["state"] in done | {"STATE_SKIPPED"}, fire
            if fire["state"] != "STATE_SKIPPED" and fire["uid"] not in effects:
                never_ran.append(fire["name"])
    assert len(never_ran) <= worker_kills, never_ran
    return sum(len(fires) for fires in every.values())


def unsettled(installation: Installation, outcomes: str) -> list[dict[str, Any]]:
    """Fires that have not ended; with lossy outcomes, those that have not run either."""
    effects = installation.effects() if outcomes == "lossy" else set()
    return [
        fire
        for fires in installation.fires_by_schedule().values()
        for fire in fires
        if fire["state"] not in FINAL and fire["uid"] not in effects
    ]


def wait_for_the_end(
    installation: Installation, outcomes: str = "known", worker_kills: int = 0
) -> None:
    """Waits until every fire has ended; says which has not.

    Celery's Redis transport takes a message off the queue before it notes that it has it: a worker
    killed in between loses it.  So as many fires as workers were killed may rest DISPATCHED, with
    nothing left in the broker.
    """

    fewest, since = sys.maxsize, time.monotonic()
    while True:
        left = unsettled(installation, outcomes)
        redis = installation.redis.client()
        queue = (redis.llen("celery"), redis.hlen("unacked"))
        taken = all(fire["state"] in UNKNOWN for fire in left)
        if not left or (queue == (0, 0) and taken and len(left) <= worker_kills):
            return
        # A slow worker may take long over a long queue, as long as it gets on.
        if len(left) < fewest:
            fewest, since = len(left), time.monotonic()
        if time.monotonic() - since > 90:
            pytest.fail(f"{len(left)} fires have not ended; queue, unacked: {queue}; {left[:3]}")
        time.sleep(0.2)  # Each look reads every fire.


def test_fires_wait_while_the_broker_is_down_and_then_go_out_in_order(
    installation: Installation,
) -> None:
    installation.create("ping", "--interval", "1s")
    installation.wait_for_fires("ping", 2)
    installation.redis.kill()
    down = datetime.now(timezone.utc)
    wait_for(
        "eight seconds without a broker",
        lambda: datetime.now(timezone.utc) - down > timedelta(seconds=8),
    )
    waiting = installation.scheduler.fires("ping", "--state", "pending")
    assert len(waiting) >= 5, "fires are written although nobody takes them"
    installation.redis.start()
    installation.wait_for_fires("ping", len(waiting) + 4, timeout_s=90)
    schedule = installation.scheduler.cli("schedule", "get", "ping")
    assert schedule["state"] == "STATE_ENABLED"
    installation.scheduler.cli("schedule", "pause", "ping", "--reason", "the end of the test")
    wait_for_the_end(installation)
    fires = installation.scheduler.fires("ping")
    assert all(fire["state"] == "STATE_SUCCEEDED" for fire in fires), fires
    assert assert_complete(installation) >= 9


def test_fires_without_an_adapter_are_pending_with_the_reason_and_go_out_later(
    installation: Installation,
) -> None:
    installation.adapter.stop()
    wait_for("the adapter to be gone", lambda: installation.scheduler.cli("adapter", "list") == [])
    installation.create("later", "--at", "now")

    def waiting() -> bool:
        (fire,) = installation.scheduler.fires("later")
        return bool(fire["state"] == "STATE_PENDING" and fire.get("reason") == "REASON_NO_ADAPTER")

    wait_for("the fire to wait for an adapter", waiting)
    installation.adapter.start()
    (fire,) = installation.wait_for_fires("later", 1)
    assert fire["state"] == "STATE_SUCCEEDED"


@pytest.mark.timeout(240 + 30 * ROUNDS)
@pytest.mark.parametrize(
    ("store", "victim"),
    [
        *(("postgres", victim) for victim in ("scheduler", "adapter", "worker", "postgres")),
        *(("sqlite", victim) for victim in ("scheduler", "adapter", "worker")),
    ],
)
def test_a_kill_at_any_instant_loses_and_doubles_nothing(
    victim: str, store: str, tmp_path: Path
) -> None:
    seed = int(os.environ.get("Z4J_SEED", random.randrange(1 << 30)))
    print(f"Z4J_SEED={seed}")
    dice = random.Random(seed)
    with ExitStack() as stack:
        installation = make_installation(tmp_path, store, stack)
        names = [f"s{i}" for i in range(SCHEDULES)]
        for name in names:
            installation.create(name, "--interval", "1s", "--catch-up", "fire-all")
        program: Program | None = getattr(installation, victim)
        assert program is not None
        for _ in range(ROUNDS):
            time.sleep(dice.uniform(0.5, 2.0))  # The random instant is the point of this test.
            program.kill()
            program.start()
        wait_for(
            "enough fires of every schedule",
            lambda: len(installation.scheduler.fires(names[-1])) >= 10 + 2 * ROUNDS,
            120,
        )
        for name in names:
            wait_for(
                f"{name} to be paused",
                lambda name=name: pause(installation, name),
                30,
            )
        outcomes = "lossy" if victim in ("adapter", "worker") else "known"
        worker_kills = ROUNDS if victim == "worker" else 0
        wait_for_the_end(installation, outcomes, worker_kills)
        rows = assert_complete(installation, outcomes, worker_kills)
        again = sum(n > 1 for n in installation.starts().values())
        print(
            f"{ROUNDS} kills of the {victim}: {rows} fires, {again} of them started more than once"
        )
        assert rows >= SCHEDULES * 10
        assert installation.scheduler.cli("audit", "verify")["valid"] is True


def pause(installation: Installation, name: str) -> bool:
    """Pauses; true once it is."""
    installation.scheduler.cli("schedule", "pause", name, "--reason", "the end of the test")
    return True


def test_a_frozen_leader_is_replaced_and_its_late_write_refused(tmp_path: Path) -> None:
    with ExitStack() as stack:
        installation = make_installation(tmp_path, "postgres", stack)
        assert installation.postgres is not None
        second = stack.enter_context(
            SchedulerServer(
                tmp_path / "second",
                name="second",
                database=installation.postgres.dsn,
                args=("--audit-key-file", str(tmp_path / "audit.keys"), "--election", "postgres"),
            )
        )
        both = CeleryAdapter(
            tmp_path, [installation.scheduler.address, second.address], installation.redis.url,
            name="both",
        )  # fmt: skip
        stack.enter_context(both)
        wait_for("the adapter on the second node", lambda: second.cli("adapter", "list"))
        installation.create("ping", "--interval", "1s", "--catch-up", "fire-all")
        installation.wait_for_fires("ping", 2)
        token = int(second.cli("status")["token"])
        installation.scheduler.signal(signal.SIGSTOP)
        try:
            wait_for("the second node to lead", lambda: second.cli("status").get("isLeader"))
            wait_for("new fires", lambda: len(second.fires("ping")) > 5, 30)
        finally:
            installation.scheduler.signal(signal.SIGCONT)
        assert int(second.cli("status")["token"]) > token
        wait_for(
            "the first to know that it leads no more",
            lambda: not installation.scheduler.cli("status").get("isLeader"),
        )
        second.cli("schedule", "pause", "ping", "--reason", "the end of the test")
        wait_for_the_end(installation)
        assert_complete(installation)
