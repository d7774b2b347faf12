"""Huey without `attach`: what it stores is told, and what it does not is said to be unknown."""

from __future__ import annotations

import json
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from engines.huey_harness import HERE, HueyConsumer, HueyTasks, opened
from harness import RedisServer, eventually
from z4j_adapters import ConfigurationError, ControlFailed, FireRef, OutcomeState, ResultCode
from z4j_adapters.testing import make_fire

Make = Callable[..., HueyConsumer]


@pytest.fixture
def record(tmp_path: Path) -> HueyTasks:
    """Where consumers record runs."""
    return HueyTasks(tmp_path / "runs.jsonl")


@pytest.fixture
def consumer(tmp_path: Path, record: HueyTasks) -> Iterator[Make]:
    """Makes consumers, with what arguments and settings the test likes."""
    made: list[HueyConsumer] = []

    def make(*args: str, **settings: Any) -> HueyConsumer:
        made.append(HueyConsumer(tmp_path, record.path, *args, attach=False, **settings))
        return made[-1]

    yield make
    for each in made:
        each.stop(signal.SIGKILL)


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch, record: HueyTasks) -> Callable[..., dict[str, Any]]:
    """Makes the options of app mode for huey_app.py with these settings."""

    def options(kind: str = "RedisHuey", **settings: Any) -> dict[str, Any]:
        monkeypatch.delitem(__import__("sys").modules, "huey_app", raising=False)
        monkeypatch.setenv("CONTRACT_KIND", kind)
        monkeypatch.setenv("CONTRACT_SETTINGS", json.dumps(settings))
        monkeypatch.setenv("CONTRACT_RECORD", str(record.path))
        return {"app": "huey_app:huey", "workdir": HERE}

    return options


async def test_values_and_errors_are_told_and_the_rest_is_said_to_be_unknown(
    redis_server: RedisServer, consumer: Make, record: HueyTasks
) -> None:
    redis_server.client().flushall()
    consumer("-w", "1", url=redis_server.url).start()
    async with opened(broker=redis_server.url) as (engine, watcher):
        value, error = make_fire("huey_app.add", [1, 2]), make_fire("huey_app.fail")
        cancelled, none = make_fire("huey_app.cancel"), make_fire("huey_app.echo", ["none"])
        retried = make_fire("huey_app.flaky", ["x"], engine_options={"retries": 1})
        await engine.dispatch([retried, none, value, error, cancelled])
        ends = await watcher.finals([value, error, cancelled])
        assert ends[value.id].state is OutcomeState.SUCCEEDED
        assert ends[error.id].state is OutcomeState.FAILED
        assert ends[error.id].error == "ValueError('as it should')"
        assert ends[cancelled.id].state is OutcomeState.CANCELLED
        # These two ran to their end, the second in its second attempt, and left no trace of it.
        assert Counter(run[0] for run in record.read()) == {none.id: 1, retried.id: 2}
        assert {o.fire_id for o in watcher.outcomes} == {value.id, error.id, cancelled.id}
        can = engine.capabilities()
        assert not can.outcomes
        assert "returns None" in can.outcomes_hint
        assert "attach(huey)" in can.outcomes_hint and "store_none=True" in can.outcomes_hint
        # The user's own read finds the result where it was.
        assert redis_server.client().hexists("huey.results.contractapp", value.id)
        refs = [FireRef(fire.id, fire.ref) for fire in (value, error, none)]
        told = {o.fire_id: o.state for o in await engine.lookup_outcomes(refs)}
        assert told == {value.id: OutcomeState.SUCCEEDED, error.id: OutcomeState.FAILED}


@pytest.mark.parametrize("kind", ["RedisHuey", "RedisExpireHuey", "SqliteHuey"])
async def test_with_store_none_every_return_is_told(
    tmp_path: Path,
    redis_server: RedisServer,
    consumer: Make,
    app: Callable[..., dict[str, Any]],
    kind: str,
) -> None:
    redis_server.client().flushall()
    settings: dict[str, Any] = {"url": redis_server.url, "store_none": True}
    if kind == "SqliteHuey":
        settings = {"filename": str(tmp_path / "huey.db"), "store_none": True}
    consumer("-w", "1", kind=kind, **settings).start()
    async with opened(**app(kind, **settings)) as (engine, watcher):
        none, error = make_fire("huey_app.echo"), make_fire("huey_app.fail")
        retried = make_fire("huey_app.flaky", ["x"], engine_options={"retries": 1})
        await engine.dispatch([retried, none, error])
        ends = await watcher.finals([none, error, retried])
        assert ends[none.id].state is OutcomeState.SUCCEEDED
        assert ends[error.id].state is OutcomeState.FAILED
        assert ends[retried.id].state is OutcomeState.SUCCEEDED
        assert engine.capabilities().outcomes
        assert "not starts, expiry" in engine.capabilities().outcomes_hint


