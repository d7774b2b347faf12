"""`z4j-adapter ENGINE`: reads options, runs the engine until SIGTERM."""

from __future__ import annotations

import argparse
import asyncio
import importlib
import json
import logging
import os
import signal
import socket
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING

from z4j_adapters import engines
from z4j_adapters._adapter import EngineAdapter
from z4j_adapters._command import EngineCommand
from z4j_adapters._errors import ConfigurationError
from z4j_adapters._options import Parser, address, is_loopback, labels_of, seconds
from z4j_adapters._version import __version__

if TYPE_CHECKING:  # gRPC is loaded when an engine is to be served, not to import schedules.
    from z4j_adapters._runtime import RuntimeOptions

__all__ = ["main"]

EXIT_OK, EXIT_FAILURE, EXIT_USAGE = 0, 1, 2


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code.

    0: stopped on request.  1: the engine cannot be started.  2: wrong usage.  `import` and `watch`
    have their own.
    """
    is_process = argv is None
    argv = sys.argv[1:] if argv is None else argv
    if list(argv[:1]) in (["import"], ["watch"]):
        from z4j_adapters.transfer import command, isolate, watch_command

        run = command.main if argv[0] == "import" else watch_command.main
        code = run(argv[1:])
        if is_process:
            isolate.leave(code)
        return code
    commands = _commands()
    options = _parser(commands).parse_args(argv)
    _configure_log(options.log_level, options.log_format)
    try:
        engine = _make_engine(commands[options.engine], options)
        asyncio.run(_serve(engine, _runtime_options(options)))
    except ConfigurationError as error:
        print(f"z4j-adapter: {error}", file=sys.stderr)
        return EXIT_FAILURE
    except KeyboardInterrupt:
        pass
    return EXIT_OK


def _parser(commands: Mapping[str, EngineCommand]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="z4j-adapter",
        description="Attach a task engine to z4j-scheduler.",
        epilog="z4j-adapter ENGINE --help explains the engine's options with examples; "
        "z4j-adapter import --help, how schedules of other schedulers are read; "
        "z4j-adapter watch --help, how their jobs are watched.",
    )
    parser.add_argument("--version", action="version", version=f"z4j-adapter {__version__}")
    verbs = parser.add_subparsers(
        dest="engine", metavar="ENGINE", required=True, parser_class=Parser
    )
    for name, command in commands.items():
        engine = verbs.add_parser(
            name,
            help=command.summary,
            description=command.help,
            usage=f"z4j-adapter {name} {command.usage}",
        )
        command.add_options(engine)
        _common_options(engine)
    return parser


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
        "label",
        repeat=True,
        metavar="KEY=VALUE",
        help="a label by which schedules choose among adapters, such as region=eu; repeat for more",
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
    from z4j_adapters._runtime import RuntimeOptions, TlsOptions

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
        schedulers,
        options.instance,
        options.max_in_flight,
        tls,
        options.drain_timeout,
        labels_of(options.label),
    )


def _commands() -> dict[str, EngineCommand]:
    """Find the engines here, each a folder with a command.py, and those of other packages."""
    folder = Path(engines.__file__).parent
    names = sorted(path.parent.name for path in folder.glob("*/command.py"))
    modules = {n: importlib.import_module(f"z4j_adapters.engines.{n}.command") for n in names}
    others = {point.name: point.load() for point in entry_points(group="z4j_adapters.engines")}
    return {**others, **{name: module.COMMAND for name, module in modules.items()}}


def _make_engine(command: EngineCommand, options: argparse.Namespace) -> EngineAdapter:
    try:
        return command.make(options)
    except ImportError as error:
        raise ConfigurationError(
            f"{error.name} is not installed: pip install 'z4j-adapters[{options.engine}]'"
        ) from error


async def _serve(engine: EngineAdapter, options: RuntimeOptions) -> None:
    from z4j_adapters._runtime import Runtime

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
