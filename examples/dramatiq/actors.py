"""A sample actor, as any Dramatiq project has them; nothing here knows the scheduler."""

from __future__ import annotations

import os

import dramatiq
from dramatiq.brokers.redis import RedisBroker

broker = RedisBroker(url=os.environ.get("DEMO_BROKER", "redis://127.0.0.1:6379/0"))
dramatiq.set_broker(broker)


@dramatiq.actor
def greet(name: str) -> None:
    """Says hello."""
    print(f"hello, {name}", flush=True)
