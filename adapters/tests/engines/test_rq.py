"""What RQ finds in Redis, and what is refused; no worker is needed."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from engines.rq_kit import opened_engine
from harness import RedisServer
from rq import Queue, Retry
from rq.job import Job
from z4j_adapters import ConfigurationError, Fire, OutcomeState, ResultCode
from z4j_adapters.engines.rq import dispatch
from z4j_adapters.engines.rq.app import RqOptions
from z4j_adapters.engines.rq.dispatch import due_text
from z4j_adapters.engines.rq.engine import RqEngine
from z4j_adapters.engines.rq.jobs import Job as RqJob
from z4j_adapters.engines.rq.jobs import sightings
from z4j_adapters.testing import make_fire

SCHEDULE = "projects/default/schedules/contract"
NESTED = {"list": [[], {}, [{"ключ": "値"}]], "z4j": "{0} %s", "big": "x" * 61_000, "no": None}


@pytest.fixture
def clean(redis_server: RedisServer) -> RedisServer:
    """The module's Redis, empty."""
    redis_server.client().flushall()
    return redis_server


def everything(client: Any) -> dict[bytes, Any]:
    """All that is in Redis but our own keys and the times of a job."""
    found: dict[bytes, Any] = {}
    for key in client.scan_iter():
        if key.startswith(b"z4j:"):
            continue
        if client.type(key) == b"hash":
            found[key] = client.hgetall(key)
            assert found[key].pop(b"created_at") and found[key].pop(b"enqueued_at")
            found[key, "lives"] = round(client.ttl(key), -2)  # Seconds may pass in between.
        elif client.type(key) == b"list":
            found[key] = client.lrange(key, 0, -1)
        else:
            found[key] = client.smembers(key)
    return found


async def refusal(engine: RqEngine, fire: Fire) -> str:
    """The sentence with which a fire is rejected."""
    result = (await engine.dispatch([fire]))[0]
    assert result.code is ResultCode.REJECTED, result
    return result.message


@pytest.mark.parametrize("serializer", ["pickle", "json"])
@pytest.mark.parametrize(
    ("template", "options", "theirs"),
    [
        ({}, {}, {}),
        ({"queue": "mail"}, {"timeout": 60}, {"timeout": 60}),
        ({"expires_s": 1000.0}, {}, {"ttl": 1000}),
        ({}, {"meta": {"who": "né"}}, {"meta": {"who": "né"}}),
        ({}, {"result_ttl": -1, "failure_ttl": 90}, {"result_ttl": -1, "failure_ttl": 90}),
        ({}, {"description": "pay day"}, {"description": "pay day"}),
        ({}, {"retry_max": 2, "retry_intervals": [1, 6]}, {"retry": Retry(2, interval=[1, 6])}),
    ],
)
async def test_leaves_in_redis_what_enqueue_leaves(
    clean: RedisServer,
    serializer: str,
    template: dict[str, Any],
    options: dict[str, Any],
    theirs: dict[str, Any],
) -> None:
    client = clean.client()
    call = [1, "né 🕰"], {"nested": NESTED}
    fire = make_fire("rq_app.echo", *call, engine_options=options, **template)
    async with opened_engine(broker=clean.url, serializer=serializer) as (engine, _):
        assert [r.code for r in await engine.dispatch([fire])] == [ResultCode.ACCEPTED]
    ours = everything(client)
    client.flushall()

    name = {"pickle": "DefaultSerializer", "json": "JSONSerializer"}[serializer]
    queue = Queue(template.get("queue", "default"), client, serializer=f"rq.serializers.{name}")
    meta = {"z4j_schedule": SCHEDULE, "z4j_due_at": due_text(fire.due_us)}
    theirs = {"result_ttl": 500, **theirs, "meta": {**meta, **theirs.get("meta", {})}}
    queue.enqueue_call("rq_app.echo", *call, job_id=fire.id, **theirs)
    assert ours == everything(client)


