"""How many fires a second the Celery engine puts into a real Redis, beside app.send_task.

    python adapters/bench/publish.py [--fires N] [--schedules N] [-o json]

One process, batches of 500, a private redis-server without persistence.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "tests")]

from celery import Celery  # noqa: E402
from harness import RedisServer  # noqa: E402
from z4j_adapters import Fire, ResultCode  # noqa: E402
from z4j_adapters.engines.celery.app import CeleryOptions  # noqa: E402
from z4j_adapters.engines.celery.engine import CeleryEngine  # noqa: E402
from z4j_adapters.testing import make_fire  # noqa: E402

BATCH = 500
KWARGS = {"customer": 4711, "period": "2026-01", "dry_run": False}


async def dispatch_rate(url: str, fires: list[Fire]) -> float:
    """Fires a second through the engine, answers read."""
    engine = CeleryEngine(CeleryOptions(broker=url))
    await engine.start()
    accepted = 0
    began = time.perf_counter()
    for start in range(0, len(fires), BATCH):
        results = await engine.dispatch(fires[start : start + BATCH])
        accepted += sum(r.code is ResultCode.ACCEPTED for r in results)
    took = time.perf_counter() - began
    await engine.close()
    assert accepted == len(fires)
    return len(fires) / took


def send_task_rate(url: str, count: int) -> float:
    """Messages a second through app.send_task with a kept producer: its best case."""
    app = Celery("peer", broker=url, set_as_current=False)
    with app.producer_pool.acquire() as producer:
        app.send_task("proj.task", [1], KWARGS, producer=producer)
        began = time.perf_counter()
        for _ in range(count):
            app.send_task("proj.task", [1], KWARGS, producer=producer)
        return count / (time.perf_counter() - began)


def main() -> None:
    """Prints the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fires", type=int, default=50_000)
    parser.add_argument("--schedules", type=int, default=2000)
    parser.add_argument("-o", choices=("table", "json"), default="table", dest="form")
    options = parser.parse_args()
    with TemporaryDirectory() as folder:
        server = RedisServer(Path(folder), durable=False)
        server.start()
        try:
            fires = [
                make_fire("proj.task", [n % options.schedules], KWARGS)
                for n in range(options.fires)
            ]
            ours = asyncio.run(dispatch_rate(server.url, fires))
            pushed = int(server.client().llen("celery"))
            assert pushed == options.fires, pushed
            server.client().flushall()
            peer = send_task_rate(server.url, min(options.fires, 10_000))
        finally:
            server.stop()
    if options.form == "json":
        figure = {
            "name": "celery_publish_per_s",
            "value": round(ours),
            "unit": "1/s",
            "n": options.fires,
            "peer": "app.send_task",
            "peer_value": round(peer),
        }
        print(json.dumps({"figures": [figure]}))
    else:
        print(f"engine    {ours:>10,.0f} fires/s  ({options.fires:,} of {options.schedules:,})")
        print(f"send_task {peer:>10,.0f} messages/s")


if __name__ == "__main__":
    main()
