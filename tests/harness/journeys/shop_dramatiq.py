"""A Dramatiq project with an actor that periodiq sends."""

from __future__ import annotations

import dramatiq
from dramatiq_app import broker
from periodiq import PeriodiqMiddleware, cron

broker.add_middleware(PeriodiqMiddleware())


@dramatiq.actor(actor_name="journey", periodic=cron("* * * * *"))
def journey() -> None:
    """Does nothing, well."""
