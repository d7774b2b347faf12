"""A Huey project with a periodic task, whose consumer runs with --no-periodic."""

from __future__ import annotations

from huey import crontab
from huey_app import huey

__all__ = ["huey", "journey"]


@huey.periodic_task(crontab(minute="*"))
def journey() -> None:
    """Does nothing, well."""