async def test_the_app_brings_its_tasks_options_storage_and_serializer(
    tmp_path: Path, app: Callable[..., dict[str, Any]]
) -> None:
    settings = {"filename": str(tmp_path / "huey.db"), "compression": True}
    async with opened(**app("SqliteHuey", **settings)) as (engine, _):
        assert "huey_app.settings" in engine.tasks() == await engine.list_tasks()
        assert engine.capabilities().priority
        fire = make_fire("huey_app.settings", priority=20, due_us=1_798_761_600_000_000)
        unknown = make_fire("huey_app.nobody_knows_this")
        results = {r.fire_id: r for r in await engine.dispatch([fire, unknown])}
        assert results[fire.id].code is ResultCode.ACCEPTED
        assert results[unknown.id].code is ResultCode.REJECTED
        assert "huey_app.nobody_knows_this" in results[unknown.id].message
        import huey_app

        [task] = huey_app.huey.pending()
        assert (task.id, task.retries, task.timeout) == (fire.id, 2, 7)
        assert task.priority == 5 + 20
        assert str(task.expires_resolved) == "2027-01-01 00:01:30"


async def test_cancelled_in_the_queue_never_runs_and_ends_cancelled(
    redis_server: RedisServer, consumer: Make, record: HueyTasks
) -> None:
    redis_server.client().flushall()
    async with opened(broker=redis_server.url) as (engine, watcher):
        revoked, kept = make_fire("huey_app.echo", ["no"]), make_fire("huey_app.add", [1, 1])
        await engine.dispatch([revoked, kept])
        await engine.cancel(revoked.id, terminate=False)
        assert (await watcher.finals([revoked]))[revoked.id].state is OutcomeState.CANCELLED
        consumer("-w", "1", url=redis_server.url).start()
        await watcher.finals([kept])
        assert record.read() == []
        with pytest.raises(ControlFailed, match="in the queue no more"):
            await engine.cancel(kept.id, terminate=False)
        assert redis_server.client().hkeys("huey.results.contractapp") == [kept.id.encode()]


async def test_expired_in_the_queue_does_not_run(
    redis_server: RedisServer, consumer: Make, record: HueyTasks
) -> None:
    redis_server.client().flushall()
    async with opened(broker=redis_server.url) as (engine, watcher):
        late = make_fire("huey_app.echo", due_us=int((time.time() - 60) * 1e6), expires_s=10.0)
        good = make_fire("huey_app.add", [1, 1], expires_s=600.0)
        await engine.dispatch([late, good])
        consumer("-w", "1", url=redis_server.url).start()
        await watcher.finals([good])
        assert record.read() == []


async def test_sqlite_keeps_a_burst_through_kills_of_its_consumer(
    tmp_path: Path, consumer: Make, record: HueyTasks
) -> None:
    file = tmp_path / "huey.db"
    worker = consumer("-w", "2", kind="SqliteHuey", filename=str(file))
    worker.start()
    fires = [make_fire("huey_app.echo", ["burst"]) for _ in range(300)]
    async with opened(sqlite=file) as (engine, _):
        codes = Counter(r.code for r in await engine.dispatch(fires))
        await eventually("some runs", lambda: len(record.read()) > 20)
        worker.stop(signal.SIGKILL)
        codes += Counter(r.code for r in await engine.dispatch(fires))
        assert codes == {ResultCode.ACCEPTED: 300, ResultCode.DUPLICATE: 300}
        worker.start()
        # What a worker had in hand when it was killed is gone: at most one each.
        await eventually("the rest", lambda: len(record.read()) >= 298)
        runs = Counter(run[0] for run in record.read())
        assert max(runs.values()) == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "give one of --broker URL, --sqlite FILE and --app"),
        ({"broker": "redis://x", "sqlite": Path("f")}, "give one of"),
        ({"broker": "http://x"}, "--broker http://x"),
        ({"sqlite": Path("no_such.db")}, "no such file; the consumer makes it"),
        ({"app": "huey_no_such_app:huey"}, "cannot import it"),
        ({"app": "json:dumps"}, "is a function, not a Huey"),
        ({"app": "huey_others:at_once"}, "immediate mode is on"),
        ({"app": "huey_others:in_files"}, "FileStorage is none of Redis"),
        ({"app": "huey_others:own"}, "Own is none of Redis"),
    ],
)
async def test_what_cannot_work_is_refused_at_the_start(
    tmp_path: Path, options: dict[str, Any], message: str
) -> None:
    (tmp_path / "huey_others.py").write_text(
        "import huey\n"
        "class Own(huey.storage.RedisStorage):\n"
        "    def enqueue(self, data, priority=None): pass\n"
        "at_once = huey.RedisHuey('a', immediate=True)\n"
        f"in_files = huey.FileHuey('b', path={str(tmp_path)!r})\n"
        "own = huey.Huey('c', storage_class=Own)\n"
    )
    with pytest.raises(ConfigurationError, match=message):
        async with opened(workdir=tmp_path, **options):
            pass
