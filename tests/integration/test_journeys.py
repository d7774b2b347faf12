"""From another scheduler to the worker: its library writes, the command imports, ours fire.

Nothing here is a stand-in but the task, which notes its id and arguments.  The source stays as it
was, byte for byte.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.harness.engine_sides import ENGINE_SIDES, TESTS, EngineSide, runs
from tests.harness.postgres_server import PostgresServer
from tests.harness.processes import ROOT, wait_for
from tests.harness.redis_server import RedisServer
from tests.harness.scheduler_server import SchedulerServer

PROJECTS = ROOT / "tests" / "harness" / "journeys"


@dataclass(frozen=True)
class Journey:
    """Where a definition comes from, and whose workers run it."""

    source: str
    engine: str
    store: str
    """redis, sqlite or postgres; or "code", which is imported where it lies."""
    flags: tuple[str, ...]
    """Of the reader; {url} is the store's."""
    venv: str = "venv"
    writer: str = ""

    @property
    def python(self) -> str:
        """Of the environment that has the source's library."""
        return str(ROOT / "build" / self.venv / "bin" / "python")


APSCHEDULER = ("--jobstore-url", "{url}", "--engine", "rq")
JOURNEYS = [
    Journey("django-celery-beat", "celery", "sqlite", ("--database-url", "{url}")),
    Journey("django-celery-beat", "celery", "postgres", ("--database-url", "{url}")),
    Journey("redbeat", "celery", "redis", ("--redbeat-url", "{url}", "--timezone", "UTC")),
    Journey("rq", "rq", "redis", ("--redis-url", "{url}")),
    Journey("rq-scheduler", "rq", "redis", ("--redis-url", "{url}"), "venv-arq"),
    Journey("apscheduler", "rq", "sqlite", APSCHEDULER),
    Journey("apscheduler", "rq", "postgres", APSCHEDULER),
    Journey("apscheduler", "rq", "redis", APSCHEDULER),
    Journey("apscheduler", "rq", "sqlite", APSCHEDULER, "venv-arq", writer="apscheduler4"),
    Journey("apscheduler", "rq", "postgres", APSCHEDULER, "venv-arq", writer="apscheduler4"),
    Journey("taskiq", "taskiq", "redis", ("--taskiq-redis-url", "{url}")),
    Journey("huey", "huey", "code", ("--huey-app", "shop_huey:huey")),
    Journey(
        *("dramatiq", "dramatiq", "code"),
        ("--dramatiq-broker", "shop_dramatiq", "--timezone", "UTC"),
    ),
    Journey("arq", "arq", "code", ("--arq-settings", "shop_arq.WorkerSettings"), "venv-arq"),
]
# What these two have at least a minute between; a manual fire is soon enough.
TRIGGERED = ("huey", "dramatiq")


class World:
    """One scheduler and one Redis for all, and the engines' sides that were asked for."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder, self._stack = folder, stack
        self.redis = stack.enter_context(RedisServer(folder, durable=False))
        self.server = stack.enter_context(SchedulerServer(folder))
        self.record = folder / "record"
        self._postgres: PostgresServer | None = None
        self._running: set[str] = set()

    @property
    def postgres(self) -> PostgresServer:
        """Started when it is first needed."""
        if self._postgres is None:
            self._postgres = self._stack.enter_context(PostgresServer(self.folder))
        return self._postgres

    def start(self, engine: str) -> None:
        """A worker and an adapter of the engine, if they are not there."""
        if engine in self._running:
            return
        self._running.add(engine)
        folder = self.folder / engine
        for program in (
            _side(engine).worker(folder, self.redis.url, self.record),
            _side(engine).adapter(folder, self.redis.url, self.server.address),
        ):
            self._stack.callback(program.kill)
            program.env["PYTHONPATH"] = os.pathsep.join(
                [str(PROJECTS), program.env.get("PYTHONPATH", "")]
            )
            program.launch()
        wait_for(
            f"the adapter of {engine}",
            lambda: any(x["engine"] == engine for x in self.server.cli("adapter", "list")),
            60,
        )

    def environment(self) -> dict[str, str]:
        """Of whoever imports a project's code."""
        return {
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(PROJECTS), str(TESTS / "engines")]),
            "PYTHONDONTWRITEBYTECODE": "1",
            "CONTRACT_BROKER": self.redis.url,
            "CONTRACT_RECORD": str(self.record),
        }

    def imported(self, journey: Journey, url: str, project: str) -> dict[str, Any]:
        """Imports it with the real command; the one schedule that it became."""
        flags = [flag.format(url=url) for flag in journey.flags]
        words = [str(self.server.binary), "import", "--from", journey.source, *flags]
        words += ["--python", journey.python, "--prove", "20", "--apply"]
        done = subprocess.run(
            [*words, "--project", project, "--server", self.server.address],
            capture_output=True,
            text=True,
            timeout=120,
            env=self.environment(),
        )
        assert done.returncode == 0, done.stdout + done.stderr
        listed = self.server.cli("schedule", "list", "-p", project)
        (schedule,) = (x for x in listed if x["task"] != "huey_app.yearly")
        return dict(schedule)


