"""A whole installation for each test: broker, store, scheduler, adapter, worker."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.harness.celery_side import CeleryAdapter, CeleryWorker
from tests.harness.import_command import Import
from tests.harness.import_source import StandInSource, daily
from tests.harness.postgres_server import PostgresServer
from tests.harness.processes import wait_for
from tests.harness.redis_server import RedisServer
from tests.harness.scheduler_server import SchedulerServer

# A fire in one of these states changes no more.
FINAL = {
    f"STATE_{state}" for state in ("SUCCEEDED", "FAILED", "CANCELLED", "LOST", "SKIPPED")
}  # fmt: skip


def assert_every_second_has_its_row(schedule: str, fires: list[dict[str, Any]]) -> None:
    """Fires of a one-second interval, oldest first: one row for each due time, or one that counts
    it."""
    times = [datetime.fromisoformat(fire["dueTime"].replace("Z", "+00:00")) for fire in fires]
    assert len(set(times)) == len(times), f"{schedule}: a due time has two rows"
    covered = sum(int(fire.get("count", 1)) for fire in fires)
    span = round((times[-1] - times[0]).total_seconds()) + int(fires[0].get("count", 1))
    assert covered == span, f"{schedule}: {covered} of {span} due times are accounted for"


@dataclass
class Installation:
    """Everything a user would run, and the questions that tests ask of it."""

    redis: RedisServer
    scheduler: SchedulerServer
    adapter: CeleryAdapter
    worker: CeleryWorker
    postgres: PostgresServer | None = None

    def create(self, name: str, *args: str) -> dict[str, Any]:
        """Creates a Celery schedule; the task is `rec.run` unless `args` names one."""
        task = () if "--task" in args else ("--task", "rec.run")
        created = self.scheduler.cli(
            "schedule", "create", name, "--engine", "celery", *task, *args
        )  # fmt: skip
        return dict(created)

    def wait_for_fires(self, schedule: str, count: int, timeout_s: float = 60) -> list[Any]:
        """Waits until `count` fires of the schedule are final, and returns all of its fires."""

        def enough() -> list[Any] | None:
            fires = self.scheduler.fires(schedule)
            return fires if sum(fire["state"] in FINAL for fire in fires) >= count else None

        found = wait_for(f"{count} final fires of {schedule}", enough, timeout_s)
        assert isinstance(found, list)
        return found

    def fires_by_schedule(self) -> dict[str, list[dict[str, Any]]]:
        """All fires, oldest first, by the short name of their schedule."""
        listed = self.scheduler.cli("fire", "list", "--limit", "1000000", "--ascending")
        fires: dict[str, list[dict[str, Any]]] = {}
        for fire in listed:
            fires.setdefault(fire["name"].split("/")[3], []).append(fire)
        return fires

    def effects(self) -> set[str]:
        """Task ids whose effect happened."""
        return set(self.redis.client().hkeys("rec:effects"))

    def starts(self) -> dict[str, int]:
        """How often each task id was started."""
        return {key: int(n) for key, n in self.redis.client().hgetall("rec:starts").items()}


def make_installation(folder: Path, store: str, stack: ExitStack) -> Installation:
    """Starts everything; `stack` (an ExitStack) stops it."""
    broker = stack.enter_context(RedisServer(folder))
    postgres = stack.enter_context(PostgresServer(folder)) if store == "postgres" else None
    args: tuple[str, ...] = ()
    if postgres is not None:
        keys = folder / "audit.keys"
        keys.write_text("k1:" + "ab" * 32 + "\n")
        keys.chmod(0o600)
        args = ("--audit-key-file", str(keys), "--election", "postgres")
    scheduler = stack.enter_context(
        SchedulerServer(folder, database=postgres.dsn if postgres else "", args=args)
    )
    worker = stack.enter_context(
        CeleryWorker(folder, "tests.harness.recording_tasks:app", RECORDING_BROKER=broker.url)
    )
    adapter = stack.enter_context(CeleryAdapter(folder, [scheduler.address], broker.url))
    wait_for("the adapter to be listed", lambda: scheduler.cli("adapter", "list"))
    return Installation(broker, scheduler, adapter, worker, postgres)


@contextmanager
def installed(folder: Path, store: str) -> Iterator[Installation]:
    """An installation; its logs are shown when a test fails."""
    with ExitStack() as stack:
        made = make_installation(folder, store, stack)
        yield made
        for program in (made.scheduler, made.adapter, made.worker):
            print(f"--- {program.name} ---\n{program.log()[-3000:]}")


@pytest.fixture(params=["sqlite", "postgres"])
def installation(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Installation]:
    """One installation per store and test."""
    with installed(tmp_path, request.param) as made:
        yield made


@pytest.fixture(scope="module")
def import_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SchedulerServer]:
    """One node for the imports of a file; each test has a project of its own."""
    with SchedulerServer(tmp_path_factory.mktemp("import")) as started:
        yield started


@pytest.fixture
def imports(import_server: SchedulerServer, tmp_path: Path) -> Import:
    """A source with two daily schedules, and an empty project."""
    source = StandInSource(tmp_path / "source", import_server.cli("status")["tzdataVersion"])
    source.entries = [daily("mail", "05:00"), daily("night", "02:30")]
    return Import(import_server, source, f"p{uuid.uuid4().hex[:12]}")
