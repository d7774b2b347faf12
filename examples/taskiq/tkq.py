"""A sample task, as any TaskIQ project has them; nothing here knows the scheduler."""

from __future__ import annotations

import os

from taskiq_redis import ListQueueBroker, RedisAsyncResultBackend

URL = os.environ.get("DEMO_BROKER", "redis://127.0.0.1:6379/0")
broker = ListQueueBroker(URL).with_result_backend(RedisAsyncResultBackend(URL, result_ex_time=3600))


@broker.task
async def greet(name: str) -> None:
    """Says hello."""
    print(f"hello, {name}", flush=True)