async def test_rqs_own_classes_read_the_job_back(clean: RedisServer) -> None:
    async with opened_engine(broker=clean.url) as (engine, _):
        fire = make_fire("rq_app.echo", [1], {"y": [2]}, engine_options={"timeout": -1})
        await engine.dispatch([fire])
        job = Job.fetch(fire.id, connection=clean.client())
        assert (job.func_name, list(job.args), job.kwargs) == ("rq_app.echo", [1], {"y": [2]})
        assert (job.timeout, job.get_status().value, job.origin) == (-1, "queued", "default")
        assert job.get_position() == 0
        assert abs(job.enqueued_at.timestamp() - time.time()) < 60


async def test_fires_at_the_front_go_before_all_others_and_keep_their_order(
    clean: RedisServer,
) -> None:
    async with opened_engine(broker=clean.url) as (engine, _):
        back = [make_fire("rq_app.echo", [n]) for n in range(3)]
        front = [make_fire("rq_app.echo", [n], engine_options={"at_front": True}) for n in range(4)]
        await engine.dispatch([*back, *front])
        queued = clean.client().lrange("rq:queue:default", 0, -1)
        assert [i.decode() for i in queued] == [fire.id for fire in [*front, *back]]


async def test_what_rq_can_never_take_is_refused_with_a_reason(clean: RedisServer) -> None:
    async with opened_engine(broker=clean.url, queues=("mail",)) as (engine, _):
        assert "dotted path" in await refusal(engine, make_fire("echo"))
        assert "dotted path" in await refusal(engine, make_fire("rq_app:echo"))
        assert "at_front" in await refusal(engine, make_fire("rq_app.echo", priority=1))
        assert "expires" in await refusal(engine, make_fire("rq_app.echo", expires_s=1e10))
        assert "'other'" in await refusal(engine, make_fire("rq_app.echo", queue="other"))
        for options, word in [
            ({"colour": 1}, "'colour'"),
            ({"timeout": 0}, "'timeout'"),
            ({"timeout": "60"}, "integer"),
            ({"result_ttl": 0}, "'result_ttl'"),
            ({"failure_ttl": 1}, "'failure_ttl'"),
            ({"failure_ttl": 10**18}, "'failure_ttl'"),
            ({"retry_max": 0}, "'retry_max'"),
            ({"retry_max": 1, "retry_intervals": [1.5]}, "'retry_intervals'"),
            ({"retry_intervals": [1]}, "'retry_max'"),
        ]:
            message = await refusal(engine, make_fire("rq_app.echo", engine_options=options))
            assert word in message
        assert clean.client().dbsize() == 0


