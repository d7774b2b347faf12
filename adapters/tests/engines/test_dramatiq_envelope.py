"""Messages are those that Dramatiq itself would have left in the broker; options and apps hold."""

from __future__ import annotations

import json
import pickle
import time
from pathlib import Path
from typing import Any

import dramatiq
import pytest
from engines.dramatiq_servers import opened, write_app
from harness import RedisServer
from z4j_adapters import ConfigurationError, ResultCode
from z4j_adapters.engines.dramatiq.app import DramatiqOptions
from z4j_adapters.engines.dramatiq.engine import new_engine
from z4j_adapters.engines.dramatiq.envelope import NOTE_ACTOR
from z4j_adapters.engines.dramatiq.options import rabbit_priority
from z4j_adapters.testing import make_fire

APP = """
    import dramatiq
    from dramatiq.brokers.redis import RedisBroker

    broker = RedisBroker(url={url!r}, namespace="shop")

    @dramatiq.actor(broker=broker, queue_name="mail", max_retries=3)
    def mail(*args, **kwargs): pass
"""
OURS = {"z4j_schedule", "z4j_due_at", "z4j_sent_ms", "pipe_target"}


def only_message(server: RedisServer, queue: str) -> dict[str, Any]:
    """The one message of the queue."""
    client = server.client()
    (message_id,) = client.lrange(queue, 0, -1)
    return dict(json.loads(client.hget(f"{queue}.msgs", message_id)))


@pytest.mark.parametrize(
    ("args", "kwargs"),
    [
        ([], {}),
        ([1, None, [True, {"ключ": "値 🕰"}]], {"percent": "100 %s %(id)s", "big": "x" * 61_000}),
    ],
)
async def test_a_message_equals_what_the_actor_itself_sends(
    tmp_path: Path, server: RedisServer, args: list[Any], kwargs: dict[str, Any]
) -> None:
    app = write_app(tmp_path, APP.format(url=server.url))
    async with opened(**app) as (engine, _):
        assert engine.tasks() == ["mail"] and engine.queues() == ["mail"]
        engine._setup.broker.actors["mail"].send_with_options(
            args=tuple(args), kwargs=kwargs, max_age=60_000, time_limit=5000
        )
        theirs = only_message(server, "shop:mail")
        server.client().flushall()
        options = {"time_limit": 5000}
        fire = make_fire("mail", args, kwargs, expires_s=60.0, engine_options=options)
        await engine.dispatch([fire])
        ours = only_message(server, "shop:mail")
    assert list(ours) == list(theirs)
    assert ours["message_id"] == ours["options"]["redis_message_id"] == fire.id
    assert ours["message_timestamp"] == fire.due_us // 1000
    assert ours["options"]["pipe_target"]["message_id"] == fire.id
    assert ours["options"]["pipe_target"]["actor_name"] == NOTE_ACTOR
    for message in (ours, theirs):
        for name in ("message_id", "message_timestamp"):
            del message[name]
        del message["options"]["redis_message_id"]
    ours["options"] = {k: v for k, v in ours["options"].items() if k not in OURS}
    assert ours == theirs


async def test_without_an_expiry_age_counts_from_the_hand_over(server: RedisServer) -> None:
    async with opened(broker=server.url) as (engine, _):
        await engine.dispatch([make_fire("any", due_us=1_767_225_600_000_000)])
        sent_ms = only_message(server, "dramatiq:default")["message_timestamp"]
        assert abs(sent_ms - time.time() * 1000) < 5000


async def test_another_encoder_of_the_app_writes_each_message(
    tmp_path: Path, server: RedisServer
) -> None:
    text = APP.format(url=server.url) + "    dramatiq.set_encoder(dramatiq.PickleEncoder())\n"
    before = dramatiq.get_encoder()
    try:
        async with opened(**write_app(tmp_path, text)) as (engine, _):
            fire = make_fire("mail", ["%"], {"x": [1]}, due_us=1_767_225_600_000_001)
            await engine.dispatch([fire])
    finally:
        dramatiq.set_encoder(before)
    message = pickle.loads(server.client().hget("shop:mail.msgs", fire.id))
    assert (message["args"], message["kwargs"]) == (("%",), {"x": [1]})
    assert message["message_id"] == message["options"]["pipe_target"]["message_id"] == fire.id
    assert message["options"]["z4j_due_at"] == "2026-01-01T00:00:00.000001+00:00"


async def test_middleware_of_the_app_sees_each_message_and_may_change_or_refuse_it(
    tmp_path: Path, server: RedisServer
) -> None:
    text = (
        APP.format(url=server.url)
        + """
    seen = []
    class Stamp(dramatiq.Middleware):
        def before_enqueue(self, broker, message, delay):
            if message.args == (0,):
                raise dramatiq.middleware.MiddlewareError("not zero")
            message.options["stamp"] = len(seen)
        def after_enqueue(self, broker, message, delay):
            seen.append(message.message_id)
    broker.add_middleware(Stamp())
    """
    )
    app = write_app(tmp_path, text)
    async with opened(**app) as (engine, _):
        good, bad = make_fire("mail", [1]), make_fire("mail", [0])
        results = {r.fire_id: r for r in await engine.dispatch([good, bad])}
        assert results[good.id].code is ResultCode.ACCEPTED
        assert results[bad.id].code is ResultCode.REJECTED
        assert "not zero" in results[bad.id].message
        assert only_message(server, "shop:mail")["options"]["stamp"] == 0
        assert __import__(app["app"].partition(":")[0]).seen == [good.id]


