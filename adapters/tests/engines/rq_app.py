"""The user's side: functions as any project has, run by real RQ workers in tests."""

from __future__ import annotations

import json
import os
import signal
import time
from typing import Any

from rq import get_current_job


def _record(*what: Any) -> None:
    # One write of one line with O_APPEND: runs of several processes do not mix.
    line = json.dumps(what) + "\n"
    descriptor = os.open(os.environ["CONTRACT_RECORD"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        os.write(descriptor, line.encode())
    finally:
        os.close(descriptor)


def echo(*args: Any, **kwargs: Any) -> None:
    """Records what it was called with."""
    _record(get_current_job().id, args, kwargs)


def fail() -> None:
    """Always raises."""
    raise ValueError("as it should")


def fail_at_length() -> None:
    """Raises with a message of several lines, from another exception."""
    try:
        fail()
    except ValueError as error:
        raise RuntimeError("the first line\nand the second\n") from error


def meta() -> None:
    """Records what the job says of the schedule."""
    job = get_current_job()
    _record(job.id, [job.meta], {})


def hold(release: str) -> None:
    """Runs until a file is there."""
    _record(get_current_job().id, [release], {})
    deadline = time.monotonic() + 30
    while not os.path.exists(release) and time.monotonic() < deadline:
        time.sleep(0.01)


def sleep(seconds: float) -> None:
    """Takes its time."""
    time.sleep(seconds)


def sleep_once(seconds: float) -> None:
    """Takes its time in the first attempt."""
    job = get_current_job()
    _record(job.id, [job.retries_left], {})
    if job.retries_left:
        time.sleep(seconds)


def fail_once() -> None:
    """Succeeds in the second attempt."""
    job = get_current_job()
    _record(job.id, [job.retries_left], {})
    if job.retries_left:
        raise ValueError("not yet")


def die() -> None:
    """Takes its process with it."""
    os.kill(os.getpid(), signal.SIGKILL)
