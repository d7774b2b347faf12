"""The settings of arq's workers, as the engine takes them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import redis
from engines.arq_harness import HERE, opened
from harness import Process, RedisServer, wait_for
from ports import free_port
from z4j_adapters import ConfigurationError, FireRef, ResultCode
from z4j_adapters.engines.arq.app import ArqOptions, load_app
from z4j_adapters.engines.arq.command import COMMAND
from z4j_adapters.engines.arq.engine import ArqEngine
from z4j_adapters.testing import make_fire


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
