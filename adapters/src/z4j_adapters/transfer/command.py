"""`z4j-adapter import`: reads another scheduler's schedules and writes them as JSON lines."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from datetime import datetime, timezone
from typing import TextIO

from z4j_adapters._options import Parser, count
from z4j_adapters.transfer.answers import answers, processes
from z4j_adapters.transfer.isolate import own_stdout
from z4j_adapters.transfer.lines import LineWriter
from z4j_adapters.transfer.model import Importer, SourceError
from z4j_adapters.transfer.sources import SOURCES, importer_of
from z4j_adapters.transfer.usage import (
    WrongUsage,
    chosen,
    instant,
    listed,
    missing,
    parser_of,
    zone_name,
)
from z4j_adapters.transfer.zones import tzdata_version

__all__ = ["main"]

EXIT_OK, EXIT_ERROR = 0, 2
FIRES_MAX = 10_000

USAGE = "z4j-adapter import --from SOURCE [option …]"
HELP = """\
Read the schedules of another scheduler, and write what they become here as JSON lines.  Nothing
is written to the source, and nothing is sent to a scheduler: `z4j-scheduler import` starts this
command in your own environment, plans, proves and applies.

Run it where the library and your code are: with the Python of your project's virtualenv.

sources:
{sources}

`z4j-adapter import --from SOURCE --help` explains the options of one.
"""


def main(argv: Sequence[str]) -> int:
    """Run `import` with what follows it on the command line; return the exit code.

    0: everything was read, refused entries included.  2: the source cannot be read; the last line
    says why.
    """
    try:
        options, importer = _parse(list(argv))
    except SystemExit as end:  # --help
        return int(end.code or 0)
    except WrongUsage as error:
        print(f"usage: {USAGE}\nz4j-adapter import: error: {error}", file=sys.stderr)
        wrong = SourceError("WRONG_USAGE", str(error), "z4j-adapter import --from SOURCE --help")
        with own_stdout() as out:
            _writer(out, None).error(wrong)
        return EXIT_ERROR
    with own_stdout() as out:
        try:
            code = _run(_writer(out, options), importer(options))
            out.flush()
        except BrokenPipeError:  # The reader has gone; it needs no more from us.
            code = EXIT_ERROR
    return code


def _run(lines: LineWriter, importer: Importer) -> int:
    try:
        source = importer.source()
        lines.source(source, tzdata=tzdata_version(), read_at=datetime.now(timezone.utc))
        options = importer.options
        for entry, answer in answers(importer.read(), options.at, options.fires, processes()):
            lines.entry(entry, answer, importer.total())
    except SourceError as error:
        lines.error(error)
    except ImportError as error:
        lines.error(missing(importer.packages, error))
    except BrokenPipeError:
        raise
    except Exception as error:
        lines.error(_broken(error))
    else:
        lines.end()
        return EXIT_OK
    return EXIT_ERROR


def _broken(error: Exception) -> SourceError:
    return SourceError(
        "READ_FAILED",
        f"the source cannot be read to its end: {type(error).__name__}: {error}",
        "nothing was imported; look at the source, or report this",
    )


def _writer(out: TextIO, options: argparse.Namespace | None) -> LineWriter:
    if options is None:
        return LineWriter(out, datetime.now(timezone.utc))
    return LineWriter(out, options.at)


def _parse(argv: list[str]) -> tuple[argparse.Namespace, type[Importer]]:
    name = chosen(argv, "from", "source", SOURCES, _teach)
    importer = importer_of(name)
    parser = parser_of("import", "from", name, importer.help)
    importer.arguments(parser)
    _common(parser)
    options = parser.parse_args(argv)
    if options.fires > FIRES_MAX:
        raise WrongUsage(f"--fires {options.fires} is more than {FIRES_MAX}")
    return options, importer


def _teach() -> str:
    sources = listed({name: importer_of(name).summary for name in SOURCES})
    return f"usage: {USAGE}\n\n{HELP.format(sources=sources)}"


def _common(parser: Parser) -> None:
    parser.add_argument(
        "--fires",
        type=count,
        default=0,
        metavar="N",
        help="tell each schedule's next N due times, as the library's own code has them, up to "
        f"{FIRES_MAX} (default: none)",
    )
    parser.add_argument(
        "--at",
        type=instant,
        default=datetime.now(timezone.utc),
        metavar="INSTANT",
        help="count due times from here, such as 2026-03-01T00:00:00Z (default: now)",
    )
    parser.add_argument(
        "--timezone",
        type=zone_name,
        metavar="ZONE",
        help="the zone of a source that does not say its own, such as Europe/Berlin",
    )
    parser.add_argument(
        "--engine",
        metavar="NAME",
        help="the engine that will run the tasks, where the source does not say it",
    )
