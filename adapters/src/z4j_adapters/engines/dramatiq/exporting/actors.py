"""What the packages that give Dramatiq schedules hold of one: an actor, and nothing to give it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from z4j_adapters.transfer.exporting.model import NotHeld, Wanted

__all__ = ["Actors", "stub_broker"]


class Actors:
    """The actors that schedules call, by name, with the queue of each."""

    def __init__(self) -> None:
        self._queues: dict[str, str] = {}

    def check(self, wanted: Wanted, who: str) -> None:
        """See that a schedule wants nothing but its actor.

        Raises:
            NotHeld: It has arguments, or options; or its queue is not that of another schedule
                with the same actor.
        """
        if wanted.args or wanted.kwargs:
            raise NotHeld(
                f"it has arguments, and {who} sends its actor none",
                "write an actor that needs none, and sends this one with them",
            )
        if wanted.options:
            names = ", ".join(sorted(wanted.options))
            raise NotHeld(
                f"{who} takes options of messages ({names}) from the actor alone",
                "set them in @dramatiq.actor, and clear the engine options",
            )
        if wanted.priority:
            raise NotHeld(
                f"its priority is {wanted.priority}, and {who} has none",
                "set broker_priority in @dramatiq.actor, and --drop priority",
            )
        queue = self._queues.get(wanted.task, wanted.queue)
        if queue != wanted.queue:
            raise NotHeld(
                f"an actor has one queue, and {wanted.task} has {queue or 'the default'} already",
                "use one queue, or another actor",
            )

    def add(self, wanted: Wanted) -> dict[str, str]:
        """Take a schedule; what is to be written of its actor."""
        self._queues[wanted.task] = wanted.queue
        return {"actor": wanted.task, **({"queue": wanted.queue} if wanted.queue else {})}


@contextmanager
def stub_broker(schedules: list[dict[str, Any]]) -> Iterator[Any]:
    """A broker that connects to nothing, with actors of those names that do nothing."""
    import dramatiq
    from dramatiq.brokers.stub import StubBroker

    broker = StubBroker(middleware=[])
    for each in schedules:
        if each["actor"] not in broker.actors:
            queue = each.get("queue", "default")
            dramatiq.actor(_nothing, actor_name=each["actor"], queue_name=queue, broker=broker)
    try:
        yield broker
    finally:
        broker.close()


def _nothing() -> None:
    """The user's own actor stays where it is."""
