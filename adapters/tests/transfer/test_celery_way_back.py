"""The way back: what RedBeat and django-celery-beat run as they start again after ours has run."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

pytest.importorskip("redbeat")
pytest.importorskip("django_celery_beat")

import redis
from celery.schedules import crontab, schedule
from harness import RedisServer
from redbeat import RedBeatScheduler, RedBeatSchedulerEntry
from transfer.celery_kit import make_app
from transfer.dcb_kit import add, clear, simulated, start_project
from transfer.instants import UTC

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
MORNING = {"minute": "0", "hour": "6"}


class Clock:
    """What the library takes for the time."""

    now = datetime(2026, 3, 2, 5, 30, 30, tzinfo=UTC)


class Broker:
    """Where beat sends to."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._client = redis.Redis.from_url(url)
        self._client.flushall()

    def take(self) -> Counter[str]:
        """The tasks that were sent since the last time."""
        messages = [json.loads(text) for text in self._client.lrange("celery", 0, -1)]
        self._client.delete("celery")
        return Counter(message["headers"]["task"] for message in messages)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def broker(redis_server: RedisServer) -> Broker:
    return Broker(redis_server.url)


@pytest.fixture
def redbeat_app(clock: Clock, broker: Broker) -> Any:
    """Three entries, of which RedBeat has run those that came due before the cutover."""
    entries = {"minutely": crontab(), "hourly": schedule(HOUR), "morning": crontab(**MORNING)}
    app = make_app(
        "UTC",
        broker_url=broker.url,
        redbeat_redis_url=broker.url,
        redbeat_lock_key=None,
        beat_schedule={name: {"task": name, "schedule": what} for name, what in entries.items()},
    )
    app.now = lambda: clock.now
    beat = RedBeatScheduler(app)
    beat.tick()
    clock.now += HOUR
    beat.tick()
    beat.close()
    assert broker.take() == {"minutely": 1, "hourly": 1, "morning": 1}
    return app


def test_redbeat_runs_once_more_what_came_due_before_it_starts_again(
    redbeat_app: Any, clock: Clock, broker: Broker
) -> None:
    clock.now += 3 * HOUR  # Ours runs them meanwhile: not the one of the morning.
    beat = RedBeatScheduler(redbeat_app)
    beat.tick()
    assert broker.take() == {"minutely": 1, "hourly": 1}
    beat.tick()
    assert not broker.take()


def test_redbeat_runs_nothing_again_if_its_last_runs_are_set_to_the_present(
    redbeat_app: Any, clock: Clock, broker: Broker
) -> None:
    clock.now += 27 * HOUR
    for name in ("minutely", "hourly", "morning"):
        RedBeatSchedulerEntry.from_key(f"redbeat:{name}", app=redbeat_app).reschedule()
    beat = RedBeatScheduler(redbeat_app)
    beat.tick()
    assert not broker.take()
    clock.now += MINUTE
    beat.tick()
    assert broker.take() == {"minutely": 1}


@pytest.fixture
def database_app(clock: Clock, broker: Broker) -> Iterator[Any]:
    """Four rows, of which beat has run those that came due before the cutover."""
    start_project()
    clear()
    at = clock.now
    add("minutely", task="minutely", crontab={}, date_changed=at)
    hour = {"every": 1, "period": "hours"}
    add("hourly", task="hourly", interval=hour, date_changed=at)
    add("morning", task="morning", crontab=MORNING, date_changed=at)
    once = {"clocked_time": at + 2 * HOUR}
    add("once", task="once", clocked=once, one_off=True, date_changed=at)
    app = make_app("UTC", broker_url=broker.url)
    with simulated(lambda: clock.now):
        clock.now += HOUR
        start(app).close()
        assert broker.take() == {"minutely": 1, "hourly": 1, "morning": 1}
        yield app
    clear()


def start(app: Any) -> Any:
    """A beat with django-celery-beat's scheduler, which has run what is due."""
    from django_celery_beat.schedulers import DatabaseScheduler

    beat = DatabaseScheduler(app=app)
    run(beat)
    return beat


def run(beat: Any) -> None:
    """Let it run what is due: one entry a tick."""
    for _ in range(20):
        if beat.tick():
            return
    raise AssertionError("it runs on and on")


def test_django_celery_beat_runs_once_more_what_came_due_before_it_starts_again(
    database_app: Any, clock: Clock, broker: Broker
) -> None:
    clock.now += 3 * HOUR
    beat = start(database_app)
    assert broker.take() == {"minutely": 1, "hourly": 1, "once": 1}
    run(beat)
    assert not broker.take()
    beat.close()


def test_django_celery_beat_runs_nothing_again_if_last_runs_are_the_present_and_what_ran_is_off(
    database_app: Any, clock: Clock, broker: Broker
) -> None:
    from django_celery_beat.models import PeriodicTask

    clock.now += 27 * HOUR
    PeriodicTask.objects.update(last_run_at=clock.now)
    PeriodicTask.objects.filter(clocked__clocked_time__lt=clock.now).update(enabled=False)
    beat = start(database_app)
    assert not broker.take()
    clock.now += MINUTE
    run(beat)
    assert broker.take() == {"minutely": 1}
    beat.close()


def test_django_celery_beat_runs_a_crontab_of_one_hour_again_two_hours_early(
    database_app: Any, clock: Clock, broker: Broker
) -> None:
    clock.now += 30 * HOUR  # Ours has run that of the morning, six hours ago.
    beat = start(database_app)
    if not hasattr(beat, "enabled_models_qs"):
        pytest.skip("this version always looks at all rows")
    assert "morning" not in broker.take()
    clock.now += 14 * HOUR
    sent = []
    while clock.now.hour < 8:  # From half past two on.
        run(beat)
        sent += [clock.now.hour] * broker.take()["morning"]
        clock.now += HOUR
    assert sent == [4, 6]
    beat.close()
