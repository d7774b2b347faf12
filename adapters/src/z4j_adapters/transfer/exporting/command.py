"""`z4j-adapter export`: writes schedules as another scheduler's own definitions."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path

from z4j_adapters.transfer.exporting.compare import DROPPABLE
from z4j_adapters.transfer.exporting.lines import ExportLines
from z4j_adapters.transfer.exporting.model import Exporter
from z4j_adapters.transfer.exporting.run import run_export
from z4j_adapters.transfer.exporting.targets import TARGETS, exporter_of
from z4j_adapters.transfer.exporting.wanted import read_wanted
from z4j_adapters.transfer.isolate import own_stdout
from z4j_adapters.transfer.model import SourceError
from z4j_adapters.transfer.usage import (
    RaisingParser,
    WrongUsage,
    chosen,
    instant,
    listed,
    missing,
    parser_of,
    zone_name,
)

__all__ = ["main"]

EXIT_OK, EXIT_ERROR = 0, 2

USAGE = "z4j-adapter export --to TARGET --output FILE [option …]"
HELP = """\
Write schedules, which come as JSON lines on standard input, as definitions of another scheduler,
load what was written with that scheduler's own library, and tell what became of each.
`z4j-scheduler export` starts this command in your own environment and compares the due times.

targets:
{targets}

`z4j-adapter export --to TARGET --help` explains the options of one.
"""


def main(argv: Sequence[str]) -> int:
    """Run `export` with what follows it on the command line; return the exit code.

    0: all was read and written, as far as the target holds it.  2: it could not be; the last line
    says why.
    """
    try:
        options, exporter = _parse(list(argv))
    except SystemExit as end:  # --help
        return int(end.code or 0)
    except WrongUsage as error:
        print(f"usage: {USAGE}\nz4j-adapter export: error: {error}", file=sys.stderr)
        wrong = SourceError("WRONG_USAGE", str(error), "z4j-adapter export --to TARGET --help")
        with own_stdout() as out:
            ExportLines(out).error(wrong)
        return EXIT_ERROR
    with own_stdout() as out:
        try:
            return _run(ExportLines(out), exporter(options), options)
        except BrokenPipeError:  # The reader has gone; it needs no more from us.
            return EXIT_ERROR


def _run(lines: ExportLines, exporter: Exporter, options: argparse.Namespace) -> int:
    try:
        dropped = [DROPPABLE[name] for name in options.drop]
        run_export(exporter, read_wanted(sys.stdin, dropped), options.output, lines)
    except SourceError as error:
        lines.error(error)
    except ImportError as error:
        lines.error(missing(exporter.packages, error))
    except BrokenPipeError:
        raise
    except Exception as error:
        message = f"the export cannot be finished: {type(error).__name__}: {error}"
        lines.error(SourceError("WRITE_FAILED", message, "nothing is to be used of it"))
    else:
        lines.end()
        return EXIT_OK
    return EXIT_ERROR


def _parse(argv: list[str]) -> tuple[argparse.Namespace, type[Exporter]]:
    name = chosen(argv, "to", "target", TARGETS, _teach)
    exporter = exporter_of(name)
    parser = parser_of("export", "to", name, exporter.help, "--output FILE")
    exporter.arguments(parser)
    _common(parser)
    return parser.parse_args(argv), exporter


def _teach() -> str:
    targets = listed({name: exporter_of(name).summary for name in TARGETS})
    return f"usage: {USAGE}\n\n{HELP.format(targets=targets)}"


def _common(parser: RaisingParser) -> None:
    parser.add_argument(
        "--output", type=Path, required=True, metavar="FILE", help="the file to write"
    )
    parser.add_argument(
        "--drop",
        type=_dropped,
        default=[],
        metavar="FIELD,…",
        help=f"leave these out, which the target may not have: {', '.join(DROPPABLE)}",
    )
    parser.add_argument(
        "--any-phase",
        action="store_true",
        help="let intervals begin when the other scheduler starts, where it cannot be told when",
    )
    parser.add_argument(
        "--at",
        type=instant,
        default=datetime.now(timezone.utc),
        metavar="INSTANT",
        help="the present, such as 2026-03-01T00:00:00Z (default: now)",
    )
    parser.add_argument(
        "--timezone",
        type=zone_name,
        metavar="ZONE",
        help="the zone of a target that runs in the zone of its host or app",
    )


def _dropped(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",") if name.strip()]
    for name in names:
        if name not in DROPPABLE:
            raise argparse.ArgumentTypeError(
                f"{name!r} cannot be dropped; there are {', '.join(DROPPABLE)}"
            )
    return names
