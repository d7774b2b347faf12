"""`z4j-adapter file_queue`."""

from __future__ import annotations

import argparse
from pathlib import Path

from z4j_adapters import ConfigurationError, EngineAdapter, EngineCommand, Parser

__all__ = ["COMMAND"]

HELP = """\
Attach a queue of files to the scheduler.

examples:
  z4j-adapter file_queue --folder /var/spool/tasks

A fire is a file in FOLDER/tasks; its outcome is read from FOLDER/done."""


def _add_options(parser: Parser) -> None:
    parser.option("folder", type=Path, help="where the queue is")


def _make(options: argparse.Namespace) -> EngineAdapter:
    from file_queue.engine import FileQueueEngine

    if options.folder is None:
        raise ConfigurationError("give --folder, the queue's")
    return FileQueueEngine(options.folder)


COMMAND = EngineCommand(
    summary="files in a folder",
    usage="--folder FOLDER  [option …]",
    help=HELP,
    add_options=_add_options,
    make=_make,
)