async def test_what_dramatiq_can_never_take_is_refused_in_a_sentence(
    tmp_path: Path, server: RedisServer
) -> None:
    cases: list[tuple[dict[str, Any], str]] = [
        ({"queue": "pay.DQ"}, "can be no queue"),
        ({"queue": "9 to 5"}, "can be no queue"),
        ({"engine_options": {"max_retries": -1}}, "at least 0"),
        ({"engine_options": {"time_limit": 0}}, "at least 1"),
        ({"engine_options": {"max_age": 5}}, "'max_age' is unknown to dramatiq"),
        ({"engine_options": {"broker_priority": 5}}, "'broker_priority' is unknown"),
        ({"engine_options": {"options": {"eta": 5}}}, "must not hold 'eta'"),
        ({"engine_options": {"options": {"max_retries": 5}}}, "an engine option of its own"),
    ]
    async with opened(broker=server.url) as (engine, _):
        for template, words in cases:
            (result,) = await engine.dispatch([make_fire("any", **template)])
            assert result.code is ResultCode.REJECTED and words in result.message
        (result,) = await engine.dispatch([make_fire("two\nlines")])
        assert result.code is ResultCode.REJECTED and "no name of an actor" in result.message
    async with opened(broker=server.url, queues=("pay",)) as (engine, _):
        (result,) = await engine.dispatch([make_fire("any")])
        assert result.code is ResultCode.REJECTED and "adapter's: pay" in result.message
    async with opened(**write_app(tmp_path, APP.format(url=server.url))) as (engine, _):
        (result,) = await engine.dispatch([make_fire("nobody")])
        assert result.code is ResultCode.REJECTED and "no actor named 'nobody'" in result.message
        (result,) = await engine.dispatch([make_fire("mail", queue="other")])
        assert result.code is ResultCode.REJECTED and "its queues: mail" in result.message
    assert server.client().keys("*") == []


async def test_options_reach_the_message(server: RedisServer) -> None:
    options = {"max_retries": 0, "store_results": True, "options": {"tenant": {"id": 7}}}
    async with opened(broker=server.url) as (engine, _):
        await engine.dispatch([make_fire("any", queue="pay", engine_options=options)])
    sent = only_message(server, "dramatiq:pay")["options"]
    assert (sent["max_retries"], sent["store_results"], sent["tenant"]) == (0, True, {"id": 7})


def test_an_app_whose_workers_tell_of_no_success_is_told_what_to_add(tmp_path: Path) -> None:
    text = APP.format(url="redis://127.0.0.1:1").replace('"shop"', '"shop", middleware=[]')
    engine = new_engine(DramatiqOptions(**write_app(tmp_path, text.replace(", max_retries=3", ""))))
    capabilities = engine.capabilities()
    assert not capabilities.outcomes and not capabilities.lookup
    assert "Pipelines" in capabilities.outcomes_hint


async def test_without_outcomes_messages_carry_no_pipeline(server: RedisServer) -> None:
    async with opened(broker=server.url, outcomes=False) as (engine, _):
        await engine.dispatch([make_fire("any")])
        assert "pipe_target" not in only_message(server, "dramatiq:default")["options"]
        assert engine.capabilities().outcomes_hint == "turned off by --no-outcomes"
        assert not engine.capabilities().outcomes


def test_rabbitmq_workers_before_2_2_are_asked_for_no_notes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for version, told in (("2.1.0", "since Dramatiq 2.2"), ("2.2.0", ""), ("10.0", "")):
        monkeypatch.setattr(dramatiq, "__version__", version)
        capabilities = new_engine(DramatiqOptions(broker="amqp://127.0.0.1:1")).capabilities()
        assert capabilities.outcomes is (told == "")
        assert told in capabilities.outcomes_hint


def test_says_what_is_wrong_with_its_own_options(tmp_path: Path) -> None:
    wrong: list[tuple[dict[str, Any], str]] = [
        ({}, "give --broker URL, or --app"),
        ({"app": "a", "broker": "redis://b"}, "not both"),
        ({"broker": "sqs://q"}, "'sqs' is none of"),
        ({"app": "no_such_module"}, "No module named"),
        (write_app(tmp_path, "broker = 7"), "is not a Broker"),
    ]
    for options, words in wrong:
        with pytest.raises(ConfigurationError, match=words):
            new_engine(DramatiqOptions(**options))


def test_priorities_of_rabbitmq_go_from_its_usual_one_to_the_highest() -> None:
    assert [rabbit_priority(p, 10) for p in (-100, 0, 1, 50, 100)] == [None, None, 1, 5, 10]
    assert rabbit_priority(100, None) is None
