"""Our messages are Huey's: compared with what its own enqueue leaves in a real broker."""

from __future__ import annotations

import struct
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import huey as library
import pytest
from harness import RedisServer
from huey.registry import Message
from huey.serializer import SignedSerializer
from z4j_adapters import Fire, ResultCode, TaskRejected
from z4j_adapters.engines.common.publisher import Parcel
from z4j_adapters.engines.huey.envelope import Filled, writer
from z4j_adapters.engines.huey.factory import EnvelopeFactory
from z4j_adapters.engines.huey.publish import new_publisher
from z4j_adapters.testing import make_fire

ARGS, KWARGS = [1, "é 100% %s 🕰", [None, 2.5]], {"y": {"z": [True]}, "s": "x" * 61_000}
DUE_US = 1_798_761_599_999_999
DUE = datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(microseconds=DUE_US)


def new_huey(kind: str, url: str, folder: Path, **settings: Any) -> tuple[Any, Any]:
    """A user's instance, and a task with options of its own."""
    where = {"filename": str(folder / "huey.db")} if "Sqlite" in kind else {"url": url}
    huey = getattr(library, kind)("shop-1", **where, **settings)

    @huey.task(name="add", retries=2, retry_delay=1.5, retry_backoff=2, timeout=7)
    def add(*_: Any, **__: Any) -> None:
        pass

    return huey, add


def publish(huey: Any, fire: Fire, *, app: bool) -> None:
    """Through our publisher."""
    publisher = new_publisher(huey.storage, 60)
    envelope = EnvelopeFactory(huey, registered_only=app).build(fire.template)
    assert [r.code for r in publisher.publish([Parcel(fire, envelope)])] == [ResultCode.ACCEPTED]
    publisher.close()


def only_message(huey: Any) -> Any:
    """The one message in the queue; empties it."""
    [data] = huey.storage.enqueued_items()
    huey.flush()
    return huey.serializer.deserialize(data)


CASES = [
    pytest.param("RedisHuey", {}, {}, {}, {}, id="list"),
    pytest.param("RedisExpireHuey", {}, {}, {}, {}, id="list, results with an end"),
    pytest.param("PriorityRedisHuey", {}, {"priority": -60}, {"priority": -60}, {}, id="sorted"),
    pytest.param("PriorityRedisHuey", {}, {}, {"priority": 1.5}, {"huey_priority": 1.5}, id="own"),
    pytest.param("SqliteHuey", {}, {"priority": 9}, {"priority": 9}, {}, id="sqlite"),
    pytest.param("RedisHuey", {}, {"queue": "shop-1"}, {}, {}, id="queue"),
    pytest.param("RedisHuey", {}, {"expires_s": 90.0},
                 {"expires": DUE + timedelta(seconds=90)}, {}, id="expiry"),
    pytest.param("RedisHuey", {"utc": False}, {"expires_s": 90.0},
                 {"expires": DUE + timedelta(seconds=90)}, {}, id="expiry in local time"),
    pytest.param("RedisHuey", {},
                 {}, {"retries": 5, "retry_delay": 2, "retry_backoff": 1.5, "timeout": 3},
                 {"retries": 5, "retry_delay": 2, "retry_backoff": 1.5, "timeout": 3}, id="all"),
    pytest.param("RedisHuey", {"compression": True}, {"expires_s": 90.0},
                 {"expires": DUE + timedelta(seconds=90)}, {}, id="gzip"),
    pytest.param("RedisHuey", {"compression": True, "use_zlib": True}, {}, {}, {}, id="zlib"),
    pytest.param("RedisHuey", {"serializer": SignedSerializer("secret")}, {"expires_s": 90.0},
                 {"expires": DUE + timedelta(seconds=90)}, {}, id="signed"),
    pytest.param("RedisHuey", {"serializer": library.api.Serializer(pickle_protocol=2)},
                 {"expires_s": 90.0}, {"expires": DUE + timedelta(seconds=90)}, {}, id="pickle 2"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "settings", "template", "sent", "options"), CASES)
def test_message_equals_what_huey_enqueues(
    redis_server: RedisServer,
    tmp_path: Path,
    kind: str,
    settings: dict[str, Any],
    template: dict[str, Any],
    sent: dict[str, Any],
    options: dict[str, Any],
) -> None:
    huey, add = new_huey(kind, redis_server.url, tmp_path, **settings)
    name = huey._registry.task_to_string(add.task_class)
    fire = make_fire(name, ARGS, KWARGS, due_us=DUE_US, engine_options=options, **template)
    huey.enqueue(add.task_class(tuple(ARGS), dict(KWARGS), id=fire.id, **sent))
    expected = only_message(huey)
    publish(huey, fire, app=True)
    message = only_message(huey)
    assert message == expected
    assert message.id == fire.id


def test_without_the_app_the_consumers_own_options_hold(
    redis_server: RedisServer, tmp_path: Path
) -> None:
    huey, add = new_huey("RedisHuey", redis_server.url, tmp_path)
    fire = make_fire(huey._registry.task_to_string(add.task_class), ARGS, KWARGS)
    publish(huey, fire, app=False)
    task = huey.dequeue()
    assert (task.id, task.retries, task.retry_delay, task.timeout) == (fire.id, 2, 1.5, 7)
    assert (list(task.args), task.kwargs) == (ARGS, KWARGS)


