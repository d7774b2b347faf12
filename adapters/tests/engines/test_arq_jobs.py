"""What the arq engine writes: against a real Redis, without workers."""

from __future__ import annotations

import json
import pickle
import time
import zlib
from typing import Any

import pytest
from arq import create_pool
from arq.connections import RedisSettings
from engines.arq_harness import RESULT, opened
from harness import RedisServer
from z4j_adapters import ResultCode, TaskRejected
from z4j_adapters.engines.arq.app import ArqApp
from z4j_adapters.engines.arq.envelope import EnvelopeFactory
from z4j_adapters.testing import make_fire

ARGS = [1, None, "né 🕰 \ud800", {"list": [[], {}]}, "x" * 60_000]


KWARGS = {"ключ": [True, 1.5, 2**70]}


def app_with(serializer: Any = None) -> ArqApp:
    """Settings with a serializer and no Redis."""
    return ArqApp(connect=lambda: None, broker="", queue="arq:queue", serializer=serializer)


def packed(job: dict[str, Any]) -> bytes:
    """A serializer whose output differs all over with what goes in."""
    return zlib.compress(pickle.dumps(job))


def refusing(job: dict[str, Any]) -> bytes:
    """A serializer that cannot write it."""
    raise OverflowError("no such number")


@pytest.mark.parametrize("serializer", [None, lambda job: json.dumps(job).encode(), packed])
async def test_redis_holds_what_enqueue_job_would_have_left(
    server: RedisServer, serializer: Any
) -> None:
    pool = await create_pool(RedisSettings(port=server.port), job_serializer=serializer)
    fire = make_fire("proj.task", ARGS, KWARGS)
    theirs = await pool.enqueue_job("proj.task", *ARGS, **KWARGS)
    assert theirs
    their_score = await pool.zscore("arq:queue", theirs.job_id)
    their_job = await pool.get(f"arq:job:{theirs.job_id}")
    their_ttl = await pool.pttl(f"arq:job:{theirs.job_id}")
    await pool.connection_pool.disconnect()

    async with opened(broker=server.url) as (engine, _):
        # As an app's settings would have it.
        object.__setattr__(engine._app, "serializer", serializer)
        await engine.dispatch([fire])
    client = server.client()
    score = client.zscore("arq:queue", fire.id)
    assert score <= time.time() * 1000
    assert abs(score - their_score) < 5000
    assert abs(client.pttl(f"arq:job:{fire.id}") - their_ttl) < 5000
    build = EnvelopeFactory(app_with(serializer)).build(fire.template)
    assert build.job(int(their_score)) == their_job
    ours = client.get(f"arq:job:{fire.id}")
    assert ours == build.job(int(score) + 1)


def test_packing_serializers_are_stamped_where_they_show_the_time_in_one_place() -> None:
    msgpack = pytest.importorskip("msgpack")
    build = EnvelopeFactory(app_with(msgpack.packb)).build(make_fire("t", [1]).template)
    assert msgpack.unpackb(build.job(1_800_000_000_123))["et"] == 1_800_000_000_123


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (
            {"engine_options": {"timeout": 5}},
            "'timeout': arq sets it per function: func(…, timeout",
        ),
        ({"engine_options": {"_job_try": 5}}, "'_job_try': arq counts the tries itself"),
        ({"engine_options": {"colour": 5}}, "'colour' is unknown to arq"),
        ({"priority": 7}, "priority 7: arq has no priorities"),
        ({"queue": "other"}, "queue 'other' is not among this adapter's: arq:queue"),
    ],
)
def test_what_arq_has_no_place_for_is_refused_by_name(options: Any, says: str) -> None:
    factory = EnvelopeFactory(app_with(), ("arq:queue",))
    with pytest.raises(TaskRejected) as refusal:
        factory.build(make_fire("t", **options).template)
    assert says in str(refusal.value)


def test_what_the_apps_serializer_cannot_write_is_refused_with_its_words() -> None:
    with pytest.raises(TaskRejected, match="OverflowError: no such number"):
        EnvelopeFactory(app_with(refusing)).build(make_fire("t").template)


async def test_expiry_is_the_jobs_time_to_live_from_its_due_time(server: RedisServer) -> None:
    now_us = int(time.time() * 1e6)
    async with opened(broker=server.url) as (engine, _):
        fire = make_fire("t", due_us=now_us - 20_000_000, expires_s=80.0)
        past = make_fire("t", due_us=now_us - 20_000_000, expires_s=10.0)
        results = await engine.dispatch([fire, past])
        assert [r.code for r in results] == [ResultCode.ACCEPTED] * 2
    client = server.client()
    assert 55_000 < client.pttl(f"arq:job:{fire.id}") <= 60_000
    # No instant in which a worker could still run it.
    assert not client.exists(f"arq:job:{past.id}")
    assert client.zscore("arq:queue", past.id)


async def test_a_job_or_result_of_this_id_is_reason_enough_not_to_enqueue_it(
    server: RedisServer,
) -> None:
    client = server.client()
    waiting, ended, new = (make_fire("t") for _ in range(3))
    client.set(f"arq:job:{waiting.id}", b"somebody enqueued it")
    client.set(f"arq:result:{ended.id}", b"somebody ran it")
    async with opened(broker=server.url) as (engine, _):
        codes = {r.fire_id: r.code for r in await engine.dispatch([waiting, ended, new])}
    assert codes[waiting.id] is codes[ended.id] is ResultCode.DUPLICATE
    assert codes[new.id] is ResultCode.ACCEPTED
    assert client.zrange("arq:queue", 0, -1) == [new.id.encode()]


async def test_a_queue_that_is_none_takes_nothing_and_marks_nothing(server: RedisServer) -> None:
    client = server.client()
    client.set("arq:queue", "a text")
    fires = [make_fire("t", [n]) for n in range(300)]
    async with opened(broker=server.url) as (engine, watcher):
        results = await engine.dispatch(fires)
        assert {r.code for r in results} == {ResultCode.UNAVAILABLE}
        assert "WRONGTYPE" in results[0].message
        assert client.keys() == [b"arq:queue"]
        other = make_fire("t", queue="other")
        await engine.dispatch([other])
        client.set(f"arq:result:{other.id}", pickle.dumps(RESULT))
        await watcher.finals([other])  # Others are read as ever.
        client.delete("arq:queue")
        results = await engine.dispatch(fires)
        assert {r.code for r in results} == {ResultCode.ACCEPTED}
        assert client.zrange("arq:queue", 0, -1) == [fire.id.encode() for fire in fires]
