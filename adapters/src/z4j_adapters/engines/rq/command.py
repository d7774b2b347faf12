"""`z4j-adapter rq`: options and help; needs no RQ until the engine is made."""

from __future__ import annotations

import argparse
from pathlib import Path

from z4j_adapters._adapter import EngineAdapter
from z4j_adapters._command import EngineCommand
from z4j_adapters._options import Parser, seconds

__all__ = ["COMMAND"]

HELP = """\
Attach RQ to the scheduler.  Your workers need no change.

examples:
  # Nothing but a broker: a schedule's task is the dotted path of a function, its queue is the one
  # the schedule names, or "default".
  z4j-adapter rq --broker redis://localhost:6379/0

  # With the settings module that your workers have: `rq worker --config settings`.
  z4j-adapter rq --config settings --workdir /srv/shop

  # Workers with --serializer json; refuse tasks that cannot be imported from /srv/shop.
  z4j-adapter rq --broker redis://localhost:6379/0 --serializer json \\
      --workdir /srv/shop --check-imports --tasks shop.jobs

what you get:
  delivery   A fire enters its queue once, however often it is handed over.
  task id    is the fire's id: find it in worker logs, dashboards, and get_current_job().id.
  outcomes   are read from the job in Redis: running, succeeded, failed with error, cancelled,
             expired, and lost when a worker is gone in the middle of a run.
  priority   RQ has none: name a queue that your workers list first, or set at_front.
  retries    engine options retry_max and retry_intervals; RQ itself runs the job again.
  in a task  get_current_job().meta["z4j_due_at"] is the nominal due time, "z4j_schedule" the name.

Every option can come from the environment as Z4J_ADAPTER_NAME; the command line wins.
SIGTERM: takes no more fires, finishes those at hand, delivers outcomes, leaves."""


def _add_options(parser: Parser) -> None:
    parser.option("broker", help="Redis URL; with --config it replaces the settings'")
    parser.option("config", metavar="MODULE", help="your RQ settings, as in `rq worker --config`")
    parser.option("workdir", type=Path, help="folder to import your modules from (default: here)")
    parser.option(
        "serializer",
        default="pickle",
        help="as in `rq worker --serializer`: pickle, json or a dotted path (default: pickle)",
    )
    parser.queues(default="the settings' QUEUES, or any")
    parser.option(
        "tasks",
        repeat=True,
        metavar="MODULE",
        help="module whose public functions are offered as tasks; repeat for more",
    )
    parser.option(
        "check-imports",
        action="store_true",
        help="import a schedule's task here first, and refuse it if that fails",
    )
    parser.option("queue-class", metavar="PATH", help="as in `rq worker --queue-class`")
    parser.option("job-class", metavar="PATH", help="as in `rq worker --job-class`")
    parser.option(
        "result-ttl",
        type=seconds,
        default=500.0,
        metavar="TIME",
        help="how long RQ keeps a finished job, where the schedule does not say; an adapter that "
        "was away for longer cannot tell what became of it (default: 500s, as RQ)",
    )
    parser.dedupe_ttl()
    parser.option(
        "worker-lost-after",
        type=seconds,
        metavar="TIME",
        help="silence of a worker after which its run counts as lost; workers speak every 30 s, "
        "a SimpleWorker never while it runs (default: when RQ gives the worker up, within 90 s)",
    )


def _make(options: argparse.Namespace) -> EngineAdapter:
    from z4j_adapters.engines.rq.app import RqOptions
    from z4j_adapters.engines.rq.engine import RqEngine

    return RqEngine(
        RqOptions(
            broker=options.broker,
            config=options.config,
            workdir=options.workdir,
            serializer=options.serializer,
            queue_class=options.queue_class,
            job_class=options.job_class,
            tasks=tuple(options.tasks),
            check_imports=options.check_imports,
            queues=tuple(options.queue),
            result_ttl_s=int(options.result_ttl),
            dedupe_ttl_s=options.dedupe_ttl,
            worker_lost_after_s=options.worker_lost_after,
        )
    )


COMMAND = EngineCommand(
    summary="RQ on Redis or Valkey",
    usage="--broker URL | --config MODULE  [option …]",
    help=HELP,
    add_options=_add_options,
    make=_make,
)
