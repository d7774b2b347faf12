"""Our messages are Celery's: compared with what send_task leaves in a real Redis."""

from __future__ import annotations

import base64
import json
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from celery import Celery
from harness import RedisServer
from hypothesis import given, settings
from hypothesis import strategies as st
from kombu import Exchange, Queue
from kombu.serialization import loads
from z4j_adapters import Fire, ResultCode, TaskRejected
from z4j_adapters.engines.celery.dispatch import CeleryRedisPublisher
from z4j_adapters.engines.celery.factory import EnvelopeFactory
from z4j_adapters.engines.celery.options import celery_priority
from z4j_adapters.engines.common.publisher import Parcel
from z4j_adapters.testing import make_fire

ARGS, KWARGS = [1, "é 100% %s", [None, 2.5]], {"y": {"z": [True]}, "s": "x" * 2000}
SEP = "\x06\x16"


def new_app(url: str, **conf: Any) -> Celery:
    """A user's app."""
    app = Celery("user", broker=url, set_as_current=False)
    app.conf.update(conf)

    @app.task(
        name="proj.add",
        shared=False,
        time_limit=30,
        soft_time_limit=20,
        ignore_result=True,
        priority=4,
    )
    def add(*_: Any, **__: Any) -> None:
        pass

    app.finalize()
    return app


def pop_only_message(server: RedisServer) -> tuple[str, dict[str, Any]]:
    """The one list in Redis that holds one message, and the message; empties Redis."""
    client = server.client()
    found = [
        (key.decode(), json.loads(client.lindex(key, 0)))
        for key in client.keys("*")
        if client.type(key) == b"list"
    ]
    assert len(found) == 1 and client.llen(found[0][0]) == 1
    client.flushall()
    return found[0]


def publish(app: Celery, fire: Fire) -> None:
    """Through our publisher."""
    publisher = CeleryRedisPublisher(app, 60)
    envelope = EnvelopeFactory(app, redis=True).build(fire.template)
    assert [r.code for r in publisher.publish([Parcel(fire, envelope)])] == [ResultCode.ACCEPTED]
    publisher.close()


def comparable(message: dict[str, Any]) -> dict[str, Any]:
    """Without what differs from message to message; the body decoded."""
    body = base64.b64decode(message.pop("body"))
    if message["headers"].get("compression") is None:
        message["body"] = loads(
            body, message["content-type"], message["content-encoding"], accept=None, force=True
        )
    assert message["headers"].pop("origin").startswith("gen")
    assert len(message["properties"].pop("delivery_tag")) == 36
    if "expiration" in message["properties"]:
        assert int(message["properties"].pop("expiration")) > 0
    return message


CASES = [
    pytest.param("proj.unregistered", {}, {}, {}, {}, id="plain"),
    pytest.param("proj.add", {}, {}, {}, {}, id="registered task with options"),
    pytest.param("x", {}, {"queue": "mail"}, {"queue": "mail"}, {}, id="queue"),
    pytest.param("x", {}, {"priority": -60}, {"priority": 6}, {}, id="priority"),
    pytest.param("x", {"task_default_priority": 5}, {"priority": 90}, {"priority": 0}, {}, id="up"),
    pytest.param("x", {}, {}, {"time_limit": 9, "soft_time_limit": 8}, 
                 {"time_limit": 9, "soft_time_limit": 8}, id="time limits"),
    pytest.param("x", {}, {}, {"ignore_result": True}, {"ignore_result": True}, id="ignore"),
    pytest.param("x", {}, {}, {"headers": {"tenant": "a%b"}}, {"headers": {"tenant": "a%b"}},
                 id="headers"),
    pytest.param("x", {}, {}, {"shadow": "shown"}, {"shadow": "shown"}, id="shadow"),
    pytest.param("x", {"task_serializer": "pickle"}, {}, {}, {}, id="pickle"),
    pytest.param("x", {"task_serializer": "msgpack"}, {}, {}, {}, id="msgpack"),
    pytest.param("x", {"task_serializer": "yaml"}, {}, {}, {}, id="yaml"),
    pytest.param("x", {"task_compression": "zlib"}, {}, {}, {}, id="compression"),
    pytest.param("x", {"task_protocol": 1}, {}, {}, {}, id="protocol 1"),
    pytest.param("x", {"task_protocol": 1, "task_serializer": "pickle"}, {}, {}, {}, id="p1pickle"),
    pytest.param("proj.add", {"task_routes": {"proj.*": {"queue": "routed", "priority": 9}}},
                 {}, {}, {}, id="routes"),
    pytest.param("x", {"task_default_queue": "other"}, {}, {}, {}, id="default queue"),
    pytest.param("x", {"broker_transport_options":
                       {"global_keyprefix": "prod.", "sep": ":", "priority_steps": [0, 5]}},
                 {"priority": -100}, {"priority": 9}, {}, id="key prefix, separator, steps"),
    pytest.param("x", {"task_queues": [Queue("mine", Exchange("mine", delivery_mode=1), "mine")],
                       "task_default_queue": "mine"}, {}, {}, {}, id="transient queue"),
]  # fmt: skip