def _side(engine: str) -> EngineSide:
    """Those of the tests; what finds its tasks in a module of its own gets that module."""
    side = ENGINE_SIDES[engine]
    apps = {
        "huey": ("huey_app.huey", "shop_huey.huey"),
        "dramatiq": ("dramatiq_app", "shop_dramatiq"),
    }
    if engine not in apps:
        return side
    old, new = apps[engine]
    return dataclasses.replace(
        side, worker_args=tuple(new if word == old else word for word in side.worker_args)
    )


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Everything that runs."""
    with ExitStack() as stack:
        yield World(tmp_path_factory.mktemp("journeys"), stack)


def source_of(journey: Journey, world: World, folder: Path) -> tuple[str, Callable[[], Any]]:
    """The URL of an empty store, and what it holds whenever that is asked."""
    if journey.store == "redis":
        client = world.redis.client()
        client.connection_pool.connection_kwargs |= {"db": 1, "decode_responses": False}
        client.flushdb()

        def dump() -> Any:
            # DUMP writes equal hashes in any order.
            return {
                key: client.hgetall(key) if client.type(key) == b"hash" else client.dump(key)
                for key in client.scan_iter()
            }

        return world.redis.url.removesuffix("/0") + "/1", dump
    if journey.store == "postgres":
        postgres = world.postgres
        postgres.sql("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
        return f"postgresql://postgres@127.0.0.1:{postgres.port}/postgres", lambda: rows(postgres)
    file = folder / "store.sqlite"
    return f"sqlite:///{file}", lambda: {
        each.name: hashlib.sha256(each.read_bytes()).hexdigest() for each in folder.iterdir()
    }


def rows(postgres: PostgresServer) -> dict[str, str]:
    """All rows of all tables, with the transaction that wrote each."""
    tables = postgres.sql("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").split()
    text = "SELECT string_agg(t::text || xmin, ';' ORDER BY ctid) FROM {} t"
    return {table: postgres.sql(text.format(table)) for table in tables}


@pytest.mark.parametrize("journey", JOURNEYS, ids=lambda j: f"{j.writer or j.source}-{j.store}")
def test_what_its_library_wrote_runs_on_the_real_worker_and_the_source_stays(
    journey: Journey, world: World, tmp_path: Path
) -> None:
    url, holds = source_of(journey, world, tmp_path)
    if journey.store != "code":
        words = [journey.python, str(PROJECTS / "writers.py"), journey.writer or journey.source]
        subprocess.run([*words, url], check=True, env=world.environment(), timeout=60)
    before = holds()
    project = f"p-{journey.writer or journey.source}-{journey.store}"
    world.start(journey.engine)
    schedule = world.imported(journey, url, project)
    name = schedule["name"].split("/")[-1]
    assert (schedule["engine"], schedule["source"]["kind"]) == (journey.engine, journey.source)
    if journey.source in TRIGGERED:
        world.server.cli("schedule", "trigger", name, "-p", project)

    def succeeded() -> list[str]:
        fires = world.server.fires(name, "-p", project)
        return [fire["uid"] for fire in fires if fire["state"] == "STATE_SUCCEEDED"]

    ids = wait_for("a fire that succeeded", succeeded)
    assert isinstance(ids, list)
    world.server.cli("schedule", "delete", name, "-p", project)
    if journey.source not in TRIGGERED:
        wait_for("the worker's own lines", lambda: set(runs(world.record)).issuperset(ids))
    assert holds() == before
