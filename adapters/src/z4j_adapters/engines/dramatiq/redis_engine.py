"""The Dramatiq engine on Redis: joins publishing and reading behind EngineAdapter."""

from __future__ import annotations

import dramatiq

from z4j_adapters._errors import ControlFailed, EngineUnavailable
from z4j_adapters._models import Capabilities, Delivery
from z4j_adapters.engines.common.polled import PolledEngine
from z4j_adapters.engines.common.templates import EnvelopeCache
from z4j_adapters.engines.dramatiq.app import DramatiqOptions, Setup
from z4j_adapters.engines.dramatiq.factory import EnvelopeFactory
from z4j_adapters.engines.dramatiq.options import REDIS_OPTIONS
from z4j_adapters.engines.dramatiq.redis_book import RedisBook
from z4j_adapters.engines.dramatiq.redis_publish import DramatiqRedisPublisher
from z4j_adapters.engines.dramatiq.redis_queues import RedisQueues

__all__ = ["DramatiqRedisEngine"]


class DramatiqRedisEngine(PolledEngine):
    """See EngineAdapter."""

    name = "dramatiq"

    def __init__(self, setup: Setup, options: DramatiqOptions) -> None:
        self._setup = setup
        self._redis_book = RedisBook(
            setup, dedupe_ttl_s=options.dedupe_ttl_s, lost_after_s=options.lost_after_s
        )
        super().__init__(
            DramatiqRedisPublisher(setup, options.dedupe_ttl_s),
            None if setup.outcomes_hint else self._redis_book,
            EnvelopeCache(EnvelopeFactory(setup).build),
            _address(setup),
            RedisQueues(setup, options.dedupe_ttl_s),
        )

    @property
    def engine_version(self) -> str:
        return str(dramatiq.__version__)

    async def cancel(self, fire_id: str, *, terminate: bool) -> None:
        del terminate  # Dramatiq can stop no run; the book says so if it has begun.
        book = self._redis_book
        try:
            found = await self._in_thread("ask", book.handed_over, [fire_id])
            if fire_id not in found:
                raise ControlFailed("Redis does not know the fire, or not any more")
            route, ref = found[fire_id]
            await self._in_thread("ask", book.cancel, fire_id, route)
        except EngineUnavailable as error:
            raise ControlFailed(f"broker: {error}") from error
        self._tracker.adopt(fire_id, ref)
        if self._book is not None:
            self._await_ends({fire_id: route})

    async def list_tasks(self) -> list[str]:
        return self.tasks()

    def tasks(self) -> list[str]:
        return sorted(self._setup.broker.get_declared_actors())

    def queues(self) -> list[str]:
        return self._setup.named_queues()

    def capabilities(self) -> Capabilities:
        hint = self._setup.outcomes_hint
        return Capabilities(
            delivery=Delivery.EFFECTIVELY_ONCE,
            outcomes=not hint,
            outcomes_hint=hint,
            cancel=True,
            terminate=False,
            priority=False,
            expires=True,
            lookup=not hint,
            list_queues=True,
            purge=True,
            options=REDIS_OPTIONS,
        )


def _address(setup: Setup) -> str:
    """Name the broker for people, without a password."""
    settings = setup.broker.client.connection_pool.connection_kwargs
    if path := settings.get("path"):
        return f"unix://{path}"
    host, port = settings.get("host", "localhost"), settings.get("port", 6379)
    return f"redis://{host}:{port}/{settings.get('db', 0)}"
