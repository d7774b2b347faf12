"""The Celery app, with the time zone in which its schedules are meant."""

from __future__ import annotations

import os
from typing import Any

from celery import Celery

from shop.schedules import BEAT_SCHEDULE

app = Celery(
    "shop",
    broker=os.environ.get("SHOP_BROKER", "redis://127.0.0.1:6379/0"),
    include=["shop.tasks"],
)
app.conf.update(
    timezone="Europe/Berlin",
    beat_schedule=BEAT_SCHEDULE,
    task_ignore_result=True,
    result_expires=None,
    # So that others can see what beat sends.
    task_send_sent_event=True,
    worker_send_task_events=True,
)


@app.on_after_configure.connect
def add_pings(sender: Any, **_: Any) -> None:
    """Once the app is configured, as Celery's manual shows it."""
    for second, host in ((2, "db"), (4, "search"), (8, "backup")):
        sender.add_periodic_task(
            second, app.signature("shop.ping", args=(host,)), name=f"ping-{host}"
        )
