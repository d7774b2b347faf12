"""How work that runs beside other work is ended."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Any

__all__ = ["end_tasks"]

CANCEL_AGAIN_AFTER_S = 0.5


async def end_tasks(tasks: Collection[asyncio.Task[Any]]) -> None:
    """Cancel tasks and return once they have ended, however they did.

    A task that goes on is cancelled again: a cancellation that comes at the same moment as what the
    task waits for is lost in `asyncio.wait_for` before Python 3.12, and a write of grpc.aio then
    raises the status of its stream instead.
    """
    pending = set(tasks)
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=CANCEL_AGAIN_AFTER_S)
    await asyncio.gather(*tasks, return_exceptions=True)  # So that none is called never retrieved.
