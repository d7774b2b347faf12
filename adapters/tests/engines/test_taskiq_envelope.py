"""TaskIQ's messages are what its own call leaves in the broker; nothing runs here."""

from __future__ import annotations

import json
import pickle
import time
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("taskiq_redis", reason="TaskIQ's own environment", exc_type=ImportError)

from engines.taskiq_help import opened
from harness import RedisServer
from taskiq.kicker import AsyncKicker
from taskiq_redis import ListQueueBroker, RedisAsyncResultBackend, RedisStreamBroker
from z4j_adapters import ConfigurationError, ControlFailed, FireRef, OutcomeState, ResultCode
from z4j_adapters.engines.taskiq.broker import TaskiqOptions, load_broker
from z4j_adapters.engines.taskiq.engine import TaskiqEngine
from z4j_adapters.engines.taskiq.options import rabbit_priority
from z4j_adapters.testing import make_fire

ARGS: list[Any] = [1, None, 2**53, "né 🕰 %s", {"deep": [[], {"ключ": "値"}]}]
KWARGS = {"big": "x" * 61_000, "z4j": "{0}"}

SHOP = """
from taskiq import TaskiqMiddleware
from taskiq.serializers import MSGPackSerializer
from taskiq_redis import ListQueueBroker, PubSubBroker, RedisAsyncResultBackend

broker = ListQueueBroker({url!r}, queue_name="shop").with_serializer(MSGPackSerializer())
deaf = PubSubBroker({url!r})

@broker.task(task_name="shop.mail", queue_name="mail", timeout=30, urgent=True)
async def mail(*args, **kwargs): ...

def make():
    return broker

kept = ListQueueBroker({url!r}, queue_name="kept").with_result_backend(
    RedisAsyncResultBackend({url!r}, result_ex_time=30)
)
kept.task(task_name="shop.mail")(mail.original_func)

class Stamp(TaskiqMiddleware):
    sent = []
    def pre_send(self, message):
        message.labels["stamp"] = message.task_id[:4]
        return message
    async def post_send(self, message):
        self.sent.append(message.task_id)

stamping = ListQueueBroker({url!r}, queue_name="stamped").with_middlewares(Stamp())

@stamping.task(task_name="shop.stamp")
async def stamp(): ...
"""


@pytest.fixture
def shop(tmp_path: Path, redis_server: RedisServer, request: pytest.FixtureRequest) -> str:
    """The name of a module of the user's."""
    redis_server.client().flushdb()
    name = f"shop_{abs(hash(request.node.name))}"
    (tmp_path / f"{name}.py").write_text(SHOP.format(url=redis_server.url))
    return name


async def test_a_list_gets_what_taskiqs_own_call_pushes(redis_server: RedisServer) -> None:
    client = redis_server.client()
    client.flushdb()
    fire = make_fire("a.task", ARGS, KWARGS, engine_options={"labels": {"n": 1}, "timeout": 2.5})
    async with opened(broker=redis_server.url) as (engine, _):
        await engine.dispatch([fire])
    broker = ListQueueBroker(redis_server.url)
    kicker = AsyncKicker("a.task", broker, {"n": 1, "timeout": 2.5}).with_task_id(fire.id)
    await kicker.kiq(*ARGS, **KWARGS)
    await broker.shutdown()
    theirs, ours = client.lrange("taskiq", 0, -1)
    assert ours == theirs


async def test_a_stream_gets_what_taskiqs_own_call_adds(redis_server: RedisServer) -> None:
    client = redis_server.client()
    client.flushdb()
    fire = make_fire("a.task", ARGS, KWARGS)
    async with opened(broker=redis_server.url, kind="stream") as (engine, _):
        await engine.dispatch([fire])
    broker = RedisStreamBroker(redis_server.url)
    await AsyncKicker("a.task", broker, {}).with_task_id(fire.id).kiq(*ARGS, **KWARGS)
    await broker.shutdown()
    (_, ours), (_, theirs) = client.xrange("taskiq")
    assert ours == theirs


