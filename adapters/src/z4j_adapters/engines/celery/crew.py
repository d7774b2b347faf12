"""All workers that answer at this moment, and what they say of themselves."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from z4j_adapters._models import WorkerState
from z4j_adapters.engines.celery.control import Control

__all__ = ["Crew"]

Replies = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Crew:
    """Replies by worker.  Nobody in it: none lives, or all are too busy to answer."""

    consumed: Replies
    """Queues."""
    active: Replies
    reserved: Replies
    """Fetched, not begun."""
    scheduled: Replies
    """Fetched, to be begun at a time of their own."""
    stats: Replies

    @staticmethod
    def ask(app: Any, *, with_queues: bool) -> Crew:
        """Ask all at once; blocks for a second, as replies have no end mark.

        Args:
            with_queues: For what queues need; else for what is said of workers.
        Raises:
            ControlFailed: The broker does not answer.
        """
        commands = ["active_queues", "active"]
        commands += ["reserved", "scheduled"] if with_queues else ["stats"]
        # Each in a thread with a connection, else the seconds would add up.
        with ThreadPoolExecutor(len(commands), thread_name_prefix="celery-crew") as pool:
            asked = {name: pool.submit(Control(app).ask, name) for name in commands}
            said = {name: future.result() for name, future in asked.items()}
        return Crew(
            said["active_queues"],
            said["active"],
            said.get("reserved", {}),
            said.get("scheduled", {}),
            said.get("stats", {}),
        )

    @property
    def queues(self) -> set[str]:
        """All that are consumed."""
        return {queue["name"] for queues in self.consumed.values() for queue in _items(queues)}

    def serving(self, queue: str) -> int | None:
        """Count who consumes it; None: nobody answered."""
        if not self.consumed:
            return None
        return sum(
            any(each["name"] == queue for each in _items(queues))
            for queues in self.consumed.values()
        )

    def in_progress(self, queue: str) -> int | None:
        """Count what workers have of it, begun or not; None: nobody answered."""
        if not self.consumed:
            return None
        return self._taken()[queue]

    def states(self) -> list[WorkerState]:
        """Say it worker by worker."""
        now = datetime.now(timezone.utc)
        names = sorted(self.consumed.keys() | self.active.keys() | self.stats.keys())
        return [
            WorkerState(
                name=name,
                queues=tuple(sorted(q["name"] for q in _items(self.consumed.get(name)))),
                running=len(_items(self.active[name])) if name in self.active else None,
                concurrency=_concurrency(self.stats.get(name)),
                heartbeat=now,
            )
            for name in names
        ]

    def _taken(self) -> Counter[str]:
        by_route = {
            (queue["exchange"]["name"], queue["routing_key"]): queue["name"]
            for queues in self.consumed.values()
            for queue in _items(queues)
        }
        taken: Counter[str] = Counter()
        for replies in (self.active, self.reserved, self.scheduled):
            for tasks in replies.values():
                for task in _items(tasks):
                    info = task.get("request", task).get("delivery_info") or {}
                    route = info.get("exchange") or "", info.get("routing_key") or ""
                    taken[by_route.get(route, route[1])] += 1
        return taken


def _items(reply: Any) -> list[dict[str, Any]]:
    """A worker's list; an error that it answered with counts as an empty one."""
    return [item for item in reply if isinstance(item, dict)] if isinstance(reply, list) else []


def _concurrency(stats: Any) -> int | None:
    pool = stats.get("pool") if isinstance(stats, dict) else None
    limit = pool.get("max-concurrency") if isinstance(pool, dict) else None
    return limit if isinstance(limit, int) else None
