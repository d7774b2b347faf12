"""`z4j-adapter huey`: options and help; needs no Huey until the engine is made."""

from __future__ import annotations

import argparse
from pathlib import Path

from z4j_adapters._adapter import EngineAdapter
from z4j_adapters._command import EngineCommand
from z4j_adapters._options import Parser, seconds

__all__ = ["COMMAND"]

HELP = """\
Attach a Huey instance to the scheduler.  Your consumers work without change; two lines in your
app tell how every run ends.

examples:
  # Nothing but a broker and the instance's name, as in RedisHuey("shop").
  z4j-adapter huey --broker redis://localhost:6379/0 --name shop

  # PriorityRedisHuey("shop"): the storage is not the plain one.
  z4j-adapter huey --broker redis://localhost:6379/0 --name shop --storage redis-priority

  # SqliteHuey("shop", filename="/var/lib/shop/huey.db")
  z4j-adapter huey --sqlite /var/lib/shop/huey.db --name shop

  # With your app: its storage, serializer, tasks and their own options hold.
  z4j-adapter huey --app shop.tasks:huey

every outcome, in your app:
  from z4j_adapters.engines.huey.signals import attach
  huey = RedisHuey("shop")
  attach(huey)

what you get:
  delivery   A fire enters the queue once, however often it is handed over, on Redis and SQLite.
  task id    is the fire's id: a task with context=True reads it as task.id.
  queue      A Huey instance has one queue, its name; start one adapter for each instance.
  outcomes   With attach: all of them, from start to end; lost after --worker-lost-after if the
             consumer is killed.  Without: what Huey stores, that is errors and values other than
             None (with store_none=True: None too).  A run of which nothing is stored stays
             unknown, and `z4j-scheduler adapter list` says what to change.
  priority   -100..100 is added to the task's own; the highest runs first.  Needs a storage that
             has priorities: redis-priority, redis-priority-expire, SQLite.
  cancel     before the run only: Huey cannot stop a run.

Every option can come from the environment as Z4J_ADAPTER_NAME; the command line wins.
SIGTERM: takes no more fires, finishes those at hand, delivers outcomes, leaves."""


def _add_options(parser: Parser) -> None:
    parser.option("app", help="your Huey instance: module:attribute")
    parser.option("workdir", type=Path, help="folder to import the app from (default: here)")
    parser.option("broker", help="Redis URL")
    parser.option("sqlite", type=Path, metavar="FILE", help="file of a SqliteHuey")
    parser.option("name", default="huey", help="the instance's name (default: huey)")
    parser.option(
        "storage",
        choices=("redis", "redis-priority", "redis-expire", "redis-priority-expire"),
        default="redis",
        help="kind of the instance, with --broker: RedisHuey, PriorityRedisHuey, RedisExpireHuey "
        "or PriorityRedisExpireHuey (default: redis)",
    )
    parser.option(
        "store-none",
        action="store_true",
        help="your instance has store_none=True; with --app it says so itself",
    )
    parser.option(
        "local-time",
        action="store_true",
        help="your instance has utc=False; with --app it says so itself",
    )
    parser.dedupe_ttl(broker="the broker")
    parser.option(
        "worker-lost-after",
        type=seconds,
        default=60.0,
        metavar="TIME",
        help="silence of an attached consumer after which its runs count as lost (default: 60s)",
    )


def _make(options: argparse.Namespace) -> EngineAdapter:
    from z4j_adapters.engines.huey.engine import HueyEngine
    from z4j_adapters.engines.huey.instance import HueyOptions

    return HueyEngine(
        HueyOptions(
            app=options.app,
            workdir=options.workdir,
            broker=options.broker,
            sqlite=options.sqlite,
            name=options.name,
            storage=options.storage,
            store_none=options.store_none,
            local_time=options.local_time,
            dedupe_ttl_s=options.dedupe_ttl,
            worker_lost_after_s=options.worker_lost_after,
        )
    )


COMMAND = EngineCommand(
    summary="Huey on Redis or SQLite",
    usage="--broker URL | --sqlite FILE | --app MODULE:HUEY  [option …]",
    help=HELP,
    add_options=_add_options,
    make=_make,
)