async def test_an_apps_serializer_labels_and_queues_hold(
    shop: str, tmp_path: Path, redis_server: RedisServer
) -> None:
    client = redis_server.client()
    plain, other = make_fire("shop.mail", ARGS), make_fire("shop.mail", queue="elsewhere")
    async with opened(app=f"{shop}:make", workdir=tmp_path) as (engine, _):
        assert engine.tasks() == ["shop.mail"]
        assert {r.code for r in await engine.dispatch([plain, other])} == {ResultCode.ACCEPTED}
        broker = engine._broker
        await broker.find_task("shop.mail").kicker().with_task_id(plain.id).kiq(*ARGS)
        theirs, ours = client.lrange("mail", 0, -1)
        assert ours == theirs
        assert broker.formatter.loads(client.rpop("elsewhere")).labels["queue_name"] == "elsewhere"


async def test_middlewares_see_every_fire_before_and_after_it_is_sent(
    shop: str, tmp_path: Path, redis_server: RedisServer
) -> None:
    fires = [make_fire("shop.stamp") for _ in range(5)]
    async with opened(app=f"{shop}:stamping", workdir=tmp_path) as (engine, _):
        await engine.dispatch(fires)
        codes = {r.code for r in await engine.dispatch(fires)}
        assert codes == {ResultCode.DUPLICATE}
        assert engine._broker.middlewares[0].sent == [fire.id for fire in fires]
    texts = [json.loads(text) for text in redis_server.client().lrange("stamped", 0, -1)]
    stamps = {text["task_id"]: text["labels"]["stamp"] for text in texts}
    assert stamps == {fire.id: fire.id[:4] for fire in fires}


async def test_what_no_worker_could_take_is_refused_with_a_reason(
    shop: str, tmp_path: Path
) -> None:
    refused = [
        (make_fire("shop.unknown"), "knows no task 'shop.unknown'"),
        (make_fire("shop.mail", queue="other"), "queue 'other' is not among this adapter's: mail"),
        (make_fire("shop.mail", engine_options={"eta": 1}), "engine option 'eta' is unknown"),
        (
            make_fire("shop.mail", engine_options={"timeout": "1"}),
            "'timeout' must be a JSON number",
        ),
        (
            make_fire("shop.mail", engine_options={"labels": {"queue_name": "x"}}),
            "set the schedule",
        ),
        (make_fire("shop.mail", engine_options={"labels": {"x": [1]}}), "label 'x' must be text"),
    ]
    async with opened(app=f"{shop}:broker", workdir=tmp_path, queues=("mail",)) as (engine, _):
        results = await engine.dispatch([fire for fire, _ in refused])
    assert {r.code for r in results} == {ResultCode.REJECTED}
    for result, (_, reason) in zip(results, refused, strict=True):
        assert reason in result.message


def test_a_broker_that_cannot_hold_fires_is_refused(shop: str, tmp_path: Path) -> None:
    for options, reason in (
        ({"app": f"{shop}:deaf"}, "PubSubBroker cannot take fires (it broadcasts)"),
        ({"app": f"{shop}:nothing"}, "cannot import it"),
        ({"app": f"{shop}:SHOP"}, "cannot import it"),
        ({"app": f"{shop}:broker", "modules": ("no.such",)}, "no.such"),
        ({}, "give --broker URL, or --app"),
        ({"broker": "redis://x", "lost_after_s": 1e6}, "--dedupe-ttl must be longer"),
    ):
        with pytest.raises(ConfigurationError) as error:
            load_broker(TaskiqOptions(workdir=tmp_path, **options))
        assert reason.partition("no.such")[0] in str(error.value)


async def test_without_a_result_backend_it_says_what_to_configure(
    redis_server: RedisServer,
) -> None:
    async with opened(broker=redis_server.url) as (engine, _):
        capabilities = engine.capabilities()
        assert not capabilities.outcomes and not capabilities.lookup
        assert "with_result_backend(RedisAsyncResultBackend" in capabilities.outcomes_hint
        with pytest.raises(ControlFailed):
            await engine.lookup_outcomes([FireRef("x", b"")])


