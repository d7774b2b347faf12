"""`z4j-adapter dramatiq`: options and help; needs no Dramatiq until the engine is made."""

from __future__ import annotations

import argparse
from pathlib import Path

from z4j_adapters._adapter import EngineAdapter
from z4j_adapters._command import EngineCommand
from z4j_adapters._options import Parser, seconds

__all__ = ["COMMAND"]

HELP = """\
Attach Dramatiq to the scheduler.  Your workers need no change.

examples:
  # Nothing but a broker: actors are called by name, on the queue a schedule names or "default".
  z4j-adapter dramatiq --broker redis://localhost:6379/0
  z4j-adapter dramatiq --broker amqp://guest:guest@localhost:5672

  # With your app, as on the command line of `dramatiq`: its broker, encoder, middleware and the
  # actors' own queues hold.
  z4j-adapter dramatiq --app proj.tasks
  z4j-adapter dramatiq --app proj.tasks:broker

  # Only payroll's queue; three scheduler nodes, mutual TLS.
  z4j-adapter dramatiq --app proj.tasks --queue payroll \\
      --scheduler s1:7801 --scheduler s2:7801 --scheduler s3:7801 \\
      --tls-ca ca.pem --tls-cert adapter.pem --tls-key adapter.key

what you get:
  delivery   On Redis a fire enters its queue once, however often it is handed over.  On RabbitMQ
             publishing is confirmed, and at least once.
  task id    message_id is the fire's id.
  outcomes   Each message carries a small pipeline, by which the worker itself notes a success in
             the queue "z4j_outcomes".  A failure is what ends in the dead-letter queue, after the
             last retry: Dramatiq retries 20 times unless the actor or the schedule says otherwise.
             The text of the last error needs the Results middleware and store_results.
             On RabbitMQ workers need Dramatiq 2.2 for that; else give --no-outcomes.
  running    is said once a worker has taken the message, on Redis; it may wait in the worker for a
             free thread.  RabbitMQ does not tell.
  killed     A worker's messages run again, by Dramatiq's own doing: the fire stays running.
  expiry     becomes max_age, counted from the due time.
  priority   On RabbitMQ with max_priority only; an actor's own priority works in the workers.
  in a task  CurrentMessage.get_current_message().options has z4j_schedule and z4j_due_at.

Every option can come from the environment as Z4J_ADAPTER_NAME; the command line wins.
SIGTERM: takes no more fires, finishes those at hand, delivers outcomes, leaves."""


def _add_options(parser: Parser) -> None:
    parser.option("app", help="your app, as in `dramatiq`: module, or module:broker")
    parser.option("workdir", type=Path, help="folder to import the app from (default: here)")
    parser.option("broker", help="redis://…, rediss://…, unix://…, amqp://… or amqps://…")
    parser.option(
        "namespace",
        default="dramatiq",
        help="with --broker redis://…: as RedisBroker(namespace=) (default: dramatiq)",
    )
    parser.option(
        "max-priority",
        type=int,
        metavar="N",
        help="with --broker amqp://…: as the workers' RabbitmqBroker(max_priority=); it must be "
        "the same, or RabbitMQ refuses the queue (default: none)",
    )
    parser.option(
        "result-backend",
        metavar="URL",
        help="redis://… of the workers' Results middleware: texts of errors (default: the app's)",
    )
    parser.queues()
    parser.option(
        "no-outcomes",
        action="store_true",
        help="messages carry no pipeline, and outcomes are not known; for workers on RabbitMQ "
        "older than Dramatiq 2.2, which would log errors",
    )
    parser.dedupe_ttl()
    parser.option(
        "lost-after",
        type=seconds,
        default=60.0,
        metavar="TIME",
        help="how long a message may be nowhere, neither queued nor ended, before its fire counts "
        "as lost (default: 60s)",
    )


def _make(options: argparse.Namespace) -> EngineAdapter:
    from z4j_adapters.engines.dramatiq.app import DramatiqOptions
    from z4j_adapters.engines.dramatiq.engine import new_engine

    return new_engine(
        DramatiqOptions(
            app=options.app,
            workdir=options.workdir,
            broker=options.broker,
            namespace=options.namespace,
            max_priority=options.max_priority,
            result_backend=options.result_backend,
            queues=tuple(options.queue),
            outcomes=not options.no_outcomes,
            dedupe_ttl_s=options.dedupe_ttl,
            lost_after_s=options.lost_after,
        )
    )


COMMAND = EngineCommand(
    summary="Dramatiq on Redis or RabbitMQ",
    usage="--broker URL | --app MODULE[:BROKER]  [option …]",
    help=HELP,
    add_options=_add_options,
    make=_make,
)
