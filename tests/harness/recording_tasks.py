"""Celery tasks that note their executions in Redis, so that a test can count them."""

from __future__ import annotations

import os

import redis
from celery import Celery, Task

app = Celery("recording", broker=os.environ["RECORDING_BROKER"])
app.conf.update(task_ignore_result=True, broker_connection_retry_on_startup=True)
_redis = redis.Redis.from_url(os.environ["RECORDING_BROKER"])


@app.task(name="rec.run", bind=True, acks_late=True)
def run(self: Task, *args: object) -> None:
    """Counts one execution of its task id."""
    _redis.hincrby("rec:runs", self.request.id, 1)


@app.task(name="rec.boom")
def boom() -> None:
    """Always raises."""
    raise ValueError("the boiler exploded")
