"""The script that marks, pushes and undoes: all of a call or nothing, whatever it pushes with."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from harness import RedisServer
from z4j_adapters.engines.common.publisher import push_script


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Of a Redis of our own."""
    server = RedisServer(Path(tmp_path_factory.mktemp("redis")), durable=False)
    server.start()
    yield server.client()
    server.stop()


def names(count: int) -> list[str]:
    """Keys that nobody used before."""
    return [uuid.uuid4().hex for _ in range(count)]


def run(client: Any, script: str, keys: list[str], *args: Any) -> Any:
    """One call, with a minute to live."""
    return client.eval(script, len(keys), *keys, 60_000, *args)


def test_each_message_is_pushed_once_and_in_order(client: Any) -> None:
    queue, first, second, third = names(4)
    script = push_script()
    assert run(client, script, [queue, first, second], "r1", "m1", "r2", "m2") == [1, 1]
    again = run(client, script, [queue, second, third], "r2", "m2", "r3", "m3")
    assert again == [0, 1]
    assert client.lrange(queue, 0, -1) == [b"m3", b"m2", b"m1"]
    assert [client.get(key) for key in (first, second, third)] == [b"r1", b"r2", b"r3"]
    assert 0 < client.pttl(first) <= 60_000


def test_a_call_of_which_all_is_known_pushes_nothing(client: Any) -> None:
    queue, known = names(2)
    run(client, push_script(), [queue, known], "r", "m")
    assert run(client, push_script(), [queue, known], "r", "m") == [0]
    assert client.llen(queue) == 1


def test_a_message_may_have_several_parts(client: Any) -> None:
    queue, low, high = names(3)
    script = push_script("ZADD", parts=2)
    assert run(client, script, [queue, low, high], "r1", 5, "m1", "r2", -5, "m2") == [1, 1]
    assert client.zrange(queue, 0, -1, withscores=True) == [(b"m2", -5.0), (b"m1", 5.0)]
    assert (client.get(low), client.get(high)) == (b"r1", b"r2")


def test_the_value_of_a_dedupe_key_may_be_made_in_redis(client: Any) -> None:
    queue, key = names(2)
    script = push_script(before="local head = 'at ' ", value="head .. ARGV[at]")
    assert run(client, script, [queue, key], "noon", "m") == [1]
    assert client.get(key) == b"at noon"


def test_a_push_that_is_refused_leaves_no_new_mark_and_every_old_one(client: Any) -> None:
    queue, wrong, old, new = names(4)
    run(client, push_script(), [queue, old], "r1", "m1")
    client.set(wrong, "no list")
    with pytest.raises(redis.ResponseError, match="WRONGTYPE"):
        run(client, push_script(), [wrong, old, new], "r1", "m1", "r2", "m2")
    assert client.exists(new) == 0
    assert client.get(old) == b"r1"
