"""What the arq engine writes, and what it reads: against a real Redis, without workers."""

from __future__ import annotations

import asyncio
import concurrent.futures
import json
import os
import pickle
import time
import zlib
from pathlib import Path
from typing import Any

import pytest
import redis
from arq import create_pool
from arq.connections import RedisSettings
from arq.worker import JobExecutionFailed
from conftest import RecordedTasks
from engines.arq_harness import HERE, opened
from harness import Process, RedisServer, eventually, free_port, wait_for
from z4j_adapters import ConfigurationError, FireRef, OutcomeState, ResultCode, TaskRejected
from z4j_adapters.engines.arq.app import ArqApp, ArqOptions, load_app
from z4j_adapters.engines.arq.command import COMMAND
from z4j_adapters.engines.arq.engine import ArqEngine
from z4j_adapters.engines.arq.envelope import EnvelopeFactory
from z4j_adapters.engines.arq.pickles import read_pickle
from z4j_adapters.engines.arq.results import error_text, sightings_of
from z4j_adapters.testing import make_fire

ARGS = [1, None, "né 🕰 \ud800", {"list": [[], {}]}, "x" * 60_000]
KWARGS = {"ключ": [True, 1.5, 2**70]}
RESULT = {"s": True, "r": 1, "f": "t", "t": 1, "st": 1_800_000_000_000, "ft": 1_800_000_000_000}
"""As arq stores it."""


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