@pytest.mark.parametrize(("task", "conf", "template", "sent", "options"), CASES)
def test_message_equals_what_send_task_leaves_in_redis(
    redis_server: RedisServer,
    task: str,
    conf: dict[str, Any],
    template: dict[str, Any],
    sent: dict[str, Any],
    options: dict[str, Any],
) -> None:
    if conf.get("task_serializer") == "msgpack":
        pytest.importorskip("msgpack")
    app = new_app(redis_server.url, **conf)
    fire = make_fire(task, ARGS, KWARGS, engine_options=options, **template)
    due = datetime.fromtimestamp(0, timezone.utc) + timedelta(microseconds=fire.due_us)
    ours = {
        "z4j_schedule": fire.template.schedule,
        "z4j_due_at": due.isoformat(timespec="microseconds"),
        "periodic_task_name": fire.template.schedule,
    }
    sent = {**sent, "headers": {**ours, **sent.get("headers", {})}}
    sender = app.tasks[task].apply_async if task in app.tasks else None
    if sender:
        sender(ARGS, KWARGS, task_id=fire.id, **sent)
    else:
        app.send_task(task, ARGS, KWARGS, task_id=fire.id, **sent)
    expected_key, expected = pop_only_message(redis_server)
    publish(app, fire)
    key, message = pop_only_message(redis_server)
    assert key == expected_key
    if conf.get("task_protocol") == 1:  # No `origin` there.
        message["headers"]["origin"] = expected["headers"]["origin"] = "gen"
    assert comparable(message) == comparable(expected)


def test_expiry_counts_from_the_due_time(redis_server: RedisServer) -> None:
    app = new_app(redis_server.url)
    fire = make_fire("x", expires_s=90.0)
    at = datetime.fromtimestamp(0, timezone.utc) + timedelta(microseconds=fire.due_us, seconds=90)
    app.send_task("x", [], {}, task_id=fire.id, expires=at)
    _, expected = pop_only_message(redis_server)
    publish(app, fire)
    _, message = pop_only_message(redis_server)
    assert datetime.fromisoformat(message["headers"]["expires"]) == at
    assert datetime.fromisoformat(expected["headers"]["expires"]) == at
    ours, theirs = (int(m["properties"]["expiration"]) for m in (message, expected))
    assert abs(ours - theirs) < 2000


def test_two_fires_of_a_template_share_nothing_but_the_template(redis_server: RedisServer) -> None:
    app = new_app(redis_server.url, task_protocol=1)
    factory = EnvelopeFactory(app, redis=True)
    fires = [make_fire("x", ["same"], due_us=n * 1_000_000) for n in (1, 2)]
    assert fires[0].template is fires[1].template
    publisher = CeleryRedisPublisher(app, 60)
    publisher.publish([Parcel(fire, factory.build(fire.template)) for fire in fires])
    client = redis_server.client()
    messages = [json.loads(raw) for raw in reversed(client.lrange("celery", 0, -1))]
    client.flushall()
    bodies = [json.loads(base64.b64decode(m["body"])) for m in messages]
    assert [b["id"] for b in bodies] == [fire.id for fire in fires]
    assert [m["properties"]["correlation_id"] for m in messages] == [fire.id for fire in fires]
    assert [m["headers"]["z4j_due_at"][:19] for m in messages] == [
        "1970-01-01T00:00:01",
        "1970-01-01T00:00:02",
    ]
    assert len({m["properties"]["delivery_tag"] for m in messages}) == 2


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"engine_options": {"colour": "red"}}, "'colour' is unknown"),
        ({"engine_options": {"time_limit": "soon"}}, "'time_limit' must be a JSON number"),
        ({"engine_options": {"celery_priority": True}}, "'celery_priority' must be a JSON integer"),
        ({"engine_options": {"serializer": "nonsense"}}, "nonsense"),
        ({"queue": "elsewhere"}, "'elsewhere' is not among this adapter's"),
    ],
)
def test_what_celery_can_never_take_is_refused_by_name(
    fields: dict[str, Any], message: str
) -> None:
    factory = EnvelopeFactory(
        new_app("redis://127.0.0.1:1/0"), redis=True, allowed_queues=("celery",)
    )
    with pytest.raises(TaskRejected, match=message):
        factory.build(make_fire("x", **fields).template)


def test_queue_behind_a_topic_exchange_is_refused_on_redis() -> None:
    app = new_app("redis://x/0", task_queues=[Queue("t", Exchange("t", "topic"), "a.#")])
    with pytest.raises(TaskRejected, match="not direct"):
        EnvelopeFactory(app, redis=True).build(make_fire("x", queue="t").template)


@given(st.integers(-100, 100), st.integers(-100, 100), st.integers(0, 9), st.booleans())
@settings(print_blob=True, deadline=None)
def test_priorities_keep_their_order_and_range(a: int, b: int, normal: int, low: bool) -> None:
    low_a, low_b = (celery_priority(p, normal, low_is_first=low) for p in (a, b))
    assert 0 <= low_a <= 9
    assert celery_priority(0, normal, low_is_first=low) == normal
    if a > b:
        assert (low_a <= low_b) if low else (low_a >= low_b)


def test_refused_push_leaves_no_dedupe_key(redis_server: RedisServer, tmp_path: Path) -> None:
    app = new_app(redis_server.url)
    redis_server.client().set("celery", "no list")
    fire = make_fire("x")
    publisher = CeleryRedisPublisher(app, 60)
    parcel = Parcel(fire, EnvelopeFactory(app, redis=True).build(fire.template))
    assert publisher.publish([parcel])[0].code is ResultCode.UNAVAILABLE
    redis_server.client().delete("celery")
    assert publisher.publish([parcel])[0].code is ResultCode.ACCEPTED
    redis_server.client().flushall()
    publisher.close()