def test_a_signed_message_of_another_secret_is_not_taken_for_ours(
    redis_server: RedisServer, tmp_path: Path
) -> None:
    huey, _ = new_huey("RedisHuey", redis_server.url, tmp_path, serializer=SignedSerializer("a"))
    publish(huey, make_fire("x"), app=False)
    [data] = huey.storage.enqueued_items()
    huey.flush()
    with pytest.raises(ValueError, match="mismatch"):
        SignedSerializer("b").deserialize(data)
    assert SignedSerializer("a").deserialize(data).name == "x"


def test_a_serializer_that_adds_a_checksum_is_called_for_every_fire() -> None:
    def serialize(message: Message) -> bytes:
        text = f"{message.id} {message.expires_resolved}".encode()
        return b"%d %s" % (sum(text), text)

    write = writer(serialize, Message("", "x"), expires=True)
    filled = Filled(make_fire("x").id, DUE, DUE.replace(tzinfo=None))
    message = Message(filled.id, "x", expires=filled.expires, expires_resolved=filled.resolved)
    assert write(filled) == serialize(message)


def test_priority_members_keep_the_order_of_hand_over(
    redis_server: RedisServer, tmp_path: Path
) -> None:
    huey, _ = new_huey("PriorityRedisHuey", redis_server.url, tmp_path)
    factory = EnvelopeFactory(huey, registered_only=False)
    fires = [make_fire("x", priority=p) for p in (-100, 0, 100) * 50]
    publisher = new_publisher(huey.storage, 60)
    publisher.publish([Parcel(fire, factory.build(fire.template)) for fire in fires])
    publisher.close()
    members = redis_server.client().zrange(huey.storage.queue_key, 0, -1)
    stamps = [struct.unpack(">Q", member[:8])[0] for member in members]
    ids = [huey.serializer.deserialize(member[8:]).id for member in members]
    huey.flush()
    ordered = sorted(fires, key=lambda fire: -fire.template.priority)
    assert ids == [fire.id for fire in ordered]
    assert len(set(stamps)) == len(fires)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"engine_options": {"colour": "red"}}, "'colour' is unknown"),
        ({"engine_options": {"retries": "many"}}, "'retries' must be a JSON integer"),
        ({"engine_options": {"retries": -1}}, "not below zero"),
        ({"queue": "elsewhere"}, "has one queue, its name, here 'shop'"),
        ({"priority": 5}, "storage has none; use PriorityRedisHuey"),
        ({"expires_s": 1e11}, "over a hundred years"),
        ({"args_json": "{}"}, "args must be a JSON array"),
    ],
)
def test_what_huey_can_never_take_is_refused_by_name(fields: dict[str, Any], message: str) -> None:
    factory = EnvelopeFactory(_unconnected(), registered_only=False)
    template = make_fire("x", **{k: v for k, v in fields.items() if k != "args_json"}).template
    if "args_json" in fields:
        template = type(template)(1, "s", "x", **fields)
    with pytest.raises(TaskRejected, match=message):
        factory.build(template)


def test_a_task_that_is_not_registered_in_the_app_is_refused() -> None:
    with pytest.raises(TaskRejected, match=r"'shop\.mail' is not registered in your app"):
        EnvelopeFactory(_unconnected(), registered_only=True).build(make_fire("shop.mail").template)


@pytest.mark.parametrize("kind", ["RedisHuey", "PriorityRedisHuey"])
def test_refused_push_leaves_no_dedupe_key(
    redis_server: RedisServer, tmp_path: Path, kind: str
) -> None:
    huey, _ = new_huey(kind, redis_server.url, tmp_path)
    redis_server.client().set(huey.storage.queue_key, "of another kind")
    fire = make_fire("x")
    parcel = Parcel(fire, EnvelopeFactory(huey, registered_only=False).build(fire.template))
    publisher = new_publisher(huey.storage, 60)
    assert publisher.publish([parcel])[0].code is ResultCode.UNAVAILABLE
    redis_server.client().delete(huey.storage.queue_key)
    assert publisher.publish([parcel])[0].code is ResultCode.ACCEPTED
    huey.flush()
    publisher.close()


def test_a_failed_sqlite_batch_leaves_nothing_handed_over(tmp_path: Path) -> None:
    huey, _ = new_huey("SqliteHuey", "", tmp_path)
    fires = [make_fire("x", [n]) for n in range(3)]
    factory = EnvelopeFactory(huey, registered_only=False)
    parcels = [Parcel(fire, factory.build(fire.template)) for fire in fires]
    publisher = new_publisher(huey.storage, 60)
    huey.storage.sql(
        "create trigger full before insert on task when (select count(*) from task) >= 2 "
        "begin select raise(abort, 'disk full'); end",
        commit=True,
    )
    with pytest.raises(Exception, match="disk full"):
        publisher.publish(parcels)
    assert huey.pending_count() == 0
    huey.storage.sql("drop trigger full", commit=True)
    codes = [r.code for r in publisher.publish(parcels)]
    again = [r.code for r in publisher.publish(parcels)]
    assert codes == [ResultCode.ACCEPTED] * 3 and again == [ResultCode.DUPLICATE] * 3
    assert huey.pending_count() == 3
    publisher.close()


def _unconnected() -> Any:
    return library.RedisHuey("shop", url="redis://127.0.0.1:1/0")
