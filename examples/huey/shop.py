"""A sample task, as any Huey project has them; `attach` tells the scheduler how each run ends."""

from __future__ import annotations

import os

from huey import RedisHuey
from z4j_adapters.engines.huey.signals import attach

huey = RedisHuey("shop", url=os.environ.get("DEMO_BROKER", "redis://127.0.0.1:6379/0"))
attach(huey)


@huey.task()
def greet(name: str) -> None:
    """Says hello."""
    print(f"hello, {name}", flush=True)
