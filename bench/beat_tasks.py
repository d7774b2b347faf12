"""The peer's side: celery beat with N one-second entries, and a task that nobody runs."""

from __future__ import annotations

import os

from celery import Celery

app = Celery("beat_bench", broker=os.environ["BENCH_BROKER"])
app.conf.task_ignore_result = True
app.conf.beat_max_loop_interval = 1
app.conf.beat_schedule = {
    f"entry-{i}": {"task": "bench.task", "schedule": 1.0, "args": (i,)}
    for i in range(int(os.environ.get("BENCH_ENTRIES", "2000")))
}
