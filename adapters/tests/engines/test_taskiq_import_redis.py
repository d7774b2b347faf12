"""Importing what taskiq-redis keeps: read, never run, and left as it was."""

from __future__ import annotations

import json
import os
import pickle
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import redis
from harness import RedisServer
from taskiq import ScheduledTask
from taskiq.serializers import JSONSerializer
from taskiq_redis import ListRedisScheduleSource, RedisScheduleSource
from transfer.clocks import NOW
from transfer.instants import lines_of
from z4j_adapters.engines.taskiq.importing.importer import TaskiqImporter
from z4j_adapters.transfer.model import SourceError


def read(url: str | None, prefix: str = "schedule") -> list[dict[str, Any]]:
    options = {"taskiq_broker": None, "taskiq_module": [], "workdir": None}
    more = {"taskiq_redis_url": url, "taskiq_prefix": prefix}
    return lines_of(TaskiqImporter, at=NOW, **options, **more)


def a_task(schedule_id: str, **fields: Any) -> ScheduledTask:
    whole = {"task_name": "night", "labels": {}, "args": [], "kwargs": {}}
    return ScheduledTask(**{**whole, "schedule_id": schedule_id, **fields})


@pytest.fixture
def client(redis_server: RedisServer) -> Iterator[redis.Redis]:
    client = redis.Redis.from_url(redis_server.url)
    client.flushdb()
    yield client
    client.close()


def dumped(client: redis.Redis) -> dict[bytes, Any]:
    return {key: client.dump(key) for key in client.scan_iter()}


async def fill(source: Any, *tasks: ScheduledTask) -> None:
    for task in tasks:
        await source.add_schedule(task)


@pytest.mark.parametrize("serializer", [None, JSONSerializer()])
async def test_both_redis_sources_are_read_and_left_as_they_were(
    redis_server: RedisServer, client: redis.Redis, serializer: Any
) -> None:
    tasks = [
        a_task("c", cron="0 5 * * *", cron_offset="Europe/Berlin", args=[1], labels={"x": "y"}),
        a_task("o", cron="0 5 * * *", cron_offset=timedelta(hours=2)),
        a_task("i", interval=timedelta(seconds=90)),
        a_task("t", time=NOW + timedelta(days=1)),
        a_task("past", time=NOW - timedelta(days=1)),
        a_task("once", time=NOW + timedelta(days=1), cron="0 5 * * *"),
    ]
    await fill(ListRedisScheduleSource(redis_server.url, serializer=serializer), *tasks)
    await fill(RedisScheduleSource(redis_server.url, prefix="old", serializer=serializer), *tasks)
    client.set("schedule:data:orphan", pickle.dumps({}))
    before = dumped(client)
    url = redis_server.url.replace("redis://", "redis://:secret@")
    client.config_set("requirepass", "secret")
    try:
        found = {
            prefix: {line.get("id", line.get("object")): line for line in read(url, prefix)}
            for prefix in ("schedule", "old")
        }
    finally:
        client.execute_command("AUTH", "secret")
        client.config_set("requirepass", "")
    assert dumped(client) == before
    assert found["schedule"] == found["old"]
    lines = found["old"]
    assert sorted(lines) == ["c", "i", "o", "once", "past", "t"]
    assert (lines["c"]["schedule"]["timeZone"], lines["c"]["becomes"]) == (
        "Europe/Berlin",
        "cron 0 5 * * *",
    )
    assert (lines["c"]["schedule"]["argsJson"], lines["o"]["schedule"]["timeZone"]) == (
        "[1]",
        "UTC+02:00",
    )
    assert (lines["i"]["becomes"], lines["once"]["code"]) == ("every 90s", "R10_QUIRK")
    assert [note["code"] for note in lines["past"]["warnings"]] == ["OVERDUE"]
    assert (lines["past"]["finished"], lines["t"].get("finished")) == (True, None)
    assert "secret" not in json.dumps(found)


@pytest.mark.parametrize("protocol", range(6))
def test_a_hostile_pickle_runs_nothing_and_is_refused_by_name(
    redis_server: RedisServer, client: redis.Redis, protocol: int, tmp_path: Path
) -> None:
    class Hostile:
        def __reduce__(self) -> Any:
            return os.system, (f"touch {tmp_path}/ran",)

    fields = a_task("good", cron="0 5 * * *").model_dump(mode="json")
    client.set("schedule:good", pickle.dumps(fields, protocol))
    client.set("schedule:hostile", pickle.dumps({**fields, "args": [Hostile()]}, protocol))
    client.set("schedule:torn", pickle.dumps(fields, protocol)[:-5])
    client.set("schedule:number", pickle.dumps(5, protocol))
    lines = read(redis_server.url)
    by_name = {line.get("id", line.get("object")): line for line in lines}
    assert not (tmp_path / "ran").exists()
    assert by_name["good"]["type"] == "schedule"
    assert {by_name[name]["code"] for name in ("hostile", "torn", "number")} == {"R2_PICKLE"}
    assert "system" in by_name["hostile"]["reason"]


def test_one_bad_entry_among_many_stops_nothing(
    redis_server: RedisServer, client: redis.Redis
) -> None:
    pipe = client.pipeline()
    for number in range(2000):
        fields = a_task(f"{number:05}", cron=f"{number % 60} {number % 24} * * *")
        pipe.set(f"schedule:data:{number:05}", pickle.dumps(fields.model_dump(mode="json")))
        pipe.rpush("schedule:cron", f"{number:05}")
    pipe.set("schedule:data:00777", b"\x80junk")
    pipe.execute()
    lines = read(redis_server.url)
    assert Counter(line["type"] for line in lines) == {"schedule": 1999, "refused": 1}


def test_a_redis_that_does_not_answer_is_named_without_its_password() -> None:
    with pytest.raises(SourceError) as raised:
        read("redis://me:secret@127.0.0.1:1/0")
    assert raised.value.code == "CANNOT_READ"
    assert "secret" not in str(raised.value)
    with pytest.raises(SourceError, match="--taskiq-broker"):
        read(None)