async def test_results_are_read_without_consuming_or_running_what_a_pickle_names(
    redis_server: RedisServer, tmp_path: Path
) -> None:
    class Trap:
        def __reduce__(self) -> Any:
            return open, (str(tmp_path / "sprung"), "w")

    fire = make_fire("a.task")
    async with opened(broker=redis_server.url, result_backend=redis_server.url) as (engine, _):
        await engine.dispatch([fire])
        stored = {"is_err": True, "return_value": Trap(), "execution_time": 2.0, "labels": {}}
        stored["error"] = {"exc_type": "OSError", "exc_message": ["disk", 5], "exc_module": "x"}
        redis_server.client().set(fire.id, pickle.dumps(stored))
        end = (await engine.lookup_outcomes([FireRef(fire.id, fire.ref)]))[-1]
    assert (end.state, end.error) == (OutcomeState.FAILED, "OSError: disk, 5")
    assert not (tmp_path / "sprung").exists()
    assert redis_server.client().exists(fire.id)


async def test_results_that_are_kept_for_seconds_are_warned_of_and_their_age_is_known(
    shop: str, tmp_path: Path, redis_server: RedisServer
) -> None:
    fire = make_fire("shop.mail")
    async with opened(app=f"{shop}:kept", workdir=tmp_path) as (engine, _):
        assert "results are kept for 30 s only" in engine.capabilities().outcomes_hint
        await engine.dispatch([fire])
        stored = pickle.dumps({"is_err": False, "execution_time": 2.0, "error": None})
        redis_server.client().set(fire.id, stored, px=20_000)  # 10 s ago.
        began, ended = await engine.lookup_outcomes([FireRef(fire.id, fire.ref)])
        age_s = time.time() - ended.time.timestamp()
        assert age_s == pytest.approx(10, abs=2)
        assert (ended.time - began.time).total_seconds() == pytest.approx(2)


async def test_results_with_a_prefix_and_of_another_serializer_are_found(
    redis_server: RedisServer,
) -> None:
    url, fire = redis_server.url, make_fire("a.task")
    engine = TaskiqEngine(TaskiqOptions(broker=url, result_backend=url, result_prefix="shop"))
    await engine.start()
    await engine.dispatch([fire])
    from taskiq.result import TaskiqResult
    from taskiq.serializers import JSONSerializer

    backend: Any = RedisAsyncResultBackend(url, prefix_str="shop", serializer=JSONSerializer())
    result: Any = TaskiqResult(is_err=False, return_value={"a": 1}, execution_time=3.0)
    await backend.set_result(fire.id, result)
    began, ended = await engine.lookup_outcomes([FireRef(fire.id, fire.ref)])
    assert (began.state, ended.state) == (OutcomeState.RUNNING, OutcomeState.SUCCEEDED)
    assert (ended.time - began.time).total_seconds() == pytest.approx(3.0)
    await backend.shutdown()
    await engine.close()


def test_priorities_keep_the_tasks_own_as_normal_and_use_the_room_around_it() -> None:
    assert [rabbit_priority(p, 0, 9) for p in (-100, 0, 1, 50, 100)] == [0, 0, 1, 5, 9]
    assert [rabbit_priority(p, 5, 9) for p in (-100, -1, 0, 1, 100)] == [0, 4, 5, 6, 9]


async def test_an_unreachable_broker_is_named_without_its_password() -> None:
    async with opened(broker="redis://user:secret@127.0.0.1:1/0") as (engine, _):
        results = await engine.dispatch([make_fire("a.task")])
        assert results[0].code is ResultCode.UNAVAILABLE
        assert "broker 127.0.0.1:1 is unreachable since" in engine.health()
        assert "secret" not in engine.health()
