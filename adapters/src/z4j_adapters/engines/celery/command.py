"""`z4j-adapter celery`: options and help; needs no Celery until the engine is made."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from z4j_adapters._adapter import EngineAdapter
from z4j_adapters._command import EngineCommand
from z4j_adapters._errors import ConfigurationError
from z4j_adapters._options import Parser, seconds

__all__ = ["COMMAND"]

HELP = """\
Attach Celery to the scheduler.  Your workers need no change.

examples:
  # Nothing but a broker: tasks go to the queue a schedule names, or to "celery".
  z4j-adapter celery --broker redis://localhost:6379/0

  # With your app: its routes, queues, serializer, priorities and result backend hold.
  z4j-adapter celery --app proj.celery:app

  # Three scheduler nodes, mutual TLS.
  z4j-adapter celery --app proj --scheduler s1:7801 --scheduler s2:7801 --scheduler s3:7801 \\
      --tls-ca ca.pem --tls-cert adapter.pem --tls-key adapter.key

what you get:
  delivery   On Redis a fire enters its queue once, however often it is handed over.  On other
             brokers publishing is confirmed, and at least once.
  task id    is the fire's id: find it in Flower, in logs, in the result backend.
  outcomes   come from worker events (turned on over remote control if workers run without -E) and
             from the result backend.  Where neither speaks, `z4j-scheduler adapter list` says
             what to change.
  priority   -100..100, 0 is the app's own default.  On Redis, Celery serves low numbers first and
             its default 0 is already the first: negative priorities go behind it.
  in a task  self.request.z4j_due_at is the nominal due time, self.request.z4j_schedule the name.

Every option can come from the environment as Z4J_ADAPTER_NAME; the command line wins.
SIGTERM: takes no more fires, finishes those at hand, delivers outcomes, leaves."""


def _add_options(parser: Parser) -> None:
    parser.option("app", help="your Celery app, as in `celery -A`: module:attribute or module")
    parser.option("workdir", type=Path, help="folder to import the app from (default: here)")
    parser.option("broker", help="broker URL; with --app it replaces the app's")
    parser.option("result-backend", help="result backend URL; with --app it replaces the app's")
    parser.queues()
    parser.option(
        "set",
        repeat=True,
        comma=False,
        metavar="NAME=JSON",
        help="any Celery setting, such as "
        'broker_transport_options=\'{"global_keyprefix": "prod."}\'; repeat for more',
    )
    parser.dedupe_ttl()
    parser.option(
        "worker-lost-after",
        type=seconds,
        default=60.0,
        metavar="TIME",
        help="silence of a worker after which its running tasks count as lost (default: 60s)",
    )


def _make(options: argparse.Namespace) -> EngineAdapter:
    from z4j_adapters.engines.celery.app import CeleryOptions
    from z4j_adapters.engines.celery.engine import CeleryEngine

    return CeleryEngine(
        CeleryOptions(
            app=options.app,
            workdir=options.workdir,
            broker=options.broker,
            result_backend=options.result_backend,
            queues=tuple(options.queue),
            settings=tuple(_setting(text) for text in options.set),
            dedupe_ttl_s=options.dedupe_ttl,
            worker_lost_after_s=options.worker_lost_after,
        )
    )


def _setting(text: str) -> tuple[str, object]:
    name, equals, value = text.partition("=")
    try:
        if not equals:
            raise ValueError
        return name, json.loads(value)
    except ValueError:
        raise ConfigurationError(
            f"--set {text!r} is not NAME=JSON, such as task_default_queue='\"mail\"'"
        ) from None


COMMAND = EngineCommand(
    summary="Celery on Redis, RabbitMQ, …",
    usage="--broker URL | --app MODULE  [option …]",
    help=HELP,
    add_options=_add_options,
    make=_make,
)
