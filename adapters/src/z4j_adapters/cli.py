"""`z4j-adapter ENGINE`: reads options, runs the engine until SIGTERM."""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import signal
import socket
import sys
from collections.abc import Sequence
from pathlib import Path

from z4j_adapters._adapter import EngineAdapter
from z4j_adapters._errors import ConfigurationError
from z4j_adapters._options import Parser, address, is_loopback, seconds
from z4j_adapters._runtime import Runtime, RuntimeOptions, TlsOptions
from z4j_adapters._version import __version__

__all__ = ["main"]

EXIT_OK, EXIT_FAILURE, EXIT_USAGE = 0, 1, 2

CELERY_HELP = """\
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

STUB_HELP = """\
An engine in memory that runs nothing and reports every fire as run; to try the scheduler out.

examples:
  z4j-adapter stub
  z4j-adapter stub --outcomes final --run-time 2s

A task named "fail" fails."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code.

    0: stopped on request.  1: the engine cannot be started.  2: wrong usage.
    """
    options = _parser().parse_args(argv)
    _configure_log(options.log_level, options.log_format)
    try:
        engine = _make_engine(options)
        asyncio.run(_serve(engine, _runtime_options(options)))
    except ConfigurationError as error:
        print(f"z4j-adapter: {error}", file=sys.stderr)
        return EXIT_FAILURE
    except KeyboardInterrupt:
        pass
    return EXIT_OK


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="z4j-adapter",
        description="Attach a task engine to z4j-scheduler.",
        epilog="z4j-adapter ENGINE --help explains the engine's options with examples.",
    )
    parser.add_argument("--version", action="version", version=f"z4j-adapter {__version__}")
    engines = parser.add_subparsers(
        dest="engine", metavar="ENGINE", required=True, parser_class=Parser
    )
    celery = engines.add_parser(
        "celery",
        help="Celery on Redis, RabbitMQ, …",
        description=CELERY_HELP,
        usage="z4j-adapter celery --broker URL | --app MODULE  [option …]",
    )
    _celery_options(celery)
    _common_options(celery)
    stub = engines.add_parser(
        "stub", help="runs nothing", description=STUB_HELP, usage="z4j-adapter stub [option …]"
    )
    stub.option(
        "outcomes",
        choices=("all", "final", "stored", "none"),
        default="all",
        help="report start and end of runs, only the end, or nothing (default: all)",
    )
    stub.option("run-time", type=seconds, help="how long a run takes (default: no time)")
    _common_options(stub)
    return parser


def _celery_options(parser: Parser) -> None:
    parser.option("app", help="your Celery app, as in `celery -A`: module:attribute or module")
    parser.option("workdir", type=Path, help="folder to import the app from (default: here)")
    parser.option("broker", help="broker URL; with --app it replaces the app's")
    parser.option("result-backend", help="result backend URL; with --app it replaces the app's")
    parser.option(
        "queue",
        repeat=True,
        metavar="NAME",
        help="publish to this queue only; repeat for more (default: any)",
    )
    parser.option(
        "set",
        repeat=True,
        comma=False,
        metavar="NAME=JSON",
        help="any Celery setting, such as "
        'broker_transport_options=\'{"global_keyprefix": "prod."}\'; repeat for more',
    )
    parser.option(
        "dedupe-ttl",
        type=seconds,
        default=86_400.0,
        metavar="TIME",
        help="how long Redis remembers a fire it has; at least as long as the scheduler may hand "
        "one over again (default: 24h)",
    )
    parser.option(
        "worker-lost-after",
        type=seconds,
        default=60.0,
        metavar="TIME",
        help="silence of a worker after which its running tasks count as lost (default: 60s)",
    )


def _common_options(parser: Parser) -> None:
    parser.option(
        "scheduler",
        repeat=True,
        type=address,
        metavar="HOST:PORT",
        help="a scheduler node; repeat for every node (default: 127.0.0.1:7801)",
    )
    parser.option(
        "instance",
        default=f"{socket.gethostname()}-{os.getpid()}",
        metavar="NAME",
        help="name of this adapter, unique among the engine's (default: host name and process id)",
    )
    parser.option(
        "max-in-flight",
        type=int,
        default=1000,
        metavar="N",
        help="fires taken and not yet answered, 1..10000 (default: 1000)",
    )
    parser.option("tls-ca", type=Path, metavar="PEM", help="CA of the scheduler; turns TLS on")
    parser.option("tls-cert", type=Path, metavar="PEM", help="our certificate, for mutual TLS")
    parser.option("tls-key", type=Path, metavar="PEM", help="its key")
    parser.option("tls-server-name", default="", help="name in the server's certificate")
    parser.option(
        "insecure", action="store_true", help="allow plaintext to a host other than this one"
    )
    parser.option(
        "drain-timeout", type=seconds, default=20.0, metavar="TIME", help="for leaving (20s)"
    )
    parser.option(
        "log-level", choices=("debug", "info", "warning", "error"), default="info", help="(info)"
    )
    parser.option(
        "log-format",
        choices=("auto", "text", "json"),
        default="auto",
        help="auto: text on a terminal, else JSON",
    )


def _runtime_options(options: argparse.Namespace) -> RuntimeOptions:
    try:  # Those of the environment have not been checked yet.
        schedulers = tuple(address(text) for text in options.scheduler) or ("127.0.0.1:7801",)
    except argparse.ArgumentTypeError as error:
        raise ConfigurationError(f"Z4J_ADAPTER_SCHEDULER: {error}") from None
    if not 1 <= options.max_in_flight <= 10_000:
        raise ConfigurationError(f"--max-in-flight {options.max_in_flight} is not in 1..10000")
    if bool(options.tls_cert) != bool(options.tls_key):
        raise ConfigurationError("--tls-cert and --tls-key go together")
    tls = None
    if options.tls_ca or options.tls_cert:
        tls = TlsOptions(options.tls_ca, options.tls_cert, options.tls_key, options.tls_server_name)
        for path in (tls.ca, tls.cert, tls.key):
            if path is not None and not path.is_file():
                raise ConfigurationError(f"no such file: {path}")
    elif not options.insecure:
        for target in schedulers:
            if not is_loopback(target):
                raise ConfigurationError(
                    f"--scheduler {target} is another host: give --tls-ca, or --insecure to send "
                    "tasks and their arguments in plaintext"
                )
    return RuntimeOptions(
        schedulers, options.instance, options.max_in_flight, tls, options.drain_timeout
    )


def _make_engine(options: argparse.Namespace) -> EngineAdapter:
    if options.engine == "stub":
        from z4j_adapters.engines.stub import StubEngine, StubOptions

        return StubEngine(StubOptions(options.outcomes, options.run_time or 0.0))
    try:
        from z4j_adapters.engines.celery import CeleryEngine, CeleryOptions
    except ImportError as error:
        raise ConfigurationError(
            f"{error.name} is not installed: pip install 'z4j-adapters[celery]'"
        ) from error
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


async def _serve(engine: EngineAdapter, options: RuntimeOptions) -> None:
    runtime = Runtime(engine, options)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, runtime.stop)
    await runtime.run()


class _JsonFormatter(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        entry = {
            "time": self.formatTime(record, "%Y-%m-%dT%H:%M:%S") + f".{int(record.msecs):03d}",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return json.dumps(entry, ensure_ascii=False)


def _configure_log(level: str, form: str) -> None:
    handler = logging.StreamHandler()
    if form == "json" or (form == "auto" and not sys.stderr.isatty()):
        handler.setFormatter(_JsonFormatter())
    else:
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(name)s %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    logging.getLogger("z4j_adapters").setLevel(level.upper())
