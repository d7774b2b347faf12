"""The Dramatiq engine, for whichever broker there is."""

from __future__ import annotations

from z4j_adapters._adapter import EngineAdapter
from z4j_adapters.engines.dramatiq.app import DramatiqOptions, load_setup

__all__ = ["new_engine"]


def new_engine(options: DramatiqOptions) -> EngineAdapter:
    """Make the engine for the broker that the options name.

    Raises:
        ConfigurationError: It cannot work.
    """
    setup = load_setup(options)
    # The client library of the other broker need not be installed.
    if setup.is_redis:
        from z4j_adapters.engines.dramatiq.redis_engine import DramatiqRedisEngine

        return DramatiqRedisEngine(setup, options)
    from z4j_adapters.engines.dramatiq.rabbit_engine import DramatiqRabbitEngine

    return DramatiqRabbitEngine(setup)
