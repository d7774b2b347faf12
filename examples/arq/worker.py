"""A sample function, as any arq project has them; nothing here knows the scheduler."""

from __future__ import annotations

import os
from typing import Any

from arq.connections import RedisSettings


async def greet(ctx: dict[str, Any], name: str) -> None:
    """Says hello."""
    print(f"hello, {name}", flush=True)


class WorkerSettings:
    """What `arq worker.WorkerSettings` runs."""

    functions = (greet,)
    redis_settings = RedisSettings.from_dsn(
        os.environ.get("DEMO_BROKER", "redis://127.0.0.1:6379/0")
    )
