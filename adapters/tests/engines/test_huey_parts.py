"""The parts of the Huey engine by themselves."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import huey as library
import pytest
from engines.huey_harness import SRC
from harness import RedisServer
from huey.exceptions import ConfigurationError, HueyException
from huey.registry import Message
from huey.serializer import SignedSerializer
from z4j_adapters import OutcomeState
from z4j_adapters.engines.huey import lost, waiting
from z4j_adapters.engines.huey.lost import Vanished, Workers
from z4j_adapters.engines.huey.marks import Mark, MarkStore
from z4j_adapters.engines.huey.results import StoredReader
from z4j_adapters.engines.huey.signals import attach, marks_in
from z4j_adapters.engines.huey.waiting import waiting_fires
from z4j_adapters.testing import make_fire

Advance = Callable[[float], None]


@pytest.fixture
def advance(monkeypatch: pytest.MonkeyPatch) -> Advance:
    """Moves the clock of lost.py."""
    now = [1000.0]
    monkeypatch.setattr(lost.time, "monotonic", lambda: now[0])

    def by(seconds: float) -> None:
        now[0] += seconds

    return by


@pytest.fixture(params=["redis", "sqlite"])
def store(request: pytest.FixtureRequest, redis_server: RedisServer, tmp_path: Path) -> MarkStore:
    """Marks in each kind of storage."""
    redis_server.client().flushall()
    if request.param == "redis":
        return marks_in(library.RedisHuey("shop", url=redis_server.url).storage)
    return marks_in(library.SqliteHuey("shop", filename=str(tmp_path / "f.db")).storage)


def test_a_late_mark_never_replaces_a_newer_one(store: MarkStore) -> None:
    running, succeeded = Mark("running", 10.0), Mark("succeeded", 11.5)
    store.put_late("a", running)
    assert store.get(["a", "b"]) == {"a": running}
    store.put_late("a", succeeded)
    store.put_late("a", running)
    assert store.get(["a"]) == {"a": succeeded}


def test_only_what_has_served_is_cleaned_away(store: MarkStore) -> None:
    three_days_ago = time.time() - 3 * 86_400
    store.put("runs", Mark("running", three_days_ago))
    store.put("ended", Mark("succeeded", time.time()))
    store.put_tasks(["a.b"])
    store.beat("w", "1 1.0")
    store.clean()
    assert set(store.get(["runs", "ended"])) == {"runs", "ended"}
    assert store.tasks() == ["a.b"] and store.beats()


def test_what_is_no_mark_is_not_read(store: MarkStore) -> None:
    store.put("a", Mark("of a later version", 1.0))
    store.put("b", Mark("failed", 2.0, "w", "why", 1.0))
    assert store.get(["a", "b"]) == {"b": Mark("failed", 2.0, "w", "why", 1.0)}


def test_workers_and_tasks_are_kept_until_forgotten(store: MarkStore) -> None:
    store.beat("one", "1 5.0")
    store.beat("two", "1 6.0")
    store.beat("one", "2 7.0")
    store.put_tasks(["a.b", "c.d"])
    assert store.beats() == {"one": "2 7.0", "two": "1 6.0"}
    store.forget(["one", "none"])
    assert store.beats() == {"two": "1 6.0"}
    assert store.tasks() == ["a.b", "c.d"]


def test_a_worker_is_silent_once_nothing_of_it_has_changed_for_long(advance: Advance) -> None:
    workers = Workers(60)
    run = Mark("running", 5.0, "w")
    workers.hear({"w": "1", "gone": "7"}, [run])
    advance(59)
    workers.hear({"w": "2", "gone": "7"}, [run])
    advance(59)
    workers.hear({"w": "2", "gone": "7"}, [run])
    assert not workers.is_silent("w") and workers.is_silent("gone") and workers.any_alive()
    advance(1)
    workers.hear({"w": "2", "gone": "7"}, [run])
    assert workers.is_silent("w") and not workers.any_alive()


def test_a_worker_that_begins_a_run_after_a_long_pause_lives(advance: Advance) -> None:
    workers = Workers(60)
    workers.hear({"w": "1"}, [])
    advance(3600)  # Nothing was read meanwhile; the beat of now is still to come.
    workers.hear({"w": "1"}, [Mark("running", 5.0, "w")])
    assert not workers.is_silent("w")


def test_a_fire_vanished_if_it_is_missed_twice_and_far_apart(advance: Advance) -> None:
    queue: set[str] | None = {"queued"}
    vanished = Vanished(60, lambda: queue)
    waiting = ["queued", "gone", "slow"]
    assert vanished.lost(waiting, []) == []
    advance(60)
    assert vanished.lost(waiting, []) == []  # Missed for the first time.
    advance(30)
    assert vanished.lost(["queued", "gone"], ["slow"]) == []
    advance(30)
    assert vanished.lost(["queued", "gone"], []) == ["gone"]


def test_nothing_vanished_from_a_queue_that_is_too_long_to_read(advance: Advance) -> None:
    vanished = Vanished(60, lambda: None)
    for _ in range(5):
        assert vanished.lost(["a"], []) == []
        advance(60)


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        ("RedisHuey", {}),
        ("RedisHuey", {"compression": True, "serializer": None}),
        ("PriorityRedisHuey", {"serializer": SignedSerializer("secret", compression=True)}),
        ("SqliteHuey", {"fsync": False}),
    ],
)
def test_fires_are_found_in_queue_and_schedule(
    redis_server: RedisServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str,
    settings: dict[str, Any],
) -> None:  # fmt: skip
    redis_server.client().flushall()
    where: dict[str, Any] = {"url": redis_server.url}
    if kind == "SqliteHuey":
        where = {"filename": str(tmp_path / "f.db")}
    huey = getattr(library, kind)("shop", **where, **settings)

    @huey.task()
    def task(*_: Any) -> None:
        pass

    queued, scheduled = ([make_fire("x").id for _ in range(450)] for _ in range(2))
    for fire_id in queued:
        huey.enqueue(task.task_class((), {}, id=fire_id))
    task("x", make_fire("x").id)  # With an id of Huey's own.
    for fire_id in scheduled:
        huey.add_schedule(task.task_class((), {}, id=fire_id, eta=datetime(2030, 1, 1)))
    reader = StoredReader(huey.serializer)
    assert waiting_fires(huey.storage, reader) == {*queued, *scheduled}
    monkeypatch.setattr(waiting, "BYTES_MAX", 1000)
    assert waiting_fires(huey.storage, reader) is None
    monkeypatch.setattr(waiting, "MESSAGES_MAX", 900)
    assert waiting_fires(huey.storage, reader) is None


class Explosive:
    """Runs code when it is unpickled."""

    def __reduce__(self) -> Any:
        return (exec, ("raise SystemExit('unpickled')",))


@pytest.mark.parametrize(
    "serializer",
    [
        library.api.Serializer(),
        library.api.Serializer(compression=True),
        SignedSerializer("s"),
        SignedSerializer("s", compression=True, use_zlib=True),
    ],
)
def test_a_stored_value_is_told_without_running_what_it_names(serializer: Any) -> None:
    from huey.utils import Error

    reader = StoredReader(serializer)
    done, failed = (OutcomeState.SUCCEEDED, ""), (OutcomeState.FAILED, "E('x')")
    for value in (None, 5, Explosive(), [Explosive(), "huey.utils"]):
        assert reader.end(serializer.serialize(value)) == done
    error = {"error": "E('x')", "retries": 0, "traceback": "", "task_id": "i"}
    assert reader.end(serializer.serialize(Error(error))) == failed
    assert reader.end(serializer.serialize(Error({**error, "retries": 1}))) is None
    if isinstance(serializer, SignedSerializer):
        assert StoredReader(SignedSerializer("another")).end(serializer.serialize(5)) is None


def test_attach_changes_nothing_twice_nothing_at_once_and_no_other_storage(
    tmp_path: Path,
) -> None:
    huey = library.SqliteHuey("shop", filename=str(tmp_path / "f.db"))
    attach(huey)
    dequeue = huey.dequeue
    attach(huey)
    assert huey.dequeue is dequeue
    at_once = library.RedisHuey("shop", immediate=True)
    attach(at_once)
    assert "dequeue" not in vars(at_once)
    with pytest.raises(ConfigurationError, match="FileStorage is neither Redis nor SQLite"):
        attach(library.FileHuey("shop", path=str(tmp_path)))


def test_other_tasks_of_the_user_leave_no_marks(tmp_path: Path) -> None:
    huey = library.SqliteHuey("shop", filename=str(tmp_path / "f.db"))
    attach(huey)

    @huey.task()
    def task() -> None:
        pass

    fire = make_fire("x")
    own = task()
    huey.enqueue(task.task_class((), {}, id=fire.id))
    while (taken := huey.dequeue()) is not None:
        huey.execute(taken)
    marks = marks_in(huey.storage).get([own.id, fire.id])
    assert {i: m.state for i, m in marks.items()} == {fire.id: "succeeded"}
    assert time.time() - 60 < marks[fire.id].began_s <= marks[fire.id].at_s


def test_an_unknown_task_is_told_once_taken_and_not_when_somebody_looks(tmp_path: Path) -> None:
    huey = library.SqliteHuey("shop", filename=str(tmp_path / "f.db"))
    attach(huey)
    fire = make_fire("x")
    huey.storage.enqueue(huey.serializer.serialize(Message(fire.id, "shop.unknown", args=())))
    marks = marks_in(huey.storage)
    assert huey.pending() == [] and huey.pending_count() == 1
    assert marks.get([fire.id]) == {}
    with pytest.raises(HueyException, match="not found"):
        huey.dequeue()
    assert marks.get([fire.id])[fire.id].error.endswith("(shop.unknown not found in TaskRegistry)")


def test_the_part_for_the_users_app_loads_no_grpc() -> None:
    code = (
        "import sys, z4j_adapters.engines.huey.signals\n"
        "print([m for m in sys.modules if m.split('.')[0] in ('grpc', 'google')])"
    )
    output = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": str(SRC)}, capture_output=True, check=True
    )
    assert output.stdout.strip() == b"[]"