async def test_what_redis_refuses_marks_nothing_as_handed_over(
    clean: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = clean.client()
    async with opened_engine(broker=clean.url) as (engine, _):
        fires = [make_fire("rq_app.echo", [n], expires_s=600.0) for n in range(3)]

        async def refused(word: str) -> None:
            results = await engine.dispatch(fires)
            assert {r.code for r in results} == {ResultCode.UNAVAILABLE}
            assert word in results[0].message
            assert set(client.scan_iter()) <= {b"rq:queue:default", b"rq:queues"}

        client.set("rq:queue:default", "no list")
        await refused("WRONGTYPE")
        client.delete("rq:queue:default", "rq:queues")
        client.set("rq:queues", "no set")
        await refused("WRONGTYPE")
        client.delete("rq:queues")
        with monkeypatch.context() as patch:  # In the middle of a script, after two good ones.
            patch.setattr(
                dispatch, "_expiry", lambda fire, *_: (1, 1 if fire in fires[:2] else 1e30)
            )
            await refused("not an integer")
        assert {r.code for r in await engine.dispatch(fires)} == {ResultCode.ACCEPTED}
        assert client.llen("rq:queue:default") == 3


async def test_a_job_that_is_there_is_not_enqueued_again_though_its_key_has_lapsed(
    clean: RedisServer,
) -> None:
    async with opened_engine(broker=clean.url, dedupe_ttl_s=0.001) as (engine, _):
        fire = make_fire("rq_app.echo")
        await engine.dispatch([fire])
        while clean.client().exists(f"z4j:rq:{fire.id}"):
            pass
        assert [r.code for r in await engine.dispatch([fire])] == [ResultCode.DUPLICATE]
        assert clean.client().llen("rq:queue:default") == 1


async def test_a_serializer_that_hides_the_due_time_is_used_for_each_fire(
    clean: RedisServer, tmp_path: Path
) -> None:
    (tmp_path / "hiding_serializer.py").write_text(
        "import json, zlib\n"
        "def dumps(value): return zlib.compress(json.dumps(value).encode())\n"
        "def loads(data): return json.loads(zlib.decompress(data))\n"
        "class Hiding:\n"
        "    dumps, loads = staticmethod(dumps), staticmethod(loads)\n"
    )
    options = {"serializer": "hiding_serializer.Hiding", "workdir": tmp_path}
    async with opened_engine(broker=clean.url, **options) as (engine, _):
        fires = [make_fire("rq_app.echo", due_us=n) for n in (0, 1)]
        await engine.dispatch(fires)
        for fire in fires:
            job = Job.fetch(fire.id, clean.client(), serializer="hiding_serializer.Hiding")
            assert job.meta["z4j_due_at"] == due_text(fire.due_us)


async def test_app_mode_takes_redis_queues_and_tasks_from_the_users_modules(
    clean: RedisServer, tmp_path: Path
) -> None:
    (tmp_path / "shop_settings.py").write_text(
        f"REDIS_HOST, REDIS_PORT = '127.0.0.1', {clean.port}\nQUEUES = ['high', 'low']\n"
    )
    (tmp_path / "shop_jobs.py").write_text(
        "from os.path import join\nimport rq\ndef mail(): pass\ndef _own(): pass\n"
        "class Patient(rq.Queue): DEFAULT_TIMEOUT = 4321\n"
    )
    options = {"config": "shop_settings", "workdir": tmp_path, "tasks": ("shop_jobs",)}
    options["queue_class"] = "shop_jobs.Patient"
    async with opened_engine(**options, check_imports=True) as (engine, _):
        assert engine.queues() == ["high", "low"]
        assert engine.tasks() == await engine.list_tasks() == ["shop_jobs.mail"]
        fire = make_fire("shop_jobs.mail")
        await engine.dispatch([fire])
        assert clean.client().llen("rq:queue:high") == 1
        assert clean.client().hget(f"rq:job:{fire.id}", "timeout") == b"4321"
        message = await refusal(engine, make_fire("shop_jobs.no_such"))
        assert "shop_jobs.no_such" in message and str(tmp_path) in message
        assert engine.health() == ""


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "--broker"),
        ({"broker": "http://localhost"}, "broker"),
        ({"config": "no_such_settings"}, "no_such_settings"),
        ({"broker": "redis://localhost", "serializer": "no.such"}, "--serializer"),
        ({"broker": "redis://localhost", "tasks": ("no_such_tasks",)}, "no_such_tasks"),
        ({"broker": "redis://localhost", "result_ttl_s": 10}, "--result-ttl"),
    ],
)
def test_what_cannot_work_is_said_at_the_start(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        RqEngine(RqOptions(**options))


async def test_the_password_is_never_shown(clean: RedisServer) -> None:
    url = clean.url.replace("redis://", "redis://:secret@").replace(str(clean.port), "1")
    async with opened_engine(broker=url) as (engine, _):
        assert "redis://127.0.0.1:1/0 is unreachable since" in engine.health()
        assert "secret" not in engine.health()


@pytest.mark.parametrize(
    ("error", "state"),
    [
        ("ValueError: due to bad luck", OutcomeState.FAILED),
        ("Moved to FailedJobRegistry, due to AbandonedJobError, at 2026-01-01", OutcomeState.LOST),
        ("Work-horse terminated unexpectedly; waitpid returned 9 (signal 9); ", OutcomeState.LOST),
        ("Job was stuck in intermediate queue.", OutcomeState.LOST),
        # It overran its timeout, and RQ killed it.
        ("Work-horse terminated unexpectedly; waitpid returned None; ", OutcomeState.FAILED),
    ],
)
def test_what_rq_calls_failed_is_lost_if_no_task_failed(error: str, state: OutcomeState) -> None:
    job = RqJob("failed", 1000.0, 1001.5, "w1", 0, "default")
    start, end = sightings("id", job, error, 2000.0)
    assert (start.state, start.at_s, start.worker) == (OutcomeState.RUNNING, 1000.0, "w1")
    assert (end.state, end.at_s, end.error) == (state, 1001.5, error)
