"""`z4j-adapter arq`: options and help; needs no arq until the engine is made."""

from __future__ import annotations

import argparse
from pathlib import Path

from z4j_adapters._adapter import EngineAdapter
from z4j_adapters._command import EngineCommand
from z4j_adapters._options import Parser

__all__ = ["COMMAND"]

HELP = """\
Attach arq to the scheduler.  Your workers need no change.

examples:
  # Nothing but Redis: tasks go to the queue a schedule names, or to "arq:queue".
  z4j-adapter arq --broker redis://localhost:6379/0

  # With your worker's settings: its Redis, queue, job serializer and functions hold.
  z4j-adapter arq --app proj.worker.WorkerSettings

  # Workers of two queues; what names no queue goes to the first.
  z4j-adapter arq --broker redis://redis:6379/0 --queue mail --queue reports

what you get:
  task       is the function's name, as arq knows it: its __qualname__, or func(name=…).
  delivery   A fire enters its queue once, however often it is handed over.  arq itself runs a job
             again whose worker died, once its in-progress key has expired (the longest timeout of
             the worker's functions and 10 s).  With max_tries=1 it does not: the fire ends LOST.
  task id    is the fire's id: ctx["job_id"] in the task.
  outcomes   come from the results that workers store.  With keep_result=0 there are none:
             `z4j-scheduler adapter list` says so.
  expiry     becomes arq's own; a worker that finds an expired job says so.  Without one a job may
             wait 24 hours (expires_extra_ms), and then expires, too.
  cancel     A job that waits leaves its queue.  One that runs is stopped only by workers with
             allow_abort_jobs = True.
  priority   arq has none.

Every option can come from the environment as Z4J_ADAPTER_NAME; the command line wins.
SIGTERM: takes no more fires, finishes those at hand, delivers outcomes, leaves."""


def _add_options(parser: Parser) -> None:
    parser.option("app", help="your worker's settings, as on arq's command line: module.Class")
    parser.option("workdir", type=Path, help="folder to import them from (default: here)")
    parser.option("broker", help="Redis URL; with --app it replaces the settings'")
    parser.queues()
    parser.dedupe_ttl()


def _make(options: argparse.Namespace) -> EngineAdapter:
    from z4j_adapters.engines.arq.app import ArqOptions
    from z4j_adapters.engines.arq.engine import ArqEngine

    return ArqEngine(
        ArqOptions(
            app=options.app,
            workdir=options.workdir,
            broker=options.broker,
            queues=tuple(options.queue),
            dedupe_ttl_s=options.dedupe_ttl,
        )
    )


COMMAND = EngineCommand(
    summary="arq on Redis",
    usage="--broker URL | --app MODULE.WorkerSettings  [option …]",
    help=HELP,
    add_options=_add_options,
    make=_make,
)
