"""The user's side: a TaskIQ broker as any project has, run by real workers in tests."""

from __future__ import annotations

import asyncio
import json
import os
import time
from typing import Annotated, Any

from taskiq import AsyncBroker, Context, SimpleRetryMiddleware, TaskiqDepends
from taskiq.depends.progress_tracker import ProgressTracker
from taskiq_aio_pika import AioPikaBroker, Queue, QueueType
from taskiq_redis import (
    ListQueueBroker,
    ListQueueSentinelBroker,
    RedisAsyncResultBackend,
    RedisAsyncSentinelResultBackend,
    RedisStreamBroker,
)

SETTINGS = json.loads(os.environ.get("CONTRACT_SETTINGS", "{}"))
URL = os.environ.get("CONTRACT_BROKER", "redis://127.0.0.1:1/0")
RESULTS = os.environ.get("CONTRACT_RESULTS", "")


def make_broker() -> AsyncBroker:
    """As the test wants it."""
    kind = SETTINGS.get("kind", "list")
    made: AsyncBroker
    if kind == "rabbit":
        queue = Queue(name="taskiq", type=QueueType.CLASSIC, max_priority=9)
        made = AioPikaBroker(URL, qos=SETTINGS.get("qos", 10)).with_queue(queue)
    elif kind == "stream":
        timeout = SETTINGS.get("idle_timeout", 600_000)
        made = RedisStreamBroker(URL, xread_block=200, idle_timeout=timeout)
    elif kind == "sentinel":
        host, port = URL.split(":")
        made = ListQueueSentinelBroker([(host, int(port))], "main")
        backend = RedisAsyncSentinelResultBackend([(host, int(port))], "main")
        return made.with_result_backend(backend)
    else:
        made = ListQueueBroker(URL, queue_name=SETTINGS.get("queue", "taskiq"))
    if RESULTS:
        made = made.with_result_backend(RedisAsyncResultBackend(RESULTS, result_ex_time=3600))
    return made.with_middlewares(SimpleRetryMiddleware(default_retry_count=3))


broker = make_broker()
MyContext = Annotated[Context, TaskiqDepends()]
Tracker = Annotated[ProgressTracker[Any], TaskiqDepends()]


def record(*what: Any) -> None:
    """Writes a line; one write with O_APPEND, so runs of several processes do not mix."""
    line = json.dumps(what) + "\n"
    descriptor = os.open(os.environ["CONTRACT_RECORD"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        os.write(descriptor, line.encode())
    finally:
        os.close(descriptor)


@broker.task(task_name="contract.echo")
async def echo(*args: Any, context: MyContext, **kwargs: Any) -> None:
    """Records what it was called with."""
    record(context.message.task_id, args, kwargs)


@broker.task(task_name="contract.fail")
async def fail() -> None:
    """Always raises."""
    raise ValueError("as it should")


@broker.task(task_name="contract.unstorable")
async def unstorable() -> object:
    """Returns what the result backend cannot store."""
    return object()


@broker.task(task_name="contract.labels")
async def labels(context: MyContext) -> None:
    """Records the message's labels."""
    record(context.message.task_id, [], context.message.labels)


@broker.task(task_name="contract.retry")
async def retry(context: MyContext) -> None:
    """Succeeds in the second attempt."""
    attempt = int(context.message.labels.get("_retries", 0))
    record(context.message.task_id, [attempt], {})
    if attempt == 0:
        raise RuntimeError("again")


@broker.task(task_name="contract.hold")
async def hold(release: str, context: MyContext) -> None:
    """Runs until a file is there."""
    record(context.message.task_id, [release], {})
    deadline = time.monotonic() + 30
    while not os.path.exists(release) and time.monotonic() < deadline:
        await asyncio.sleep(0.01)


@broker.task(task_name="contract.sleep")
async def sleep(seconds: float, context: MyContext) -> None:
    """Takes its time."""
    record(context.message.task_id, ["sleeps"], {})
    await asyncio.sleep(seconds)


@broker.task(task_name="contract.progress")
async def progress(gate: str, tracker: Tracker) -> None:
    """Says that it runs, and goes on when a file is there."""
    await tracker.set_progress("STARTED")
    deadline = time.monotonic() + 20
    while not os.path.exists(gate) and time.monotonic() < deadline:
        await asyncio.sleep(0.01)
