"""Huey's queue as it is told, and purges, on each kind of storage, without consumers."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import huey as library
import pytest
from engines.huey_harness import NAME, opened
from harness import RedisServer, eventually
from z4j_adapters import FireRef, OutcomeState
from z4j_adapters.testing import make_fire

KINDS = ("RedisHuey", "PriorityRedisHuey", "SqliteHuey")


@pytest.fixture(params=KINDS)
def theirs(request: pytest.FixtureRequest, tmp_path: Path, redis_server: RedisServer) -> Any:
    """The user's own instance."""
    redis_server.client().flushdb()
    settings: dict[str, Any] = {"url": redis_server.url}
    if request.param == "SqliteHuey":
        settings = {"filename": str(tmp_path / "huey.db")}
    return getattr(library, request.param)(NAME, **settings)


@pytest.fixture
def options(theirs: Any, tmp_path: Path, redis_server: RedisServer) -> dict[str, Any]:
    """Of an adapter to it."""
    if isinstance(theirs, library.SqliteHuey):
        return {"sqlite": tmp_path / "huey.db"}
    priority = isinstance(theirs, library.PriorityRedisHuey)
    return {"broker": redis_server.url, "storage": "redis-priority" if priority else "redis"}


async def test_a_purge_takes_others_messages_too_and_leaves_what_is_scheduled(
    theirs: Any, options: dict[str, Any]
) -> None:
    task = theirs.task()(print)
    task("soon")
    theirs.storage.add_to_schedule(b"later", datetime(2100, 1, 1))
    async with opened(**options) as (engine, watcher):
        ours = [make_fire("app.echo", [n]) for n in range(3)]
        await engine.dispatch(ours)
        assert [(q.name, q.depth, q.in_progress) for q in await engine.list_queues()] == [
            (NAME, 4, None)
        ]
        assert await engine.purge_queue(NAME) == 4
        ends = await watcher.finals(ours)
        assert {end.state for end in ends.values()} == {OutcomeState.CANCELLED}
        assert {end.fire_ref for end in ends.values()} == {fire.ref for fire in ours}
        assert (theirs.storage.queue_size(), theirs.storage.schedule_size()) == (0, 1)


async def test_an_adapter_that_comes_later_learns_that_a_fire_was_purged(
    options: dict[str, Any],
) -> None:
    fire = make_fire("app.echo")
    async with opened(**options) as (first, _):
        await first.dispatch([fire])
    async with opened(**options) as (second, watcher):
        assert await second.purge_queue(NAME) == 1
        end = (await watcher.finals([fire]))[fire.id]
        assert (end.state, end.fire_ref) == (OutcomeState.CANCELLED, fire.ref)
    async with opened(**options) as (third, _):
        (told,) = await third.lookup_outcomes([FireRef(fire.id, fire.ref)])
        assert told.state is OutcomeState.CANCELLED


async def test_a_fire_that_was_handed_over_too_long_ago_is_asked_after_no_more(
    options: dict[str, Any],
) -> None:
    fire = make_fire("app.echo")
    async with opened(**options, dedupe_ttl_s=0.3) as (engine, watcher):
        await engine.dispatch([fire])
        engine._huey.storage.flush_queue()  # As somebody does who does not tell.
        engine._outbox._publisher._clean_at = 0.0  # A file is cleaned now and then.
        await eventually("an end of asking", lambda: not engine._asked)
        assert watcher.outcomes == []
