"""The tasks, which write each run into a ledger, and what their handlers add to beat's schedule."""

from __future__ import annotations

import json
import os
import time
from typing import Any

import redis
from celery.schedules import crontab
from celery.signals import task_prerun

from shop.app import app

_NAMES = (
    *("poll_orders", "poll_stock", "refresh_prices", "metrics", "charge_cards", "send_mails"),
    *("sync", "reindex", "payroll", "vat", "lucky", "report", "backup", "watch", "greet", "purge"),
    *("archive", "audit", "lights", "remind", "invoice", "ping", "rotate", "newsletter"),
)
_ledger = redis.Redis.from_url(os.environ.get("SHOP_BROKER", "redis://127.0.0.1:6379/0"))


def _work(*args: Any, **kwargs: Any) -> None:
    """What a shop would do here."""


for _name in _NAMES:
    app.task(_work, name=f"shop.{_name}")


@task_prerun.connect
def note(task_id: str, task: Any, args: Any, **_: Any) -> None:
    """A line for each run: when, what, and the id of its message."""
    line = {"at": time.time(), "task": task.name, "args": list(args), "id": task_id}
    _ledger.rpush("ledger", json.dumps(line, default=str))


@app.on_after_finalize.connect
def add_more(sender: Any, **_: Any) -> None:
    """Once all tasks are there."""
    rotate = sender.signature("shop.rotate")
    sender.add_periodic_task(crontab(minute=59, hour=23), rotate, name="rotate-logs")
    letter = sender.signature("shop.newsletter")
    for name, day in (("newsletter", "tue"), ("newsletter-weekend", "sat")):
        sender.add_periodic_task(crontab(0, 10, day_of_week=day), letter.clone((day,)), name=name)
