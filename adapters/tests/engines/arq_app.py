"""The user's side: arq functions as any project has, run by real workers in tests."""

from __future__ import annotations

import asyncio
import json
import os
import time
from typing import Any

from arq import Retry, cron, func
from arq.connections import RedisSettings

Ctx = dict[str, Any]


def _record(*what: Any) -> None:
    # One write of one line with O_APPEND: runs of several processes do not mix.
    line = json.dumps(what) + "\n"
    descriptor = os.open(os.environ["CONTRACT_RECORD"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        os.write(descriptor, line.encode())
    finally:
        os.close(descriptor)


class PayrollClosed(Exception):
    """Nobody but the worker has this class; its own ways must not run elsewhere."""

    def __reduce__(self) -> Any:
        return _make_closed, (self.args[0],)


def _make_closed(text: str) -> PayrollClosed:
    _record("unpickled", [text], {})
    return PayrollClosed(text)


async def echo(ctx: Ctx, *args: Any, **kwargs: Any) -> None:
    """Records what it was called with."""
    _record(ctx["job_id"], args, kwargs)


async def fail(ctx: Ctx) -> None:
    """Always raises."""
    raise ValueError("as it should")


async def fail_oddly(ctx: Ctx) -> None:
    """Raises what only this module can load."""
    raise PayrollClosed("period 2026-01")


async def return_oddly(ctx: Ctx) -> Any:
    """Returns what no serializer writes."""
    return (n for n in ())


async def sleep(ctx: Ctx, seconds: float) -> None:
    """Takes its time; records that it began."""
    _record(ctx["job_id"], ["began", ctx["job_try"]], {})
    await asyncio.sleep(seconds)


async def hold(ctx: Ctx, release: str) -> None:
    """Runs until a file is there."""
    _record(ctx["job_id"], [release], {})
    deadline = time.monotonic() + 30
    while not os.path.exists(release) and time.monotonic() < deadline:
        await asyncio.sleep(0.01)


async def retry(ctx: Ctx) -> None:
    """Succeeds in the second try."""
    if ctx["job_try"] == 1:
        raise Retry(0.05)


async def nightly(ctx: Ctx) -> None:
    """Runs by arq's own cron, never in tests."""


class WorkerSettings:
    """As on arq's command line."""

    functions = (
        func(echo, name="contract.echo"),
        func(fail, name="contract.fail"),
        func(fail_oddly, name="contract.fail_oddly"),
        func(return_oddly, name="contract.return_oddly"),
        func(sleep, name="contract.sleep"),
        func(sleep, name="contract.sleep_once", max_tries=1),
        func(hold, name="contract.hold"),
        func(retry, name="contract.retry"),
        func(echo, name="contract.echo_unkept", keep_result=0),
        func(sleep, name="contract.sleep_unkept", keep_result=0),
        func(sleep, name="contract.sleep_short", timeout=0.2),
    )
    cron_jobs = (cron(nightly, month=2, day=29, hour=3),)
    redis_settings = RedisSettings.from_dsn(
        os.environ.get("CONTRACT_BROKER", "redis://127.0.0.1:1")
    )
    poll_delay = 0.02
    max_jobs = 100


for _name, _value in json.loads(os.environ.get("CONTRACT_SETTINGS", "{}")).items():
    setattr(WorkerSettings, _name, _value)


class JsonSettings:
    """Jobs and results in JSON, which cannot write an exception; another queue."""

    functions = WorkerSettings.functions
    cron_jobs = WorkerSettings.cron_jobs
    redis_settings = WorkerSettings.redis_settings
    queue_name = "json"
    job_serializer = json.dumps
    job_deserializer = json.loads
    expires_extra_ms = 3_600_000
    allow_abort_jobs = True
    poll_delay = 0.02
