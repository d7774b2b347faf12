"""The user's side: a Huey instance as any project has, run by real consumers in tests."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from typing import Any

import huey as library
from huey import crontab
from huey.exceptions import CancelExecution

SETTINGS = json.loads(os.environ.get("CONTRACT_SETTINGS", "{}"))
KIND = os.environ.get("CONTRACT_KIND", "RedisHuey")
huey = getattr(library, KIND)("contract-app", **SETTINGS)

if os.environ.get("CONTRACT_ATTACH"):
    from z4j_adapters.engines.huey.signals import attach

    attach(huey, beat_s=0.2)


def _record(*what: Any) -> None:
    # One write of one line with O_APPEND: runs of several processes do not mix.
    line = json.dumps(what) + "\n"
    descriptor = os.open(os.environ["CONTRACT_RECORD"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        os.write(descriptor, line.encode())
    finally:
        os.close(descriptor)


@huey.task(context=True)
def echo(*args: Any, task: Any, **kwargs: Any) -> None:
    """Records what it was called with."""
    _record(task.id, args, kwargs)


@huey.task()
def fail() -> None:
    """Always raises."""
    raise ValueError("as it should")


@huey.task()
def add(a: int, b: int) -> int:
    """Returns a value."""
    return a + b


@huey.task()
def sleep(seconds: float) -> None:
    """Takes its time."""
    time.sleep(seconds)


@huey.task(context=True)
def hold(release: str, *, task: Any) -> None:
    """Runs until a file is there."""
    _record(task.id, [release], {})
    deadline = time.monotonic() + 30
    while not os.path.exists(release) and time.monotonic() < deadline:
        time.sleep(0.01)


@huey.task(context=True)
def flaky(name: str, *, task: Any) -> None:
    """Fails unless it has no attempts left."""
    _record(task.id, [name, task.retries], {})
    if task.retries:
        raise ValueError("again")


@huey.task()
def cancel() -> None:
    """Gives up."""
    raise CancelExecution("no need")


@huey.task()
def leave() -> None:
    """Ends its worker."""
    sys.exit(3)


@huey.task()
def die() -> None:
    """Takes its worker process with it."""
    os.kill(os.getpid(), signal.SIGKILL)


@huey.task()
def unstorable() -> Any:
    """Returns what no pickle can hold."""
    return lambda: None


@huey.task()
def unwanted() -> None:
    """Never runs: a hook cancels it."""


@huey.pre_execute()
def refuse(task: Any) -> None:
    """Cancels `unwanted`."""
    if task.name == "unwanted":
        raise CancelExecution("not today")


@huey.periodic_task(crontab(month="1", day="1", hour="0", minute="0"))
def yearly() -> int:
    """Huey stores no result of periodic tasks."""
    return 1


@huey.task(priority=5, retries=2, retry_delay=1.5, retry_backoff=2, expires=90, timeout=7)
def settings() -> None:
    """Has options of its own."""