class Trap:
    """Unpickling it would make a folder."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.path),)


def test_reading_a_pickle_runs_nothing_of_it(tmp_path: Path) -> None:
    path = tmp_path / "made"
    trap = Trap(path)
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        result = read_pickle(pickle.dumps({"s": False, "r": trap}, protocol))
        assert result["s"] is False
        assert error_text(result["r"]) == f"mkdir: {path}"
    assert not path.exists()
    pickle.loads(pickle.dumps(trap))
    assert path.exists()  # The trap works.


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ValueError("as it should"), "ValueError: as it should"),
        (KeyError("customer"), "KeyError: 'customer'"),
        (FileNotFoundError(2, "No such file"), "FileNotFoundError: [Errno 2] No such file"),
        (RuntimeError(), "RuntimeError"),
        (ConfigurationError("broker", 7), "ConfigurationError: ('broker', 7)"),
        (RuntimeError("both", [ValueError(1)]), "RuntimeError: ('both', [<ValueError>])"),
        ("no exception", "no exception"),
    ],
)
def test_errors_read_as_python_writes_them(error: Any, text: str) -> None:
    assert error_text(read_pickle(pickle.dumps(error))) == text
    assert error_text(error).startswith(text.partition(":")[0])


def test_the_text_of_an_error_is_bounded_however_it_is_nested() -> None:
    nested: Any = "x" * 100_000
    for _ in range(60):
        nested = [nested, nested]  # 2^60 times the text, if all of it were written.
    began = time.monotonic()
    assert len(error_text(read_pickle(pickle.dumps(ValueError(nested))))) <= 2000
    assert len(error_text(read_pickle(pickle.dumps(ValueError("x" * 100_000))))) <= 2000
    assert time.monotonic() - began < 2


def stored(error: Any, function: str = "t", tries: int = 1) -> Any:
    """What a worker would have stored, as it is read."""
    data = {"s": False, "r": error, "f": function, "t": tries, "st": 1000, "ft": 2000}
    return read_pickle(pickle.dumps(data))


def test_only_arqs_own_words_about_a_job_it_could_not_read_mean_expired() -> None:
    expired = JobExecutionFailed("job expired")
    for result, state in [
        (stored(expired, "<unknown>"), OutcomeState.EXPIRED),
        (stored(expired, "<unknown>", tries=2), OutcomeState.LOST),
        (stored(expired), OutcomeState.FAILED),
        (stored(RuntimeError("job expired"), "<unknown>"), OutcomeState.FAILED),
        (stored(JobExecutionFailed("max 1 retries exceeded"), tries=2), OutcomeState.LOST),
        (stored(asyncio.CancelledError()), OutcomeState.CANCELLED),
        (stored(JobExecutionFailed("max 5 retries exceeded"), tries=6), OutcomeState.FAILED),
    ]:
        assert [s.state for s in sightings_of("i", result)] == [state]


async def test_a_result_that_cannot_be_read_is_no_outcome_and_the_hint_says_so(
    server: RedisServer,
) -> None:
    async with opened(broker=server.url) as (engine, watcher):
        bad = [make_fire("proj.odd", [n]) for n in range(4)]
        good = make_fire("proj.good")
        await engine.dispatch([*bad, good])
        assert engine.capabilities().outcomes
        client = server.client()
        client.lpush(f"arq:result:{bad[0].id}", "a list")
        client.set(f"arq:result:{bad[1].id}", b"\x80\x05no pickle")
        client.set(f"arq:result:{bad[2].id}", pickle.dumps([RESULT]))
        client.set(f"arq:result:{bad[3].id}", pickle.dumps({**RESULT, "ft": 10**30}))
        client.set(f"arq:result:{good.id}", pickle.dumps(RESULT))
        ends = await watcher.finals([good])
        assert ends[good.id].state is OutcomeState.SUCCEEDED
        await eventually("the hint", lambda: not engine.capabilities().outcomes)
        assert "results of proj.odd cannot be read" in engine.capabilities().outcomes_hint
        await eventually("no more questions", lambda: not engine._asked)
        assert {o.fire_id for o in watcher.outcomes} == {good.id}


async def test_a_worker_that_finds_an_expired_job_has_not_begun_it(server: RedisServer) -> None:
    async with opened(broker=server.url) as (engine, watcher):
        late, good = make_fire("t", expires_s=600.0), make_fire("t")
        await engine.dispatch([late, good])
        client = server.client()
        client.delete(f"arq:job:{late.id}")
        for fire in (late, good):  # As a worker does before it reads the job.
            client.set(f"arq:in-progress:{fire.id}", b"1")
        await eventually("a look", lambda: watcher.outcomes)
        failed = {**RESULT, "s": False, "f": "<unknown>"}
        late_result = {**failed, "r": JobExecutionFailed("job expired")}
        client.set(f"arq:result:{late.id}", pickle.dumps(late_result))
        await watcher.finals([late])
        seen = [(o.fire_id, o.state) for o in watcher.outcomes]
        assert seen == [(good.id, OutcomeState.RUNNING), (late.id, OutcomeState.EXPIRED)]


async def test_large_results_are_read_in_several_answers(server: RedisServer) -> None:
    async with opened(broker=server.url) as (engine, watcher):
        fires = [make_fire("t", [n]) for n in range(12)]
        await engine.dispatch(fires)
        result = {**RESULT, "r": "x" * 1_000_000}
        server.client().mset({f"arq:result:{f.id}": pickle.dumps(result) for f in fires})
        ends = await watcher.finals(fires)
        assert {end.state for end in ends.values()} == {OutcomeState.SUCCEEDED}


def test_app_mode_takes_the_workers_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONTRACT_BROKER", "redis://user:secret@redis.invalid:6380/3")
    monkeypatch.delitem(__import__("sys").modules, "arq_app", raising=False)
    app = load_app(ArqOptions(app="arq_app.JsonSettings", workdir=HERE))
    assert (app.queue, app.expires_extra_ms, app.allow_abort_jobs) == ("json", 3_600_000, True)
    assert app.serializer is json.dumps
    assert app.functions and {"contract.echo", "cron:nightly"} <= set(app.functions)
    assert app.broker == "redis://redis.invalid:6380/3"
    arguments = app.connect().connection_pool.connection_kwargs
    assert (arguments["username"], arguments["password"], arguments["db"]) == ("user", "secret", 3)
    elsewhere = ArqOptions(app="arq_app.JsonSettings", workdir=HERE, broker="redis://b:1/0")
    assert load_app(elsewhere).broker == "redis://b:1/0"


def settings_module(folder: Path, name: str, redis_settings: str) -> ArqOptions:
    """A project with these RedisSettings."""
    (folder / f"{name}.py").write_text(
        "from arq.connections import RedisSettings\n"
        "async def run(ctx): pass\n"
        "class WorkerSettings:\n"
        f"    functions, redis_settings = [run], RedisSettings({redis_settings})\n"
    )
    return ArqOptions(app=f"{name}.WorkerSettings", workdir=folder)


def test_tls_settings_of_the_app_hold(tmp_path: Path) -> None:
    settings = "host='r', ssl=True, ssl_ca_certs='/ca.pem', ssl_check_hostname=True"
    app = load_app(settings_module(tmp_path, "with_tls", settings))
    pool = app.connect().connection_pool
    assert pool.connection_class is redis.SSLConnection
    assert pool.connection_kwargs["ssl_ca_certs"] == "/ca.pem"
    assert pool.connection_kwargs["ssl_check_hostname"] is True
    assert app.broker == "rediss://r:6379/0"


async def test_a_sentinel_of_the_app_leads_to_its_master(
    tmp_path: Path, server: RedisServer
) -> None:
    port = free_port()
    config = tmp_path / "sentinel.conf"
    config.write_text(f"port {port}\nsentinel monitor main 127.0.0.1 {server.port} 1\n")
    sentinel = Process(["redis-server", str(config), "--sentinel"], tmp_path, "sentinel")
    sentinel.start()
    try:
        wait_for("the sentinel", lambda: "+monitor" in sentinel.log())
        settings = f"host=[('127.0.0.1', {port})], sentinel=True, sentinel_master='main'"
        options = settings_module(tmp_path, "with_sentinel", settings)
        async with opened(app=options.app, workdir=options.workdir) as (engine, _):
            fire = make_fire("run")
            results = await engine.dispatch([fire])
            assert [r.code for r in results] == [ResultCode.ACCEPTED], results
            await engine.lookup_outcomes([FireRef(fire.id, fire.ref)])
    finally:
        sentinel.stop()
    assert server.client().zrange("arq:queue", 0, -1) == [fire.id.encode()]


async def test_a_job_that_left_no_result_is_no_outcome_and_the_hint_lasts_until_one_does(
    server: RedisServer,
) -> None:
    async with opened(broker=server.url) as (engine, watcher):
        client = server.client()
        first, second, other = make_fire("a", [1]), make_fire("a", [2]), make_fire("b")
        await engine.dispatch([first, second, other])
        client.zrem("arq:queue", first.id)
        await eventually("the hint", lambda: not engine.capabilities().outcomes)
        client.set(f"arq:result:{other.id}", pickle.dumps(RESULT))
        await watcher.finals([other])
        assert "jobs of a ended and left no result" in engine.capabilities().outcomes_hint
        client.set(f"arq:result:{second.id}", pickle.dumps(RESULT))
        await watcher.finals([second])
        assert engine.capabilities().outcomes
        assert not [o for o in watcher.outcomes if o.fire_id == first.id]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({}, "give --broker URL, or --app"),
        ({"app": "no_such_module.Settings"}, "cannot import it"),
        ({"broker": "amqp://localhost"}, "--broker: "),
    ],
)
def test_what_cannot_work_is_said_at_the_start(options: Any, says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        ArqEngine(ArqOptions(**options))


def test_the_first_of_several_queues_is_where_a_task_without_one_goes() -> None:
    app = load_app(ArqOptions(broker="redis://localhost", queues=("mail", "reports")))
    assert app.queue == "mail"
    assert COMMAND.summary == "arq on Redis"


async def test_a_fire_that_redis_forgot_is_asked_after_no_more_and_blames_nobody(
    server: RedisServer, record: RecordedTasks
) -> None:
    async with opened(broker=server.url) as (engine, watcher):
        await engine.dispatch([make_fire("t", [n]) for n in range(5)])
        server.client().flushall()
        await eventually("no more questions", lambda: not engine._asked)
        assert engine.capabilities().outcomes
        assert watcher.outcomes == []


def test_a_cancelled_future_of_the_task_is_no_cancelled_run() -> None:
    result = stored(concurrent.futures.CancelledError())
    assert sightings_of("i", result)[-1].state is OutcomeState.FAILED
