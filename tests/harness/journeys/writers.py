"""Puts one definition into a store, with the library that users do it with.

    python writers.py SOURCE URL     in the environment that has this library

Each calls the engine's task `echo` every second with the argument "from SOURCE".
"""

from __future__ import annotations

import asyncio
import os
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

SECOND = timedelta(seconds=1)


def django_celery_beat(url: str) -> None:
    """A row of a database, SQLite or PostgreSQL."""
    import django
    from django.conf import settings
    from django.core.management import call_command

    where = urlsplit(url)
    engine = "sqlite3" if where.scheme == "sqlite" else "postgresql"
    database: dict[str, Any] = {"ENGINE": f"django.db.backends.{engine}", "NAME": where.path[1:]}
    if engine == "postgresql":
        database |= {"USER": where.username, "HOST": where.hostname, "PORT": where.port}
    settings.configure(
        INSTALLED_APPS=["django_celery_beat"],
        DATABASES={"default": database},
        USE_TZ=True,
        TIME_ZONE="UTC",
        DEFAULT_AUTO_FIELD="django.db.models.AutoField",
    )
    django.setup()
    call_command("migrate", verbosity=0)
    from django_celery_beat.models import IntervalSchedule, PeriodicTask

    every = IntervalSchedule.objects.create(every=1, period="seconds")
    PeriodicTask.objects.create(
        name="journey", task="contract.echo", interval=every, args='["from django-celery-beat"]'
    )


def redbeat(url: str) -> None:
    """An entry in Redis."""
    from celery import Celery
    from celery.schedules import schedule
    from redbeat import RedBeatSchedulerEntry

    app = Celery("shop", broker=url, redbeat_redis_url=url)
    call = {"args": ["from redbeat"], "app": app}
    RedBeatSchedulerEntry("journey", "contract.echo", schedule(SECOND), **call).save()


def rq(url: str) -> None:
    """What `rq cron` saves of its configuration."""
    import redis
    import rq_app
    from rq.cron import CronScheduler

    scheduler = CronScheduler(connection=redis.Redis.from_url(url), name="one")
    scheduler.register(rq_app.echo, queue_name="default", interval=1, args=("from rq",))
    scheduler.save()


def rq_scheduler(url: str) -> None:
    """A repeated job."""
    import redis
    from rq_scheduler import Scheduler

    scheduler = Scheduler(queue_name="default", connection=redis.Redis.from_url(url))
    now = datetime.now(timezone.utc).replace(tzinfo=None)  # As its users have to give it.
    scheduler.schedule(now, "rq_app.echo", args=["from rq-scheduler"], interval=1)


def apscheduler(url: str) -> None:
    """A job of version 3, in SQLite, PostgreSQL or Redis."""
    from apscheduler.schedulers.background import BackgroundScheduler

    store: dict[str, Any] = {"type": "sqlalchemy", "url": _with_driver(url)}
    if url.startswith("redis:"):
        where = urlsplit(url)
        store = {"type": "redis", "port": where.port, "db": int(where.path[1:])}
    scheduler = BackgroundScheduler(jobstores={"default": store}, timezone="UTC")
    scheduler.start(paused=True)
    args = ["from apscheduler"]
    scheduler.add_job("rq_app:echo", "interval", seconds=1, args=args, id="journey")
    scheduler.shutdown()


def apscheduler4(url: str) -> None:
    """A schedule of version 4, in SQLite or PostgreSQL."""
    from apscheduler import AsyncScheduler
    from apscheduler.datastores.sqlalchemy import SQLAlchemyDataStore
    from apscheduler.triggers.interval import IntervalTrigger

    async def write() -> None:
        async with AsyncScheduler(SQLAlchemyDataStore(_with_driver(url))) as scheduler:
            args = ["from apscheduler4"]
            trigger = IntervalTrigger(seconds=1)
            await scheduler.add_schedule("rq_app:echo", trigger, id="journey", args=args)

    asyncio.run(write())


def _with_driver(url: str) -> str:
    """The URL as SQLAlchemy has it for psycopg."""
    return url.replace("postgresql:", "postgresql+psycopg:")


def taskiq(url: str) -> None:
    """An entry of ListRedisScheduleSource."""
    from taskiq import ScheduledTask
    from taskiq_redis import ListRedisScheduleSource

    async def write() -> None:
        source = ListRedisScheduleSource(url)
        await source.startup()
        task = ScheduledTask(
            task_name="contract.echo",
            labels={},
            args=["from taskiq"],
            kwargs={},
            schedule_id="journey",
            interval=1,
        )
        await source.add_schedule(task)
        await source.shutdown()

    asyncio.run(write())


if __name__ == "__main__":
    os.environ.setdefault("CONTRACT_RECORD", os.devnull)
    sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "adapters/tests/engines"))
    globals()[sys.argv[1].replace("-", "_")](sys.argv[2])
