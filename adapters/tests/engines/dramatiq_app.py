"""The user's side: a Dramatiq app as any project has, run by real workers in tests."""

from __future__ import annotations

import json
import os
import time
from typing import Any

import dramatiq
from dramatiq.middleware import CurrentMessage
from dramatiq.results import Results
from dramatiq.results.backends import RedisBackend

url = os.environ.get("CONTRACT_BROKER", "redis://127.0.0.1:1/0")
settings: dict[str, Any] = json.loads(os.environ.get("CONTRACT_SETTINGS", "{}"))

if url.startswith("redis"):
    from dramatiq.brokers.redis import RedisBroker

    broker: Any = RedisBroker(url=url, **settings)
else:
    from dramatiq.brokers.rabbitmq import RabbitmqBroker

    broker = RabbitmqBroker(url=url, **settings)
broker.add_middleware(CurrentMessage())
if results := os.environ.get("CONTRACT_RESULTS"):
    broker.add_middleware(Results(backend=RedisBackend(url=results)))
dramatiq.set_broker(broker)


def _record(*what: Any) -> None:
    # One write of one line with O_APPEND: runs of several processes do not mix.
    line = json.dumps(what) + "\n"
    descriptor = os.open(os.environ["CONTRACT_RECORD"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        os.write(descriptor, line.encode())
    finally:
        os.close(descriptor)


def _message() -> Any:
    return CurrentMessage.get_current_message()


@dramatiq.actor(actor_name="contract.echo")
def echo(*args: Any, **kwargs: Any) -> None:
    """Records what it was called with."""
    _record(_message().message_id, args, kwargs)


@dramatiq.actor(actor_name="contract.fail", max_retries=1, min_backoff=1, max_backoff=1)
def fail() -> None:
    """Always raises."""
    raise ValueError("as it should")


@dramatiq.actor(actor_name="contract.second_try", max_retries=3, min_backoff=300, max_backoff=300)
def second_try() -> None:
    """Succeeds in the second attempt."""
    if not _message().options.get("retries"):
        raise ValueError("not yet")


@dramatiq.actor(actor_name="contract.options")
def options() -> None:
    """Records what the message says of the schedule."""
    message = _message()
    names = ("z4j_schedule", "z4j_due_at")
    _record(message.message_id, [message.options[name] for name in names], {})


@dramatiq.actor(actor_name="contract.hold")
def hold(release: str) -> None:
    """Runs until a file is there."""
    _record(_message().message_id, [release], {})
    deadline = time.monotonic() + 30
    while not os.path.exists(release) and time.monotonic() < deadline:
        time.sleep(0.01)


@dramatiq.actor(actor_name="contract.sleep")
def sleep(seconds: float) -> None:
    """Takes its time."""
    _record(_message().message_id, [seconds], {})
    time.sleep(seconds)


@dramatiq.actor(actor_name="contract.mail", queue_name="mail", max_retries=0)
def mail() -> None:
    """On a queue of its own."""
    raise LookupError("no such address")
