"""`z4j-adapter stub`: options and help."""

from __future__ import annotations

import argparse

from z4j_adapters._adapter import EngineAdapter
from z4j_adapters._command import EngineCommand
from z4j_adapters._options import Parser, count, seconds

__all__ = ["COMMAND"]

HELP = """\
An engine in memory that runs nothing and reports every fire as run; to try the scheduler out.

examples:
  z4j-adapter stub
  z4j-adapter stub --outcomes final --run-time 2s

A task named "fail" fails."""


def _add_options(parser: Parser) -> None:
    parser.option(
        "outcomes",
        choices=("all", "final", "stored", "none"),
        default="all",
        help="report start and end of runs, only the end, or nothing (default: all)",
    )
    parser.option("run-time", type=seconds, help="how long a run takes (default: no time)")
    parser.queues()
    parser.option("workers", type=count, help="runs at once; others wait (default: any number)")


def _make(options: argparse.Namespace) -> EngineAdapter:
    from z4j_adapters.engines.stub import StubEngine, StubOptions

    run_s = options.run_time or 0.0
    return StubEngine(StubOptions(options.outcomes, run_s, options.workers, tuple(options.queue)))


COMMAND = EngineCommand(
    summary="runs nothing",
    usage="[option …]",
    help=HELP,
    add_options=_add_options,
    make=_make,
)
