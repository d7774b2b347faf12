"""The user's side: a Celery app as any project has, run by real workers in tests."""

from __future__ import annotations

import json
import os
import signal
import time
from typing import Any

from celery import Celery

app = Celery("contract", broker=os.environ.get("CONTRACT_BROKER", "redis://127.0.0.1:1/0"))
app.conf.update(json.loads(os.environ.get("CONTRACT_SETTINGS", "{}")))
app.conf.worker_prefetch_multiplier = 1


def _record(*what: Any) -> None:
    # One write of one line with O_APPEND: runs of several processes do not mix.
    line = json.dumps(what) + "\n"
    descriptor = os.open(os.environ["CONTRACT_RECORD"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        os.write(descriptor, line.encode())
    finally:
        os.close(descriptor)


@app.task(name="contract.echo", bind=True)
def echo(self: Any, *args: Any, **kwargs: Any) -> None:
    """Records what it was called with."""
    _record(self.request.id, args, kwargs)


@app.task(name="contract.fail")
def fail() -> None:
    """Always raises."""
    raise ValueError("as it should")


@app.task(name="contract.headers", bind=True)
def headers(self: Any) -> None:
    """Records what the message says of the schedule."""
    request = self.request
    _record(request.id, [request.z4j_schedule, request.z4j_due_at, request.periodic_task_name], {})


@app.task(name="contract.hold", bind=True)
def hold(self: Any, release: str) -> None:
    """Runs until a file is there."""
    _record(self.request.id, [release], {})
    deadline = time.monotonic() + 30
    while not os.path.exists(release) and time.monotonic() < deadline:
        time.sleep(0.01)


@app.task(name="contract.sleep")
def sleep(seconds: float) -> None:
    """Takes its time."""
    time.sleep(seconds)


@app.task(name="contract.retry", bind=True)
def retry(self: Any) -> None:
    """Succeeds in the second attempt."""
    if self.request.retries == 0:
        raise self.retry(countdown=0, max_retries=1)


@app.task(name="contract.die")
def die() -> None:
    """Takes its pool process with it."""
    os.kill(os.getpid(), signal.SIGKILL)
