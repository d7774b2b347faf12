"""`z4j-adapter watch`: writes the jobs that another scheduler sends as JSON lines."""

from __future__ import annotations

import argparse
import contextlib
import json
import signal
import sys
import time
from collections.abc import Iterable, Sequence
from typing import Any, TextIO

from z4j_adapters._options import seconds
from z4j_adapters.transfer.isolate import own_stdout
from z4j_adapters.transfer.model import Source, SourceError
from z4j_adapters.transfer.sources import SOURCES
from z4j_adapters.transfer.usage import (
    WrongUsage,
    check_known,
    first_options,
    listed,
    missing,
    none_chosen,
    parser_of,
)
from z4j_adapters.transfer.values import Inexact, json_text
from z4j_adapters.transfer.watcher import Lost, Seen, Sight, Watcher
from z4j_adapters.transfer.watchers import NATURAL, NO_WATCHER, WATCHERS, watcher_of

__all__ = ["main"]

EXIT_OK, EXIT_ERROR = 0, 2
LOOK_S = 0.5  # The longest until a signal, or the end of the time, is noticed.

USAGE = "z4j-adapter watch --from SOURCE [--watch ENGINE] [--for TIME] [option …]"
HELP = """\
Watch the jobs that another scheduler sends, and write each as a JSON line.  Nothing is taken from
its queues, and nothing is changed there.  `z4j-scheduler import shadow` starts this command, and
compares what it sees with what schedules in shadow record.

--from names the source as `z4j-adapter import` has it; --watch the engine to watch, where the
source alone does not say it.

engines:
{watchers}

`z4j-adapter watch --from SOURCE --help` explains the options of one, and what has to be turned on.
"""


def main(argv: Sequence[str]) -> int:
    """Run `watch` with what follows it on the command line; return the exit code.

    0: watched until the time was over or a signal came.  2: it cannot be watched; the last line
    says why.
    """
    try:
        options, watcher = _parse(list(argv))
    except SystemExit as end:  # --help
        return int(end.code or 0)
    except WrongUsage as error:
        print(f"usage: {USAGE}\nz4j-adapter watch: error: {error}", file=sys.stderr)
        with own_stdout() as out:
            _Lines(out).error(SourceError("WRONG_USAGE", str(error)))
        return EXIT_ERROR
    with own_stdout() as out, _Stop() as stop:
        try:
            return _run(_Lines(out), watcher(options), options, stop)
        except BrokenPipeError:  # The reader has gone; it needs no more from us.
            return EXIT_ERROR


class _Stop:
    """Whether SIGINT or SIGTERM came."""

    asked = False

    def __enter__(self) -> _Stop:
        self._before = {
            number: signal.signal(number, self._ask) for number in (signal.SIGINT, signal.SIGTERM)
        }
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _ask(self, *_: object) -> None:
        self.asked = True


class _Lines:
    """Writes lines, each at once."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._seen = 0

    def watching(self, name: str, source: Source) -> None:
        """The first line."""
        told = {"watch": name, "version": source.version, "locator": source.locator}
        self._write("watching", **told, at=_now_us())

    def sights(self, sights: Iterable[Sight]) -> None:
        """What was seen."""
        for sight in sights:
            if isinstance(sight, Seen):
                self._seen += 1
                told = {"task": sight.task, "at": sight.at, "id": sight.id}
                call = {"args": sight.args, "kwargs": sight.kwargs}
                self._write("seen", **told, **{k: v for k, v in call.items() if _is_json(v)})
            elif isinstance(sight, Lost):
                self._write("lost", **{"from": sight.begin, "to": sight.end})
            else:
                self._write("warning", code=sight.code, message=sight.message)

    def end(self) -> None:
        """The last line of a watch that went well."""
        self._write("end", at=_now_us(), seen=self._seen)

    def error(self, error: SourceError) -> None:
        """The last line of one that did not."""
        self._write("error", code=error.code, message=error.message, remedy=error.remedy)

    def _write(self, line: str, **fields: Any) -> None:
        self._out.write(json.dumps({"type": line, **fields}, separators=(",", ":")) + "\n")
        self._out.flush()


def _run(lines: _Lines, watcher: Watcher, options: argparse.Namespace, stop: _Stop) -> int:
    try:
        source = watcher.open()
        lines.watching(options.watch, source)
        end = time.monotonic() + options.seconds
        while not stop.asked and (left := end - time.monotonic()) > 0:
            lines.sights(watcher.look(min(LOOK_S, left)))
        lines.sights(watcher.look(0))
        lines.sights(watcher.close())
    except SourceError as error:
        lines.error(error)
    except ImportError as error:
        lines.error(missing(watcher.packages, error))
    except BrokenPipeError:
        raise
    except Exception as error:
        what = f"the watch broke off: {type(error).__name__}: {error}"
        lines.error(SourceError("WATCH_FAILED", what, "start it again, or report this"))
    else:
        lines.end()
        return EXIT_OK
    return EXIT_ERROR


def _is_json(value: Any) -> bool:
    with contextlib.suppress(Inexact):
        json_text(value, tuples=True)
        return value is not None
    return False


def _now_us() -> int:
    return time.time_ns() // 1000


def _parse(argv: list[str]) -> tuple[argparse.Namespace, type[Watcher]]:
    first = first_options(argv, "from", "watch")
    source, name = first["from"], first["watch"]
    if source is None and name is None:
        raise none_chosen(argv, "from", "source", SOURCES, _teach)
    name = name or _natural(str(source))
    check_known(name, "watch", "engine", WATCHERS)
    watcher = watcher_of(name)
    parser = parser_of("watch", "from", source or name, watcher.help)
    parser.add_argument("--watch", help=argparse.SUPPRESS)
    watcher.arguments(parser)
    parser.add_argument(
        "--for",
        dest="seconds",
        type=seconds,
        default=float("inf"),
        metavar="TIME",
        help="how long: 30s, 24h (default: until Ctrl-C)",
    )
    options = parser.parse_args(argv)
    options.watch = name
    return options, watcher


def _natural(source: str) -> str:
    """The engine that goes with a source."""
    if why := NO_WATCHER.get(source):
        raise WrongUsage(
            f"--from {source}: {why}; if its jobs send tasks of an engine, name that: --watch "
            + "|".join(WATCHERS)
        )
    check_known(source, "from", "source", SOURCES)
    return NATURAL[source]


def _teach() -> str:
    def summary(name: str) -> str:
        sources = ", ".join(source for source, engine in NATURAL.items() if engine == name)
        return f"{watcher_of(name).summary} (--from {sources})"

    watchers = listed({name: summary(name) for name in WATCHERS})
    return f"usage: {USAGE}\n\n{HELP.format(watchers=watchers)}"
