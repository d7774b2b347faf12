"""Threads by what they are for: an engine's blocking parts each belong to one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

__all__ = ["Threads"]

T = TypeVar("T")


class Threads:
    """Work waits for the thread it belongs to, in the order it came."""

    def __init__(self, owner: str, counts: Mapping[str, int]) -> None:
        """`counts` says how many threads there are of each name; they begin with their work."""
        self._pools = {
            name: ThreadPoolExecutor(count, thread_name_prefix=f"{owner}-{name}")
            for name, count in counts.items()
        }

    def run(self, name: str, work: Callable[..., T], *args: Any) -> asyncio.Future[T]:
        """Do it there; the event loop goes on meanwhile."""
        return asyncio.get_running_loop().run_in_executor(self._pools[name], work, *args)

    def close(self) -> None:
        """Begin nothing any more; what is at hand is not waited for.  Idempotent."""
        for pool in self._pools.values():
            pool.shutdown(wait=False, cancel_futures=True)
