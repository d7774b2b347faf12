"""`z4j-adapter taskiq`: options and help; needs no TaskIQ until the engine is made."""

from __future__ import annotations

import argparse
from pathlib import Path

from z4j_adapters._adapter import EngineAdapter
from z4j_adapters._command import EngineCommand
from z4j_adapters._errors import ConfigurationError
from z4j_adapters._options import Parser, seconds

__all__ = ["COMMAND"]

HELP = """\
Attach TaskIQ to the scheduler.  Your workers need no change; outcomes need a result backend.

examples:
  # Nothing but a broker: tasks by name, to the queue a schedule names, or to "taskiq".
  z4j-adapter taskiq --broker redis://localhost:6379/0 --result-backend redis://localhost:6379/0

  # Workers that use RedisStreamBroker.
  z4j-adapter taskiq --broker redis://localhost:6379/0 --kind stream --queue mail

  # With your broker object: its queue, formatter, task labels, middlewares and result backend
  # hold, and a schedule for a task that it does not know is refused.
  z4j-adapter taskiq --app proj.tkq:broker --module proj.tasks

  # RabbitMQ through taskiq-aio-pika.
  z4j-adapter taskiq --broker amqp://guest:guest@localhost:5672/

what you get:
  delivery   On Redis a fire enters its queue once, however often it is handed over.  On RabbitMQ
             publishing is confirmed, and at least once.
  task id    is the fire's id: find it in logs and in the result backend.
  outcomes   come from the result backend (taskiq-redis' RedisAsyncResultBackend) alone: TaskIQ's
             workers tell nothing else.  A start is seen early only of tasks that set progress.
  lost       A worker that knows no such task drops the message with a line in its log; a list
             broker's worker that is killed takes its tasks along.  Either way no result comes,
             and --lost-after after the message was seen gone, the fire ends LOST.
  cancel     takes a message back that no worker has fetched (Redis).
  streams    taskiq-redis runs what is not acknowledged within idle_timeout (10 min) again: set it
             above the length of your longest task.

Every option can come from the environment as Z4J_ADAPTER_NAME; the command line wins.
SIGTERM: takes no more fires, finishes those at hand, delivers outcomes, leaves."""


def _add_options(parser: Parser) -> None:
    parser.option("app", help="your broker, as in `taskiq worker`: module:attribute")
    parser.option(
        "module",
        repeat=True,
        metavar="NAME",
        help="with --app: import this module's tasks, too; repeat for more",
    )
    parser.option(
        "fs-discover", action="store_true", help="with --app: import every tasks.py, as TaskIQ does"
    )
    parser.option("workdir", type=Path, help="folder to import from (default: here)")
    parser.option("broker", help="broker URL, instead of --app: redis://… or amqp://…")
    parser.option(
        "kind",
        choices=("list", "stream"),
        default="list",
        help="of Redis queues: list for ListQueueBroker (default), stream for RedisStreamBroker",
    )
    parser.option("group", default="taskiq", help="consumer group of streams (default: taskiq)")
    parser.option("exchange", default="taskiq", help="RabbitMQ exchange (default: taskiq)")
    parser.option(
        "result-backend", help="redis://… where workers store results; replaces the app's"
    )
    parser.option("result-prefix", help="prefix_str of that result backend")
    parser.option(
        "queue",
        repeat=True,
        metavar="NAME",
        help="publish to this queue only, and by default; repeat for more "
        '(default: any, and "taskiq")',
    )
    parser.dedupe_ttl()
    parser.option(
        "lost-after",
        type=seconds,
        default=21_600.0,
        metavar="TIME",
        help="a task that has left its queue and has no result for so long counts as lost; longer "
        "than your longest task (default: 6h)",
    )


def _make(options: argparse.Namespace) -> EngineAdapter:
    try:
        import taskiq_redis  # noqa: F401
    except ImportError as error:
        if not (error.name or "").startswith("taskiq."):
            raise
        raise ConfigurationError(
            "the installed taskiq-redis does not fit the installed taskiq "
            f"({error}): pip install -U taskiq-redis"
        ) from error
    from z4j_adapters.engines.taskiq.broker import TaskiqOptions
    from z4j_adapters.engines.taskiq.engine import TaskiqEngine

    return TaskiqEngine(
        TaskiqOptions(
            app=options.app,
            modules=tuple(options.module),
            fs_discover=options.fs_discover,
            workdir=options.workdir,
            broker=options.broker,
            kind=options.kind,
            group=options.group,
            exchange=options.exchange,
            result_backend=options.result_backend,
            result_prefix=options.result_prefix,
            queues=tuple(options.queue),
            dedupe_ttl_s=options.dedupe_ttl,
            lost_after_s=options.lost_after,
        )
    )


COMMAND = EngineCommand(
    summary="TaskIQ on Redis lists and streams, RabbitMQ",
    usage="--broker URL | --app MODULE:BROKER  [option …]",
    help=HELP,
    add_options=_add_options,
    make=_make,
)
