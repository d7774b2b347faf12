"""How often a second an engine's own library enqueues: engine_peers.py ENGINE URL SECONDS.

Runs in the environment of the engine, one call after the other, as a program of the user would.
Prints the rate.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable

ARGS, KWARGS = (1, "two"), {"three": 3}


def blocking(call: Callable[[], object], seconds: float) -> float:
    """Calls a second."""
    call()  # Connects.
    count, begin = 0, time.perf_counter()
    while time.perf_counter() - begin < seconds:
        call()
        count += 1
    return count / (time.perf_counter() - begin)


async def awaited(call: Callable[[], Awaitable[object]], seconds: float) -> float:
    """The same of a coroutine function."""
    await call()
    count, begin = 0, time.perf_counter()
    while time.perf_counter() - begin < seconds:
        await call()
        count += 1
    return count / (time.perf_counter() - begin)


def celery(url: str, seconds: float) -> float:
    """app.send_task with a kept producer, its quickest way."""
    from celery import Celery

    app = Celery("peer", broker=url, set_as_current=False)
    with app.producer_pool.acquire() as producer:
        return blocking(
            lambda: app.send_task("bench.task", ARGS, KWARGS, producer=producer), seconds
        )


def rq(url: str, seconds: float) -> float:
    """Queue.enqueue."""
    import redis
    from rq import Queue

    queue = Queue("peer", connection=redis.Redis.from_url(url))
    return blocking(lambda: queue.enqueue("bench.task", args=ARGS, kwargs=KWARGS), seconds)


def dramatiq(url: str, seconds: float) -> float:
    """actor.send."""
    import dramatiq as library
    from dramatiq.brokers.redis import RedisBroker

    library.set_broker(RedisBroker(url=url, namespace="peer"))

    @library.actor
    def task(*args: object, **kwargs: object) -> None:
        pass

    return blocking(lambda: task.send(*ARGS, **KWARGS), seconds)


def huey(url: str, seconds: float) -> float:
    """A call of the task."""
    from huey import RedisHuey

    instance = RedisHuey("peer", url=url)
    task = instance.task()(lambda *args, **kwargs: None)
    return blocking(lambda: task(*ARGS, **KWARGS), seconds)


def arq(url: str, seconds: float) -> float:
    """pool.enqueue_job."""
    from arq import create_pool
    from arq.connections import RedisSettings

    async def run() -> float:
        pool = await create_pool(RedisSettings.from_dsn(url))
        return await awaited(
            lambda: pool.enqueue_job("bench.task", *ARGS, _queue_name="peer", **KWARGS), seconds
        )

    return asyncio.run(run())


def taskiq(url: str, seconds: float) -> float:
    """task.kiq."""
    from taskiq_redis import ListQueueBroker

    async def run() -> float:
        broker = ListQueueBroker(url, queue_name="peer")

        @broker.task(task_name="bench:task")
        async def task(*args: object, **kwargs: object) -> None:
            pass

        await broker.startup()
        rate = await awaited(lambda: task.kiq(*ARGS, **KWARGS), seconds)
        await broker.shutdown()
        return rate

    return asyncio.run(run())


if __name__ == "__main__":
    print({f.__name__: f for f in (celery, rq, dramatiq, huey, arq, taskiq)}[sys.argv[1]](
        sys.argv[2], float(sys.argv[3])
    ))  # fmt: skip
