"""Celery tasks that note their executions in Redis, so that a test can count them."""

from __future__ import annotations

import os
from typing import Any

import redis
from celery import Celery, Task

BROKER = os.environ["RECORDING_BROKER"]
RESULTS = os.environ.get("RECORDING_RESULTS", "")  # Result backend; empty: none.

app = Celery("recording", broker=BROKER)
app.conf.update(
    result_backend=RESULTS or None,
    task_ignore_result=not RESULTS,
    # A worker that does not listen cannot be told to send events.
    worker_enable_remote_control="RECORDING_DEAF" not in os.environ,
    task_acks_late=True,  # A killed worker's task goes to another.
    task_reject_on_worker_lost=True,
    worker_prefetch_multiplier=4,
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    broker_transport_options={"visibility_timeout": 10},
)
_redis = redis.Redis.from_url(BROKER, retry_on_timeout=True)


@app.task(name="rec.run", bind=True)
def run(self: Task, *args: Any, **kwargs: Any) -> None:
    """Notes that its task id was started, and has its effect once, as a careful task does."""
    with _redis.pipeline() as pipe:
        pipe.hincrby("rec:starts", self.request.id, 1)
        pipe.hsetnx("rec:effects", self.request.id, 1)
        pipe.execute()


@app.task(name="rec.flaky", bind=True)
def flaky(self: Task, name: str, fails: int) -> None:
    """Notes its task id under `name`, and raises as long as there are at most `fails` of them."""
    if _redis.rpush(f"rec:tries:{name}", self.request.id) <= fails:
        raise ValueError("the boiler is cold")


@app.task(name="rec.boom")
def boom() -> None:
    """Always raises."""
    raise ValueError("the boiler exploded")
