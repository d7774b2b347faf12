"""Two sample tasks, as any Celery project has them; nothing here knows the scheduler."""

from __future__ import annotations

import os

from celery import Celery

app = Celery("demo", broker=os.environ.get("DEMO_BROKER", "redis://127.0.0.1:6379/0"))
app.conf.task_ignore_result = True


@app.task(name="demo.greet")
def greet(name: str) -> None:
    """Says hello."""
    print(f"hello, {name}", flush=True)


@app.task(name="demo.add")
def add(x: int, y: int) -> int:
    """Adds two numbers."""
    print(f"{x} + {y} = {x + y}", flush=True)
    return x + y
