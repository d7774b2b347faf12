"""`z4j-adapter watch --from rq` and `--from rq-scheduler`: real jobs in a real Redis."""

from __future__ import annotations

import json
import sys
import time
from argparse import Namespace
from datetime import datetime, timedelta, timezone
from importlib.util import find_spec
from pathlib import Path

import pytest

if find_spec("rq") is None:
    pytest.skip("rq is not installed here", allow_module_level=True)

import redis
from harness import Process, RedisServer, wait_for
from rq import Queue
from transfer.instants import contents
from transfer.watching import watching
from z4j_adapters import cli
from z4j_adapters.engines.rq.importing.watch import RqWatcher
from z4j_adapters.transfer.polled import now_us
from z4j_adapters.transfer.watcher import Lost

UTC = timezone.utc
SIMPLE = ("--worker-class", "rq.SimpleWorker")  # Runs jobs itself, without a fork.


def test_jobs_are_seen_with_the_instant_at_which_they_were_enqueued(
    tmp_path: Path, server: RedisServer
) -> None:
    queue = Queue("low", connection=redis.Redis.from_url(server.url))
    queue.enqueue("shop.before", 0)
    with watching(tmp_path, "--from", "rq", "--redis-url", server.url) as watch:
        jobs = [queue.enqueue("shop.mail", n, to=["a"]) for n in range(3)]
        jobs.append(queue.enqueue("shop.front", at_front=True))
        jobs.append(queue.enqueue("shop.bytes", b"x"))
        seen = {line["id"]: line for line in watch.wait_seen(5)}
    assert set(seen) == {job.id for job in jobs}
    for job in jobs:
        assert job.enqueued_at
        enqueued = job.enqueued_at.replace(tzinfo=job.enqueued_at.tzinfo or UTC)
        assert seen[job.id]["at"] == round(enqueued.timestamp() * 1e6)
    first = seen[jobs[0].id]
    assert (first["task"], first["args"], first["kwargs"]) == ("shop.mail", [0], {"to": ["a"]})
    hidden = seen[jobs[-1].id]
    assert hidden["task"] == "shop.bytes" and "args" not in hidden


def test_jobs_that_a_worker_runs_at_once_are_seen_each_once(
    tmp_path: Path, server: RedisServer
) -> None:
    queue = Queue("quick", connection=redis.Redis.from_url(server.url))
    with watching(tmp_path, "--from", "rq", "--redis-url", server.url) as watch:
        jobs = [queue.enqueue("time.sleep", 0) for _ in range(20)]
        worker = Process(
            [sys.executable, "-m", "rq.cli", "worker", "--url", server.url, *SIMPLE, "quick"],
            tmp_path,
            "worker",
        )
        worker.start()
        try:
            wait_for("the runs", lambda: all(job.get_status() == "finished" for job in jobs), 40)
            more = [queue.enqueue("time.sleep", 0) for _ in range(20)]
            seen = watch.wait_seen(40)
        finally:
            worker.stop()
    assert sorted(line["id"] for line in seen) == sorted(job.id for job in [*jobs, *more])


def test_a_job_that_rq_scheduler_enqueues_again_is_seen_again(
    tmp_path: Path, server: RedisServer
) -> None:
    rq_scheduler = pytest.importorskip("rq_scheduler")
    client = redis.Redis.from_url(server.url)
    scheduler = rq_scheduler.Scheduler(queue_name="low", connection=client)
    due = datetime.now(UTC).replace(tzinfo=None) - timedelta(seconds=5)
    job = scheduler.schedule(due, "shop.mail", args=[1], interval=1, repeat=5)
    with watching(tmp_path, "--from", "rq-scheduler", "--redis-url", server.url) as watch:
        scheduler.enqueue_jobs()
        watch.wait_seen(1)
        wait_for("the next run", lambda: time.time() > scheduler_time(client, job.id))
        scheduler.enqueue_jobs()
        seen = watch.wait_seen(2)
    assert [line["id"] for line in seen] == [job.id, job.id]
    assert seen[0]["at"] < seen[1]["at"]


def scheduler_time(client: redis.Redis, job_id: str) -> float:
    """When rq-scheduler will enqueue it."""
    score = client.zscore("rq:scheduler:scheduled_jobs", job_id)
    return float(score) if score is not None else 0.0  # type: ignore[arg-type]


def test_a_watch_leaves_redis_byte_for_byte_as_it_was(tmp_path: Path, server: RedisServer) -> None:
    queue = Queue("low", connection=redis.Redis.from_url(server.url))
    for number in range(5):
        queue.enqueue("shop.mail", number)
    with watching(tmp_path, "--from", "rq", "--redis-url", server.url) as watch:
        queue.enqueue("shop.mail", "last")
        before = contents(server.client())
        watch.wait_seen(1)
    assert contents(server.client()) == before


def test_a_redis_that_was_away_is_told_as_a_span(server: RedisServer) -> None:
    watcher = RqWatcher(Namespace(redis_url=server.url))
    watcher.open()
    opened_us = now_us()
    server.stop()
    assert list(watcher.look(0)) == []  # It is not there.
    server.start()
    back_us = now_us()
    (lost,) = watcher.look(0)
    assert isinstance(lost, Lost)
    assert lost.begin <= opened_us <= back_us <= lost.end
    assert list(watcher.look(0)) == []


def test_a_redis_that_does_not_answer_is_an_error_line(capfd: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["watch", "--from", "rq", "--redis-url", "redis://u:pw@127.0.0.1:1/0"]) == 2
    line = json.loads(capfd.readouterr().out)
    assert (line["code"], "pw" in line["message"]) == ("NO_SOURCE", False)
